import { useNavigate } from '@tanstack/react-router'
import type { Coe } from '~/api/types'
import { TimeSeries } from '~/charts/TimeSeries'
import { Icon } from '~/components/Icon'
import { Facts, Panel } from '~/components/Page'
import { RefLink, RefList, To } from '~/components/Ref'
import { Time } from '~/components/Time'
import { Entries } from '~/features/incidents/Timeline'
import { count } from '~/lib/number'
import { focusRange } from '~/lib/stack'
import { duration } from '~/lib/time'
import css from './Coe.module.css'

/** The mark of what was filled in by the machine and nobody can rewrite. */
export function ByMachine() {
  return (
    <span className={css.machine} title="Filled in from the ledger and the logs; nobody can rewrite it">
      <Icon name="machine" size={13} /> by machine
    </span>
  )
}

export function ImpactPart({ coe }: { coe: Coe }) {
  const impact = coe.status?.impact ?? {}
  return (
    <Panel title="Impact in numbers" aside={<ByMachine />} tone="machine">
      <Facts
        items={[
          ['Customers hurt for', <strong>{duration(impact.durationMs)}</strong>],
          ['From, until', <><Time at={impact.startedAt} as="time" /> – <Time at={impact.endedAt} as="time" /></>],
          ['Failing lines', count(impact.failingLines)],
          ['Detected after', duration(impact.timeToDetectMs)],
          ['Answered after', duration(impact.timeToAcknowledgeMs)],
          ['Mitigated after', duration(impact.timeToMitigateMs)],
          ['Cases', (impact.cases ?? []).join(', ') || <span className="faint">none named</span>],
          ['Services', <RefList refs={impact.services} kind="component" />],
        ]}
      />
    </Panel>
  )
}

export function GraphPart({ coe }: { coe: Coe }) {
  const navigate = useNavigate()
  const graph = coe.status?.graph
  if (!graph || graph.startsUs.length === 0) return null
  const from = (graph.startsUs[0] ?? 0) / 1_000
  const until = ((graph.startsUs[graph.startsUs.length - 1] ?? 0) + graph.bucketUs) / 1_000
  const impact = coe.status?.impact
  const x = graph.startsUs.map((us) => us / 1e6)
  const marks = [impact?.startedAt, impact?.endedAt].flatMap((at) => (at ? [Date.parse(at) / 1_000] : []))
  const range = focusRange(x, graph.counts, graph.bucketUs / 1e6, marks)
  return (
    <Panel title="The symptom" aside={<><To href={`/logs?query=${encodeURIComponent(graph.query)}&since=${new Date(from).toISOString()}&until=${new Date(until).toISOString()}`}>Open in Logs</To><ByMachine /></>} tone="machine">
      <p className="dim small"><code>{graph.query}</code></p>
      <TimeSeries
        label={`Failing lines over time${graph.threshold !== undefined ? ` against the threshold of ${graph.threshold}` : ''}`}
        x={x}
        {...range}
        series={[{ label: 'failing lines', values: graph.counts, color: '--band-error', type: 'bars' }]}
        bucket={graph.bucketUs / 1e6}
        levels={graph.threshold === undefined || graph.threshold === null ? [] : [{ value: graph.threshold, label: `threshold ${graph.threshold}` }]}
        markers={[
          ...(impact?.startedAt ? [{ at: Date.parse(impact.startedAt) / 1_000, label: 'began', tone: 'stopped' as const }] : []),
          ...(impact?.endedAt ? [{ at: Date.parse(impact.endedAt) / 1_000, label: 'ended', tone: 'ok' as const }] : []),
        ]}
        height={170}
        onZoom={(a, b) => void navigate({ to: '/logs', search: { query: graph.query, since: new Date(a * 1_000).toISOString(), until: new Date(b * 1_000).toISOString() } })}
      />
    </Panel>
  )
}

export function TimelinePart({ coe }: { coe: Coe }) {
  const entries = [...(coe.status?.timeline ?? [])].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return (
    <Panel title="Timeline" aside={<ByMachine />} tone="machine">
      <Entries entries={entries} />
    </Panel>
  )
}

export function ChangePart({ coe }: { coe: Coe }) {
  const { spec, status } = coe
  return (
    <Panel title="Where it comes from" aside={<ByMachine />} tone="machine">
      <Facts
        items={[
          ['Incident', <RefLink to={spec.incident} />],
          ...(spec.andon ? [['Andon', <RefLink key="andon" to={spec.andon} />] as [string, React.ReactNode]] : []),
          ['Change', status?.change ? <RefLink to={status.change} /> : <span className="faint">none found</span>],
          ['Owner', <RefLink to={spec.owner} kind="group" />],
          ['Related', <RefList refs={status?.related} kind="coe" empty="no COE with the same factors" />],
          ['Published', <Time at={status?.publishedAt} as="both" />],
          ['Chain', <To href={`/trace/coes/${coe.metadata.name}`}>from change to lesson</To>],
        ]}
      />
    </Panel>
  )
}
