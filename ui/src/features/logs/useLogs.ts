import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { answer, client } from '~/api/client'
import type { LogRow } from '~/api/types'

export interface Range {
  query: string
  since: string
  until: string | undefined
}

const PAGE_ROWS = 200
const TAIL_ROWS_MAX = 2_000
const BARS = 80

export function rowsQuery(range: Range) {
  return infiniteQueryOptions({
    queryKey: ['logs', range],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(client.GET('/api/v1/logs', { params: { query: { query: range.query, since: range.since, until: range.until, limit: PAGE_ROWS, cursor: pageParam } } })),
    getNextPageParam: (last) => last.next,
    refetchOnWindowFocus: false,
    refetchInterval: false,
  })
}

export function barsQuery(range: Range) {
  return queryOptions({
    queryKey: ['log-bars', range],
    queryFn: () => answer(client.GET('/api/v1/logs/histogram', { params: { query: { query: range.query, since: range.since, until: range.until, buckets: BARS, by: 'severity' } } })),
    refetchOnWindowFocus: false,
    refetchInterval: false,
  })
}

export function fieldsQuery(range: Range) {
  return queryOptions({
    queryKey: ['log-fields', range],
    queryFn: async () => (await answer(client.GET('/api/v1/logs/fields', { params: { query: { query: range.query, since: range.since, until: range.until } } }))).items,
    refetchOnWindowFocus: false,
    refetchInterval: false,
  })
}

export interface Tail {
  rows: LogRow[]
  lagged: number
  state: 'off' | 'on' | 'lost'
}

/** New lines as they are stored, the newest first; what the server had to skip is counted, not hidden. */
export function useTail(on: boolean, query: string): Tail {
  const [tail, setTail] = useState<Tail>({ rows: [], lagged: 0, state: 'off' })
  useEffect(() => {
    if (!on) {
      setTail({ rows: [], lagged: 0, state: 'off' })
      return
    }
    let fresh: LogRow[] = []
    let lagged = 0
    setTail({ rows: [], lagged: 0, state: 'on' })
    const source = new EventSource(`/api/v1/logs/tail?query=${encodeURIComponent(query)}`)
    source.addEventListener('row', (message) => {
      const data = JSON.parse((message as MessageEvent<string>).data) as LogRow & { row?: LogRow }
      fresh.push(data.row ?? data)
    })
    source.addEventListener('lagged', (message) => {
      const data = JSON.parse((message as MessageEvent<string>).data || '{}') as { skipped?: number }
      lagged += data.skipped ?? 1
    })
    source.onopen = () => setTail((t) => ({ ...t, state: 'on' }))
    source.onerror = () => setTail((t) => ({ ...t, state: 'lost' }))
    const timer = setInterval(() => {
      if (fresh.length === 0 && lagged === 0) return
      const batch = fresh.reverse()
      const skipped = lagged
      fresh = []
      lagged = 0
      setTail((t) => ({ ...t, rows: [...batch, ...t.rows].slice(0, TAIL_ROWS_MAX), lagged: t.lagged + skipped }))
    }, 250)
    return () => {
      source.close()
      clearInterval(timer)
    }
  }, [on, query])
  return tail
}
