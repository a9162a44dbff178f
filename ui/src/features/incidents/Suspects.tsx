import { refOf, shortName } from '~/api/refs'
import type { Change, Incident, IncidentContext } from '~/api/types'
import { Command } from '~/components/Command'
import { Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink, To, Who } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { deployer } from '~/features/changes/columns'
import { percent } from '~/lib/number'
import css from './Incident.module.css'
import { Words } from '~/components/Words'

interface Suspect {
  ref: string
  change: Change | undefined
  score: number
  reasons: string[]
}

/** The changes that may have caused it; the first one is what a responder looks at. */
export function Suspects({ incident, context, failed }: { incident: Incident; context: IncidentContext | undefined; failed: unknown }) {
  const suspects: Suspect[] = context
    ? context.suspects.map((s) => ({ ref: refOf(s.change), change: s.change, score: s.score, reasons: s.reasons }))
    : (incident.status?.suspects ?? []).map((s) => ({ ref: s.change, change: undefined, score: s.score, reasons: s.reasons }))
  const [first, ...others] = suspects
  return (
    <Panel title="What changed before it" aside={suspects.length > 1 && 'ranked by how likely it caused this'} flush>
      {failed ? <div style={{ padding: 12 }}><ProblemView error={failed} compact /></div> : null}
      {!first ? (
        <p className="dim" style={{ padding: 14 }}>No change of these services or what they depend on came before it.</p>
      ) : (
        <First suspect={first} />
      )}
      {others.length > 0 && (
        <ol className={css.others} start={2}>
          {others.map((suspect) => (
            <li key={suspect.ref}>
              <span className="num faint">{percent(suspect.score)}</span>
              <span>
                <RefLink to={suspect.ref}>{suspect.change ? `${shortName(suspect.change.spec.service)} ${suspect.change.spec.version}` : shortName(suspect.ref)}</RefLink>
                {suspect.change?.spec.title && <> {suspect.change.spec.title}</>}
                <span className="dim"> · <Words text={suspect.reasons.join(', ')} /></span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

function First({ suspect }: { suspect: Suspect }) {
  const { change } = suspect
  const back = change && (change.status?.outcome === 'rolledBack' || change.status?.rolledBackBy)
  return (
    <div className={css.first}>
      <div className={css.firstHead}>
        <span className={css.score}>{percent(suspect.score)}</span>
        <div style={{ minWidth: 0, flex: 1 }}>
          <div className={css.firstTitle}>
            <RefLink to={suspect.ref}>{change ? `${shortName(change.spec.service)} ${change.spec.version}` : shortName(suspect.ref)}</RefLink>
            {change?.spec.title && <span>{change.spec.title}</span>}
          </div>
          {change && (
            <div className="dim small">
              <State state={change.status?.outcome} /> · reached customers <Time at={change.status?.deployedAt ?? change.metadata.createdAt} as="both" /> · by <Who who={deployer(change)} />
            </div>
          )}
        </div>
      </div>
      <ul className={css.reasons}>
        {suspect.reasons.map((reason) => <li key={reason}><Words text={reason} /></li>)}
      </ul>
      {change && !back && (
        <div className={css.back}>
          <span className="strong">Roll back</span>
          <Command text={`andon change record --service ${change.spec.service} --version PREVIOUS --rollback --rolls-back ${change.metadata.name}`} />
          <span className="dim small">A rollback is never held by the andon. See <To href={`/changes?service=${encodeURIComponent(change.spec.service)}`}>the versions before</To>.</span>
        </div>
      )}
      {back && change && (
        <div className={css.back}>
          <p className="nowrap"><State tone="ok" word="taken back" />{change.status?.rolledBackBy && <> by <RefLink to={change.status.rolledBackBy} /></>}</p>
        </div>
      )}
    </div>
  )
}
