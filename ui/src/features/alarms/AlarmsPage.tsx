import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { hrefOf, refOf } from '~/api/refs'
import type { Alarm } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { Page, Panel } from '~/components/Page'
import { RefLink, To } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Time } from '~/components/Time'
import { alarmList } from '~/features/services/data'
import { Words } from '~/components/Words'

const RANK: Record<string, number> = { firing: 0, unknown: 1, ok: 2 }
const STATES = ['firing', 'unknown', 'ok'].map((value) => ({ value, label: value }))

export function condition(alarm: Alarm): string {
  const { spec } = alarm
  const windows = spec.breachingWindows && spec.breachingWindows > 1 ? `, ${spec.breachingWindows} windows in a row` : ''
  return `${spec.comparison === 'below' ? 'fewer' : 'more'} than ${spec.threshold} in ${spec.window}${windows}`
}

const columns: Column<Alarm>[] = [
  { id: 'state', title: 'State', tight: true, sort: (a) => -(RANK[a.status?.state ?? 'unknown'] ?? 1), cell: (a) => <State state={a.status?.state} /> },
  { id: 'name', title: 'Alarm', sort: (a) => a.metadata.name, cell: (a) => <RefLink to={refOf(a)} /> },
  { id: 'service', title: 'Service', tight: true, hide: 'phone', sort: (a) => a.spec.service, cell: (a) => <RefLink to={a.spec.service} /> },
  { id: 'severity', title: 'Severity', tight: true, sort: (a) => a.spec.severity, cell: (a) => <SeverityMark severity={a.spec.severity} /> },
  { id: 'condition', title: 'Fires on', hide: 'narrow', cell: (a) => condition(a) },
  { id: 'reason', title: 'Seen last', main: true, cell: (a) => <span className="dim wrap">{a.status?.reason ? <Words text={a.status.reason} /> : '–'}</span> },
  { id: 'andon', title: 'Andon', tight: true, hide: 'narrow', cell: (a) => (a.spec.pullsAndon ? 'pulls it' : <span className="faint">no</span>) },
  { id: 'since', title: 'Since', tight: true, sort: (a) => a.status?.since, cell: (a) => <Time at={a.status?.since} /> },
]

export function AlarmsPage() {
  const search = useSearch({ from: '/alarms' })
  const navigate = useNavigate({ from: '/alarms' })
  const query = useQuery(alarmList)
  const words = (search.q ?? '').toLowerCase()
  const rows = (query.data?.items ?? []).filter(
    (a) => (!search.state || (a.status?.state ?? 'unknown') === search.state) && (!search.service || a.spec.service === search.service) && `${a.metadata.name} ${a.spec.service}`.toLowerCase().includes(words),
  )
  return (
    <Page title="Alarms" wide kicker="Questions asked of closed windows of received time. Incomplete data is unknown, never ok.">
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search alarms" />
        <Choice label="State" value={search.state} options={STATES} onChange={(state) => void navigate({ search: (s) => ({ ...s, state }) })} />
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={6}>
          {(data) => (
            <DataTable label="Alarms" columns={columns} rows={rows} rowKey={(a) => a.metadata.name} href={(a) => hrefOf(refOf(a))} initialSort={{ id: 'state', desc: true }}
              empty={data.items.length ? <Empty title="No alarm matches." /> : (
                <Empty title="No alarm is set." command="andon explain Alarm">
                  An alarm counts the log lines that match a query in each window. Try the query in <To href="/logs">Logs</To> first, then <To href="/apply">apply</To> an Alarm with it.
                </Empty>
              )} />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}
