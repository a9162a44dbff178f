import { useNavigate, useSearch } from '@tanstack/react-router'
import { hrefOf, shortName } from '~/api/refs'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { Page, Panel } from '~/components/Page'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { count } from '~/lib/number'
import { duration } from '~/lib/time'
import { useServices, type ServiceRow } from './data'

const columns: Column<ServiceRow>[] = [
  {
    id: 'service', title: 'Service', sort: (r) => r.component.metadata.name,
    cell: (r) => (
      <>
        <RefLink to={r.ref} />
        <div className="faint small hide-narrow truncate" style={{ maxWidth: 300 }}>{r.component.metadata.description}</div>
      </>
    ),
  },
  { id: 'line', title: 'Line', sort: (r) => r.andons.length, tight: true, cell: (r) => <State state={r.andons.length ? 'stopped' : 'ok'} word={r.andons.length ? 'stopped' : 'runs'} /> },
  { id: 'alarms', title: 'Alarms', sort: (r) => alarmRank(r), tight: true, cell: (r) => <Alarms row={r} /> },
  { id: 'owner', title: 'Owner', sort: (r) => shortName(r.owner), hide: 'phone', cell: (r) => <RefLink to={r.owner} /> },
  { id: 'last', title: 'Last change', sort: (r) => r.flow?.lastChangeAt, tight: true, hide: 'phone', cell: (r) => <Time at={r.flow?.lastChangeAt} /> },
  { id: 'changes', title: 'Changes', sort: (r) => r.flow?.changes, align: 'right', hide: 'narrow', cell: (r) => count(r.flow?.changes) },
  { id: 'rollbacks', title: 'Rolled back', sort: (r) => r.flow?.rollbacks, align: 'right', hide: 'narrow', cell: (r) => count(r.flow?.rollbacks) },
  { id: 'p50', title: 'Value p50', sort: (r) => r.flow?.p50Ms, align: 'right', hide: 'phone', cell: (r) => duration(r.flow?.p50Ms) },
  { id: 'p90', title: 'p90', sort: (r) => r.flow?.p90Ms, align: 'right', hide: 'narrow', cell: (r) => duration(r.flow?.p90Ms) },
  { id: 'batch', title: 'Batch', sort: (r) => r.flow?.batchP50, align: 'right', hide: 'narrow', cell: (r) => count(r.flow?.batchP50) },
  { id: 'authors', title: 'Authors', sort: (r) => r.flow?.authors, align: 'right', hide: 'narrow', cell: (r) => count(r.flow?.authors) },
]

function alarmRank(row: ServiceRow): number {
  if (row.alarms.length === 0) return 0
  if (row.alarms.some((a) => a.status?.state === 'firing')) return 3
  return row.alarms.some((a) => a.status?.state !== 'ok') ? 2 : 1
}

function Alarms({ row }: { row: ServiceRow }) {
  const firing = row.alarms.filter((a) => a.status?.state === 'firing').length
  const unknown = row.alarms.filter((a) => a.status?.state !== 'ok' && a.status?.state !== 'firing').length
  if (row.alarms.length === 0) return <span className="faint">none set</span>
  if (firing) return <State state="firing" word={`${firing} firing`} />
  if (unknown) return <State state="unknown" word={`${unknown} unknown`} />
  return <State state="ok" word={`${row.alarms.length} ok`} />
}

export function ServicesPage() {
  const search = useSearch({ from: '/services' })
  const navigate = useNavigate({ from: '/services' })
  const { query, rows } = useServices()
  const owners = [...new Set(rows.map((r) => r.owner))].sort().map((value) => ({ value, label: shortName(value) }))
  const words = (search.q ?? '').toLowerCase()
  const shown = rows.filter(
    (r) => (!search.owner || r.owner === search.owner) && (!words || `${r.component.metadata.name} ${r.component.metadata.description ?? ''}`.toLowerCase().includes(words)),
  )
  return (
    <Page title="Services" wide kicker="Who owns what, and how it flows to customers. Numbers of the last 30 days.">
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search services" />
        <Choice label="Owner" value={search.owner} options={owners} onChange={(owner) => void navigate({ search: (s) => ({ ...s, owner }) })} />
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={8}>
          {() => (
            <DataTable
              label="Services"
              columns={columns}
              rows={shown}
              rowKey={(r) => r.ref}
              href={(r) => hrefOf(r.ref)}
              empty={
                rows.length > 0 ? (
                  <Empty title="No service matches." />
                ) : (
                  <Empty title="No service is known yet." command="andon apply -f catalog-info.yaml">
                    Services are Backstage descriptors. Take the <code>catalog-info.yaml</code> files you have, as they are.
                  </Empty>
                )
              }
            />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}
