import type { Change } from '~/api/types'
import { Who } from '~/components/Ref'
import { Time, useNow } from '~/components/Time'
import { percent } from '~/lib/number'
import { duration } from '~/lib/time'
import { layoutTrack } from '~/lib/track'
import css from './Changes.module.css'

/** The way of a change: its stages in a row, the waits between them hatched. */
export function StageTrack({ change }: { change: Change }) {
  const now = useNow(1_000)
  const stages = change.status?.stages ?? []
  const failed = change.status?.outcome === 'failed'
  const track = layoutTrack(stages, now)
  if (stages.length === 0) {
    return <p className="dim">No stage is reported. <code>andon change record … --stage build=START..END</code> tells of one.</p>
  }
  return (
    <div>
      <ol className={css.track} style={{ listStyle: 'none', padding: 0 }} aria-label="Stages and waits in order">
        {track.segments.map((segment, i) => {
          const isLast = i === track.segments.length - 1
          const label = segment.kind === 'wait' ? `Waited ${duration(segment.ms)} before ${segment.stage.name}${segment.stage.waitReason ? `: ${segment.stage.waitReason}` : ''}` : `${segment.stage.name}: ${duration(segment.ms)}${segment.running ? ', running' : ''}`
          return (
            <li
              key={i}
              className={`${css.segment} ${segment.kind === 'wait' ? css.wait : css.stage}`}
              style={{ width: `${segment.share * 100}%` }}
              data-running={segment.running || undefined}
              data-failed={(failed && isLast) || undefined}
              title={label}
            >
              <div className={css.bar}>{segment.kind === 'stage' && segment.stage.name}</div>
              <div className={css.meta}>
                {segment.kind === 'wait' && <span className="visually-hidden">wait before {segment.stage.name}: </span>}
                {duration(segment.ms)}
                {segment.running && ' so far'}
              </div>
            </li>
          )
        })}
      </ol>
      <div className={css.legend}>
        <span><i className={css.swatch} data-kind="stage" />work {duration(track.workMs)}</span>
        <span><i className={css.swatch} data-kind="wait" />wait {duration(track.waitMs)}{track.totalMs > 0 && ` (${percent(track.waitMs / track.totalMs)})`}</span>
        {!track.toScale && <span className="faint">short pieces are drawn wider than they are</span>}
      </div>
      <div style={{ overflowX: 'auto' }}>
        <table className={css.stages} aria-label="Stages">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">Began</th>
              <th scope="col">Took</th>
              <th scope="col">Waited before</th>
              <th scope="col">Who</th>
            </tr>
          </thead>
          <tbody>
            {stages.map((stage, i) => (
              <tr key={i}>
                <td className="strong">{stage.name}</td>
                <td><Time at={stage.startedAt} as={track.totalMs < 3_600_000 ? 'seconds' : 'time'} /></td>
                <td className="num nowrap">{duration((stage.finishedAt ? Date.parse(stage.finishedAt) : now) - Date.parse(stage.startedAt))}{!stage.finishedAt && ' so far'}</td>
                <td className="num">{stage.waitedMs ? <>{duration(stage.waitedMs)} {stage.waitReason && <span className="faint">{stage.waitReason}</span>}</> : <span className="faint">–</span>}</td>
                <td><Who who={stage.actor} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}
