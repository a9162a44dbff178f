import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { list, pages } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Action, Coe } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { Page, Panel, Stack } from '~/components/Page'
import { RefLink } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Time } from '~/components/Time'
import { plural } from '~/lib/number'
import { ActionTable } from './ActionTable'

const STATES = [['draft', 'draft'], ['inReview', 'in review'], ['published', 'published'], ['verified', 'verified']].map(([value, label]) => ({ value: value as string, label: label as string }))

const columns: Column<Coe>[] = [
  { id: 'name', title: 'COE', tight: true, cell: (c) => <RefLink to={refOf(c)} /> },
  { id: 'state', title: 'State', tight: true, sort: (c) => c.status?.state, cell: (c) => <State state={c.status?.state} /> },
  { id: 'severity', title: 'Severity', tight: true, hide: 'phone', sort: (c) => c.spec.severity, cell: (c) => <SeverityMark severity={c.spec.severity} /> },
  { id: 'title', title: 'What customers saw', main: true, cell: (c) => <span className="wrap">{c.spec.title}</span> },
  { id: 'owner', title: 'Owner', tight: true, hide: 'phone', cell: (c) => <RefLink to={c.spec.owner} kind="group" /> },
  { id: 'gates', title: 'Gates', tight: true, hide: 'narrow', cell: (c) => { const n = c.status?.openGates?.length ?? 0; return n ? <State tone="warning" word={`${n} open`} /> : <span className="faint">met</span> } },
  { id: 'incident', title: 'Incident', tight: true, hide: 'narrow', cell: (c) => <RefLink to={c.spec.incident} /> },
  { id: 'at', title: 'Opened', tight: true, hide: 'phone', sort: (c) => c.metadata.createdAt, cell: (c) => <Time at={c.metadata.createdAt} /> },
]

export function CoesPage() {
  const search = useSearch({ from: '/coes' })
  const navigate = useNavigate({ from: '/coes' })
  const query = useInfiniteQuery(pages<Coe>('coes', { q: search.q, state: search.state }))
  const actions = useQuery(list<Action>('actions', { limit: 500, state: 'open' }))
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const open = actions.data?.items ?? []
  return (
    <Page title="Corrections of errors" wide kicker="What went wrong, why, and what keeps it from coming back. Opened by the machine, written by people.">
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search COEs" />
        <Choice label="State" value={search.state} options={STATES} onChange={(state) => void navigate({ search: (s) => ({ ...s, state }) })} />
      </Filters>
      <Stack>
        <Panel flush>
          <Fetched query={query} lines={5}>
            {(data) => (
              <DataTable label="COEs" columns={columns} rows={rows} rowKey={(c) => c.metadata.name} href={(c) => hrefOf(refOf(c))}
                more={{ load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage, has: query.hasNextPage, total: data.pages[0]?.total ?? 0 }}
                empty={search.q || search.state ? <Empty title="No COE matches." /> : (
                  <Empty title="No COE yet." command="andon incident state inc-1 resolved">
                    A draft is made when an incident of severity 1 or 2 is resolved. Timeline, impact, graph and the change are filled in; people add the why.
                  </Empty>
                )} />
            )}
          </Fetched>
        </Panel>
        <Panel title="Open corrective actions" aside={plural(open.length, 'action')} flush>
          <Fetched query={actions}>
            {(data) => <ActionTable actions={data.items} withCoe empty={<Empty title="No action is open.">Corrective actions belong to a COE; each is closed by its verifier alone.</Empty>} />}
          </Fetched>
        </Panel>
      </Stack>
    </Page>
  )
}
