import type { UseQueryResult } from '@tanstack/react-query'
import type { Incident, IncidentContext, LogRow } from '~/api/types'
import { shortName } from '~/api/refs'
import { TimeSeries, type Marker } from '~/charts/TimeSeries'
import { Fetched } from '~/components/Fetched'
import { Panel } from '~/components/Page'
import { To, useGo } from '~/components/Ref'
import { State } from '~/components/State'
import { count } from '~/lib/number'
import { aroundHref } from '~/features/logs/links'
import { microsOf } from '~/lib/micros'
import { focusRange } from '~/lib/stack'
import { bandOf } from '~/lib/state'
import { logTime } from '~/lib/time'
import css from './Incident.module.css'

/** What the logs say: how many lines fail, since when, and the lines themselves. */
export function Evidence({ incident, context }: { incident: Incident; context: UseQueryResult<IncidentContext> }) {
  return (
    <Panel title="What the logs say" aside={context.data?.query && <To href={logsHref(context.data)}>Open in Logs</To>} flush>
      <Fetched query={context} lines={6}>
        {(data) => (
          <>
            {(data.missing ?? []).length > 0 && <p style={{ padding: '10px 14px 0' }}><State tone="warning" word="incomplete" /> <span className="dim">{data.missing?.join('; ')}</span></p>}
            <Chart incident={incident} context={data} />
            <Failing rows={data.failing} />
          </>
        )}
      </Fetched>
    </Panel>
  )
}

function logsHref(context: IncidentContext): string {
  const starts = context.histogram?.startsUs ?? []
  const first = starts[0]
  const since = first === undefined ? '1h' : new Date(first / 1_000).toISOString()
  return `/logs?query=${encodeURIComponent(context.query ?? '')}&since=${since}`
}

function Chart({ incident, context }: { incident: Incident; context: IncidentContext }) {
  const go = useGo()
  const { histogram } = context
  if (!histogram || histogram.startsUs.length === 0) return <p className="dim" style={{ padding: 14 }}>No alarm with a log query stands behind it, so there is no graph.</p>
  const total = histogram.counts.reduce((a, b) => a + b, 0)
  const { status } = incident
  const markers: Marker[] = [
    ...context.suspects.slice(0, 3).flatMap(({ change }) => {
      const at = change.status?.deployedAt
      return at ? [{ at: Date.parse(at) / 1_000, label: `${shortName(change.spec.service)} ${change.spec.version}`, tone: change.spec.changeType === 'rollback' ? ('ok' as const) : ('moving' as const) }] : []
    }),
    ...(status?.detectedAt ? [{ at: Date.parse(status.detectedAt) / 1_000, label: 'alarm', tone: 'stopped' as const }] : []),
    ...(status?.mitigatedAt ? [{ at: Date.parse(status.mitigatedAt) / 1_000, label: 'mitigated', tone: 'ok' as const }] : []),
  ]
  const x = histogram.startsUs.map((us) => us / 1e6)
  const range = focusRange(x, histogram.counts, histogram.bucketUs / 1e6, markers.map((m) => m.at))
  return (
    <div className={css.chart}>
      <p className="dim small">
        <code>{context.query}</code> · {count(total)} lines
      </p>
      <TimeSeries
        label={`Failing lines over time, ${total} in all${histogram.threshold !== undefined ? `, the alarm's threshold is ${histogram.threshold}` : ''}`}
        x={x}
        {...range}
        series={[{ label: 'failing lines', values: histogram.counts, color: '--band-error', type: 'bars' }]}
        bucket={histogram.bucketUs / 1e6}
        levels={histogram.threshold === undefined || histogram.threshold === null ? [] : [{ value: histogram.threshold, label: `threshold ${histogram.threshold}` }]}
        markers={markers}
        height={180}
        onZoom={(from, until) => go(`/logs?query=${encodeURIComponent(context.query ?? '')}&since=${new Date(from * 1_000).toISOString()}&until=${new Date(until * 1_000).toISOString()}`)}
      />
    </div>
  )
}

function Failing({ rows }: { rows: LogRow[] }) {
  if (rows.length === 0) return null
  return (
    <ul className={css.rows} aria-label="Failing lines">
      {rows.slice(0, 12).map((row) => (
        <li key={row.id} data-band={bandOf(row.severityNumber, row.severity)}>
          <span className="faint num nowrap">{logTime(Date.parse(row.timestamp))}</span>
          <span className={css.rowText}>{row.message}</span>
          <To href={aroundHref({ id: row.id, us: microsOf(row.timestamp) }, row.traceId ? [{ field: 'trace_id', value: row.traceId }] : row.service ? [{ field: 'service', value: row.service }] : [])}>around</To>
        </li>
      ))}
    </ul>
  )
}
