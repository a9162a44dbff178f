import { Button, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useState } from 'react'
import { answer, client } from '~/api/client'
import { Command } from '~/components/Command'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Filters } from '~/components/Filters'
import { Icon } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { State } from '~/components/State'
import { shell } from '~/lib/lucene'
import { count } from '~/lib/number'
import { EventList } from './EventList'

const PAGE_EVENTS = 100

interface AuditSearch {
  object?: string
  action?: string
  actor?: string
  since?: string
}

export function AuditPage() {
  const search: AuditSearch = useSearch({ from: '/audit' })
  const navigate = useNavigate({ from: '/audit' })
  const query = useInfiniteQuery({
    queryKey: ['events', search],
    meta: { kinds: ['*'] },
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => answer(client.GET('/api/v1/events', { params: { query: { ...search, limit: PAGE_EVENTS, cursor: pageParam } } })),
    getNextPageParam: (last) => last.next,
  })
  const events = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const filtered = Object.values(search).some(Boolean)
  const command = ['andon audit search', ...(['object', 'action', 'actor', 'since'] as const).flatMap((key) => (search[key] ? [`--${key} ${shell(search[key])}`] : []))].join(' ')
  return (
    <Page title="Audit" wide kicker="Who did what to which object, from where, allowed by which rule. Refusals too." actions={<Verify />}>
      <SearchForm search={search} go={(next) => void navigate({ search: next })} />
      <Panel flush title="Events" aside={<Command text={command} />}>
        <Fetched query={query} lines={8}>
          {() => (
            <EventList events={events} more={{ has: query.hasNextPage, loading: query.isFetchingNextPage, load: () => void query.fetchNextPage() }}
              empty={filtered ? <Empty title="No event matches.">The object is a whole reference such as <code>andon:default/and-1</code>; an action may be its beginning, such as <code>andon.</code>, or its end, such as <code>.refused</code></Empty> : <Empty title="The ledger is empty." command="andon audit search --since 24h">Every write and every refusal is written here.</Empty>} />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}

function SearchForm({ search, go }: { search: AuditSearch; go: (search: AuditSearch) => void }) {
  const [draft, setDraft] = useState(search)
  const key = JSON.stringify(search)
  useEffect(() => setDraft(JSON.parse(key) as AuditSearch), [key])
  const set = (part: AuditSearch) => setDraft((d) => ({ ...d, ...part }))
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        go(Object.fromEntries(Object.entries(draft).filter(([, v]) => v?.trim())) as AuditSearch)
      }}
    >
      <Filters>
        <TextInput data-page-search aria-label="Object" placeholder="Object: component:default/payments" w={260} value={draft.object ?? ''} onChange={(e) => set({ object: e.currentTarget.value })} />
        <TextInput aria-label="Action" placeholder="Action: andon.pulled" w={170} value={draft.action ?? ''} onChange={(e) => set({ action: e.currentTarget.value })} />
        <TextInput aria-label="Actor" placeholder="Actor: user:default/maya" w={190} value={draft.actor ?? ''} onChange={(e) => set({ actor: e.currentTarget.value })} />
        <TextInput aria-label="Since" placeholder="Since: 24h" w={110} value={draft.since ?? ''} onChange={(e) => set({ since: e.currentTarget.value })} />
        <Button type="submit" variant="filled">Search</Button>
        <Button onClick={() => go({ action: '.refused' })}>Refusals</Button>
        {Object.keys(search).length > 0 && <Button onClick={() => go({})}>Clear</Button>}
      </Filters>
    </form>
  )
}

/** Walks the whole chain now and says whether an entry was altered, taken out or moved. */
function Verify() {
  const verify = useMutation({ mutationFn: () => answer(client.GET('/api/v1/audit/verify')) })
  return (
    <>
      {verify.data &&
        (verify.data.ok ? (
          <State soft tone="ok" word={`${count(verify.data.events)} events verify${verify.data.erased ? `, ${verify.data.erased} erased for privacy` : ''}`} />
        ) : (
          <State soft tone="stopped" word={`damaged from event ${verify.data.firstBad ?? '?'} on${verify.data.reason ? `: ${verify.data.reason}` : ''}`} />
        ))}
      <Button loading={verify.isPending} onClick={() => verify.mutate()} leftSection={<Icon name="policy" size={14} />}>Verify the ledger</Button>
      {verify.isError && <div style={{ flexBasis: '100%' }}><ProblemView error={verify.error} compact /></div>}
    </>
  )
}
