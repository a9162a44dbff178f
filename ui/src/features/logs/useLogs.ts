import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { answer, client } from '~/api/client'
import { ProblemError } from '~/api/problem'
import { Lines } from './lines'
import { CLIP_CHARS, LineList, type Question } from './list'
import type { SlimRow, View } from './protocol'

const BARS = 100
const TAIL_ROWS_MAX = 3_000
const TAIL_SEED_ROWS = 100

const again = { retry: (failures: number, error: Error) => failures < 60 && error instanceof ProblemError && (error.problem.status === 0 || error.problem.status === 503), retryDelay: (n: number) => Math.min(10_000, 1_000 * 2 ** n) }
const still = { refetchOnWindowFocus: false, refetchInterval: false as const, staleTime: Infinity, gcTime: 60_000 }

export function barsQuery(question: Question) {
  const { query, since, until } = question
  return queryOptions({
    queryKey: ['log-bars', query, since, until],
    queryFn: ({ signal }) => answer(client.GET('/api/v1/logs/histogram', { params: { query: { query: query || '*', since, until, buckets: BARS, by: 'level' } }, signal })),
    placeholderData: keepPreviousData, ...still, ...again,
  })
}

export function fieldsQuery(question: Question) {
  const { query, since, until } = question
  return queryOptions({
    queryKey: ['log-fields', query, since, until],
    queryFn: ({ signal }) => answer(client.GET('/api/v1/logs/fields', { params: { query: { query: query || '*', since, until } }, signal })),
    placeholderData: keepPreviousData, ...still, ...again,
  })
}

/** The worker of this page, alive as long as the page. */
export function useLines(): { lines: Lines; list: LineList } | undefined {
  const [made, setMade] = useState<{ lines: Lines; list: LineList }>()
  useEffect(() => {
    const lines = new Lines()
    const list = new LineList(lines)
    setMade({ lines, list })
    return () => {
      list.stop()
      lines.end()
    }
  }, [])
  return made
}

const NONE = new LineList(undefined as unknown as Lines)

export function useList(list: LineList | undefined) {
  const from = list ?? NONE
  return useSyncExternalStore(from.subscribe, from.snapshot)
}

export interface Tail {
  rows: SlimRow[]
  /** Lines that came while the list was held. */
  waiting: number
  lagged: number
  rate: number
  newestMs: number | undefined
  state: 'off' | 'on' | 'lost'
}

const OFF: Tail = { rows: [], waiting: 0, lagged: 0, rate: 0, newestMs: undefined, state: 'off' }

/** New lines as they are stored, the newest first; while held they wait, and what had to be skipped is counted, not hidden. */
export function useTail(lines: Lines | undefined, on: boolean, view: View, isHeld: boolean): Tail {
  const [tail, setTail] = useState<Tail>(OFF)
  const waiting = useRef<SlimRow[]>([])
  const hold = useRef(isHeld)
  hold.current = isHeld
  const key = useMemo(() => JSON.stringify(view), [view])
  useEffect(() => {
    if (!on || !lines) {
      setTail(OFF)
      return
    }
    const own = JSON.parse(key) as View
    const control = new AbortController()
    waiting.current = []
    setTail({ ...OFF, state: 'on' })
    lines.onTailState = (state) => setTail((t) => ({ ...t, state }))
    lines.onTail = (batch) => {
      if (batch.rows.length > 0) waiting.current = [...batch.rows, ...waiting.current].slice(0, TAIL_ROWS_MAX)
      const ready = hold.current ? [] : waiting.current
      if (ready.length > 0) waiting.current = []
      setTail((t) => ({ ...t, lagged: t.lagged + batch.skipped, rate: batch.rate, newestMs: batch.newestMs, waiting: waiting.current.length, rows: ready.length > 0 ? merged(ready, t.rows, lines) : t.rows }))
    }
    lines.tail(own.query, own, CLIP_CHARS)
    // What came just before stands below, so that one does not look at an empty page.
    const seed = new URLSearchParams({ query: own.query || '*', since: '15m', limit: String(TAIL_SEED_ROWS), order: 'newest', clip: String(CLIP_CHARS) })
    lines.page(`/api/v1/logs?${seed}`, own, control.signal).then(
      (page) => setTail((t) => ({ ...t, rows: merged(t.rows, page.rows, lines) })),
      // The stream itself tells what is wrong with the query or the server.
      () => undefined,
    )
    return () => {
      control.abort()
      lines.untail()
      lines.onTail = undefined
      lines.onTailState = undefined
    }
  }, [on, lines, key])
  return tail
}

function merged(fresh: SlimRow[], old: SlimRow[], lines: Lines): SlimRow[] {
  const known = new Set(fresh.map((row) => row.id))
  const all = [...fresh, ...old.filter((row) => !known.has(row.id))]
  if (all.length > TAIL_ROWS_MAX) lines.drop(all.splice(TAIL_ROWS_MAX).map((row) => row.id))
  return all
}
