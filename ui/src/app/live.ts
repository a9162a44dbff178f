import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { parseRef } from '~/api/refs'

export type LiveState = 'connecting' | 'live' | 'disconnected'

let state: LiveState = 'connecting'
let since = Date.now()
const stateListeners = new Set<() => void>()
const changeListeners = new Set<(change: WatchedChange) => void>()

export interface WatchedChange {
  sequence: number
  action: string
  object?: string
  at: string
}

/** How long changes are gathered before the queries they touch are read again. */
const GATHER_MS = 300
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 20_000
/** While the stream is down, pages read again at this pace. */
export const POLL_MS = 15_000

function set(next: LiveState) {
  if (state === next) return
  state = next
  since = Date.now()
  stateListeners.forEach((wake) => wake())
}

/** Follows the server's stream of changes and refreshes what the pages show. */
export function startLive(queries: QueryClient): () => void {
  let source: EventSource | undefined
  let retryMs = RETRY_MIN_MS
  let timer: ReturnType<typeof setTimeout> | undefined
  let gather: ReturnType<typeof setTimeout> | undefined
  let touched = new Set<string>()
  let wasLive = false

  const flush = () => {
    const kinds = touched
    touched = new Set()
    gather = undefined
    void queries.invalidateQueries({
      predicate: (query) => {
        const wanted = query.meta?.kinds as string[] | undefined
        return Boolean(wanted?.some((kind) => kind === '*' || kinds.has(kind)))
      },
    })
  }

  const connect = () => {
    source = new EventSource('/api/v1/watch')
    source.onopen = () => {
      retryMs = RETRY_MIN_MS
      set('live')
      // What was missed while the stream was down is read again.
      if (wasLive) void queries.invalidateQueries()
      wasLive = true
    }
    source.addEventListener('change', (message) => {
      const change = JSON.parse((message as MessageEvent<string>).data) as WatchedChange
      touched.add(change.object ? parseRef(change.object).kind : 'event')
      changeListeners.forEach((listener) => listener(change))
      gather ??= setTimeout(flush, GATHER_MS)
    })
    source.onerror = () => {
      source?.close()
      set('disconnected')
      timer = setTimeout(connect, retryMs)
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
    }
  }
  connect()
  return () => {
    source?.close()
    clearTimeout(timer)
    clearTimeout(gather)
  }
}

export function useLive(): { state: LiveState; since: number } {
  const current = useSyncExternalStore(
    (listener) => {
      stateListeners.add(listener)
      return () => stateListeners.delete(listener)
    },
    () => state,
  )
  return { state: current, since }
}

/** Hears every change of the stream. */
export function onChange(listener: (change: WatchedChange) => void): () => void {
  changeListeners.add(listener)
  return () => changeListeners.delete(listener)
}

export const isLive = () => state === 'live'
