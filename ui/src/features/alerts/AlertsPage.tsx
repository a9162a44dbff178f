import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { pages } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Alert } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { Page, Panel } from '~/components/Page'
import { RefLink, Who } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Time } from '~/components/Time'
import { plural } from '~/lib/number'
import { useAlertVerbs } from './verbs'

const STATES = ['triggered', 'acknowledged', 'resolved'].map((value) => ({ value, label: value }))

const columns: Column<Alert>[] = [
  { id: 'name', title: 'Alert', tight: true, hide: 'phone', cell: (a) => <RefLink to={refOf(a)} /> },
  { id: 'state', title: 'State', tight: true, sort: (a) => a.status?.state, cell: (a) => <State state={a.status?.state} /> },
  { id: 'severity', title: 'Severity', tight: true, sort: (a) => a.spec.severity, cell: (a) => <SeverityMark severity={a.spec.severity} /> },
  { id: 'title', title: 'What', main: true, cell: (a) => <span className="wrap">{a.spec.title} {a.status?.stalled && <State tone="stopped" word="nobody is paged" />}</span> },
  { id: 'service', title: 'Service', tight: true, hide: 'phone', cell: (a) => <RefLink to={a.spec.service} /> },
  { id: 'source', title: 'From', hide: 'narrow', cell: (a) => <RefLink to={a.spec.source} /> },
  { id: 'who', title: 'Answered by', hide: 'narrow', tight: true, cell: (a) => <Who who={a.status?.acknowledgedBy} /> },
  { id: 'pages', title: 'Pages', align: 'right', hide: 'narrow', cell: (a) => a.status?.pages?.length ?? 0 },
  { id: 'at', title: 'Began', tight: true, sort: (a) => a.status?.startedAt, cell: (a) => <Time at={a.status?.startedAt} /> },
  { id: 'do', title: '', tight: true, hide: 'phone', cell: (a) => <Verbs alert={a} /> },
]

function Verbs({ alert }: { alert: Alert }) {
  const { acknowledge } = useAlertVerbs(alert.metadata.name)
  if (alert.status?.state !== 'triggered') return null
  return <Button size="compact-xs" loading={acknowledge.isPending} onClick={() => acknowledge.mutate(undefined)}>Acknowledge</Button>
}

export function AlertsPage() {
  const search = useSearch({ from: '/alerts' })
  const navigate = useNavigate({ from: '/alerts' })
  const query = useInfiniteQuery(pages<Alert>('alerts', { q: search.q, state: search.state, service: search.service }))
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const waiting = rows.filter((a) => a.status?.state === 'triggered').length
  const filtered = Boolean(search.q || search.state || search.service)
  return (
    <Page title="Alerts" wide kicker="What wants an answer, from alarms, andons, Prometheus." state={waiting > 0 && <State soft state="triggered" word={`${plural(waiting, 'alert')} unanswered`} />}>
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search alerts" />
        <Choice label="State" value={search.state} options={STATES} onChange={(state) => void navigate({ search: (s) => ({ ...s, state }) })} />
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={5}>
          {(data) => (
            <DataTable label="Alerts" columns={columns} rows={rows} rowKey={(a) => a.metadata.name} href={(a) => hrefOf(refOf(a))}
              more={{ load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage, has: query.hasNextPage, total: data.pages[0]?.total ?? 0 }}
              empty={filtered ? <Empty title="No alert matches." /> : (
                <Empty title="No alert has come in." command={`curl -H "Authorization: Bearer $ANDON_TOKEN" -H 'Content-Type: application/json' $ANDON_URL/api/v2/alerts -d '[{"labels":{"alertname":"Test","severity":"sev3"}}]'`}>
                  Alarms send alerts here by themselves. Point a Prometheus at Andon as its Alertmanager and its alerts page too.
                </Empty>
              )} />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}
