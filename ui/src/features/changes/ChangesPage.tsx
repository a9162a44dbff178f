import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { list, pages, timeToValue } from '~/api/queries'
import { hrefOf, refOf, shortName } from '~/api/refs'
import type { Change, Component } from '~/api/types'
import { ValueChart, Waits } from '~/charts/ValueChart'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { Page, Panel } from '~/components/Page'
import { plural } from '~/lib/number'
import { duration } from '~/lib/time'
import { changeColumns } from './columns'
import css from './Changes.module.css'

const OUTCOMES = [
  { value: 'inProgress', label: 'in progress' },
  { value: 'succeeded', label: 'succeeded' },
  { value: 'failed', label: 'failed' },
  { value: 'rolledBack', label: 'rolled back' },
]
const PERIODS = [
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
]

export function ChangesPage() {
  const search = useSearch({ from: '/changes' })
  const navigate = useNavigate({ from: '/changes' })
  const since = search.since ?? '30d'
  const flow = useQuery(timeToValue({ since, service: search.service }))
  const services = useQuery(list<Component>('components', { limit: 1000, order: 'name' }))
  const query = useInfiniteQuery(pages<Change>('changes', { service: search.service, outcome: search.outcome, q: search.q }))
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const total = query.data?.pages[0]?.total ?? 0
  const options = (services.data?.items ?? []).map((c) => ({ value: refOf(c), label: c.metadata.name }))
  const filtered = Boolean(search.q || search.service || search.outcome)

  return (
    <Page title="Changes" wide kicker="Everything on its way from commit to customer, newest first.">
      <Panel
        title={`Time to value${search.service ? ` of ${shortName(search.service)}` : ''}`}
        aside={
          <span className={css.periods} role="group" aria-label="Period">
            {PERIODS.map((period) => (
              <button key={period.value} type="button" aria-pressed={since === period.value} onClick={() => void navigate({ search: (s) => ({ ...s, since: period.value }) })}>
                {period.label}
              </button>
            ))}
          </span>
        }
      >
        <Fetched query={flow}>
          {(data) =>
            data.points.length === 0 ? (
              <p className="dim">No change reached customers in this time.</p>
            ) : (
              <div className={css.flow}>
                <ValueChart flow={data} height={180} since={since} />
                <div>
                  <p className={css.sum}>
                    Half of {plural(data.count, 'change')} took <strong>{duration(data.p50Ms)}</strong> or less from first commit to customer, nine of ten <strong>{duration(data.p90Ms)}</strong>.
                  </p>
                  <p className="faint small" style={{ margin: '8px 0 4px' }}>Where they waited, all together</p>
                  <Waits waits={data.waits} />
                </div>
              </div>
            )
          }
        </Fetched>
      </Panel>
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search changes" />
        <Choice label="Service" value={search.service} options={options} searchable width={180} onChange={(service) => void navigate({ search: (s) => ({ ...s, service }) })} />
        <Choice label="Outcome" value={search.outcome} options={OUTCOMES} onChange={(outcome) => void navigate({ search: (s) => ({ ...s, outcome }) })} />
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={8}>
          {() => (
            <DataTable
              label="Changes"
              columns={changeColumns}
              rows={rows}
              rowKey={(c) => c.metadata.name}
              href={(c) => hrefOf(refOf(c))}
              more={{ load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage, has: query.hasNextPage, total }}
              empty={
                filtered ? (
                  <Empty title="No change matches.">Take a filter away.</Empty>
                ) : (
                  <Empty title="No change is recorded yet." command="andon change record --service payments --version 2 --commit $(git rev-parse HEAD)">
                    One line in a deploy script is enough. What lies behind you can be imported: <code>andon import git PATH</code>, then <code>andon import deploys FILE.csv</code>.
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
