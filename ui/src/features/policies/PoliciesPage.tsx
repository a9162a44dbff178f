import { useQuery } from '@tanstack/react-query'
import { list } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Policy } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Page, Panel } from '~/components/Page'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { count } from '~/lib/number'

const columns: Column<Policy>[] = [
  { id: 'name', title: 'Policy', sort: (p) => p.metadata.name, cell: (p) => <><RefLink to={refOf(p)} /><div className="dim small">{p.metadata.description ?? p.metadata.title}</div></> },
  { id: 'state', title: 'Enforcement', tight: true, sort: (p) => p.spec.enforcement, cell: (p) => <State state={p.spec.enforcement} /> },
  { id: 'lesson', title: 'Lesson', tight: true, cell: (p) => (p.spec.lesson ? <RefLink to={p.spec.lesson} /> : <span className="faint">none</span>) },
  { id: 'owner', title: 'Owner', tight: true, hide: 'phone', cell: (p) => <RefLink to={p.spec.owner} kind="group" /> },
  { id: 'would', title: 'Would have refused', align: 'right', hide: 'phone', sort: (p) => p.status?.wouldRefuseCount, cell: (p) => (p.status?.triedAt ? `${count(p.status.wouldRefuseCount)} of ${count(p.status.triedCount)}` : <span className="faint">not tried</span>) },
  { id: 'refused', title: 'Refused', align: 'right', sort: (p) => p.status?.refusedCount, cell: (p) => count(p.status?.refusedCount ?? 0) },
  { id: 'tried', title: 'Tried', tight: true, hide: 'narrow', sort: (p) => p.status?.triedAt, cell: (p) => <Time at={p.status?.triedAt} /> },
]

export function PoliciesPage() {
  const query = useQuery(list<Policy>('policies', { limit: 500, order: 'name' }))
  return (
    <Page title="Policies" wide kicker="Lessons that refuse the same mistake in every other team.">
      <Panel flush>
        <Fetched query={query} lines={4}>
          {(data) => (
            <DataTable label="Policies" columns={columns} rows={data.items} rowKey={(p) => p.metadata.name} href={(p) => hrefOf(refOf(p))}
              empty={<Empty title="No policy yet." command="andon explain Policy">A policy is Rego over a change: its <code>deny</code> rules are the reasons to refuse. Try it on past changes first, then enforce it.</Empty>} />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}
