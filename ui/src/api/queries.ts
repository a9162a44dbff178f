import { infiniteQueryOptions, queryOptions, type QueryKey } from '@tanstack/react-query'
import { answer, client } from './client'
import type * as t from './types'

declare module '@tanstack/react-query' {
  interface Register {
    queryMeta: {
      /** The kinds (lower case) whose changes make the answer stale; `*` for every kind. */
      kinds?: string[]
    }
  }
}

/** A read that the live stream refreshes when an object of one of the kinds changes. */
export function live<T>(key: QueryKey, kinds: string[], read: () => Promise<T>) {
  return queryOptions({ queryKey: key, queryFn: read, meta: { kinds } })
}

/** The lower-case kind of a plural, for the live stream. */
export function kindOfPlural(plural: string): string {
  if (plural === 'policies') return 'policy'
  if (plural === 'escalation-policies') return 'escalationpolicy'
  if (plural === 'contact-methods') return 'contactmethod'
  if (plural === 'saved-searches') return 'savedsearch'
  return plural.replace(/s$/, '')
}

export const me = queryOptions({
  queryKey: ['me'],
  queryFn: () => answer(client.GET('/api/v1/me')),
  staleTime: 300_000,
})

export const kinds = queryOptions({
  queryKey: ['kinds'],
  queryFn: async () => (await answer(client.GET('/api/v1/kinds'))).items,
  staleTime: 300_000,
})

export const line = live(['line'], ['andon'], () => answer(client.GET('/api/v1/line')))

export const onCall = live(['on-call'], ['schedule'], async () => (await answer(client.GET('/api/v1/on-call'))).items)

/** One object of any kind. */
export function object<T = t.Obj>(plural: string, name: string) {
  return live(['object', plural, name], [kindOfPlural(plural)], () =>
    answer(client.GET('/api/v1/{plural}/{name}', { params: { path: { plural, name } } })) as Promise<T>,
  )
}

/** One page of a list, for pages that need no more. */
export function list<T = t.Obj>(plural: string, query: t.ListQuery = {}) {
  return live(['list', plural, query], [kindOfPlural(plural)], () =>
    answer(client.GET('/api/v1/{plural}', { params: { path: { plural }, query } })) as Promise<t.Listing<T>>,
  )
}

/** A list that goes on while it is scrolled. */
export function pages<T = t.Obj>(plural: string, query: t.ListQuery = {}) {
  return infiniteQueryOptions({
    queryKey: ['pages', plural, query],
    meta: { kinds: [kindOfPlural(plural)] },
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(
        client.GET('/api/v1/{plural}', {
          params: { path: { plural }, query: { limit: 200, ...query, cursor: pageParam } },
        }),
      ) as Promise<t.Listing<T>>,
    getNextPageParam: (last) => last.next,
  })
}

export function history(plural: string, name: string) {
  return live(['history', plural, name], [kindOfPlural(plural)], async () =>
    (await answer(client.GET('/api/v1/{plural}/{name}/history', { params: { path: { plural, name } } }))).items,
  )
}

export function timeToValue(query: { service?: string; group?: string; since?: string }) {
  return live(['time-to-value', query], ['change'], () =>
    answer(client.GET('/api/v1/flow/time-to-value', { params: { query } })),
  )
}

export function serviceFlow(since: string) {
  return live(['service-flow', since], ['change'], async () =>
    (await answer(client.GET('/api/v1/flow/services', { params: { query: { since } } }))).items,
  )
}
