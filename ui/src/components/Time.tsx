import { useSyncExternalStore } from 'react'
import { clock, fullTime, relative, shortTime } from '~/lib/time'

const listeners = new Map<number, Set<() => void>>()
const timers = new Map<number, ReturnType<typeof setInterval>>()

function subscribe(period: number) {
  return (listener: () => void) => {
    const set = listeners.get(period) ?? new Set()
    listeners.set(period, set)
    set.add(listener)
    if (!timers.has(period)) timers.set(period, setInterval(() => set.forEach((wake) => wake()), period))
    return () => {
      set.delete(listener)
      if (set.size > 0) return
      clearInterval(timers.get(period))
      timers.delete(period)
    }
  }
}

/** The time now, in steps of the period: everything on the page ticks together. */
export function useNow(periodMs = 1_000): number {
  return useSyncExternalStore(subscribe(periodMs), () => Math.floor(Date.now() / periodMs) * periodMs)
}

type Shape = 'relative' | 'time' | 'both' | 'seconds'

/** A time in the viewer's zone, with UTC on hover. */
export function Time({ at, as = 'relative' }: { at: string | number | undefined | null; as?: Shape }) {
  const now = useNow(10_000)
  if (at === undefined || at === null) return <span className="faint">–</span>
  const ms = typeof at === 'number' ? at : Date.parse(at)
  if (Number.isNaN(ms)) return <span>{String(at)}</span>
  const text =
    as === 'relative' ? relative(ms, Math.max(now, Date.now() - 10_000))
    : as === 'both' ? `${shortTime(ms, now)} · ${relative(ms, now)}`
    : shortTime(ms, now, undefined, as === 'seconds')
  return (
    <time dateTime={new Date(ms).toISOString()} title={fullTime(ms)} className="nowrap num">
      {text}
    </time>
  )
}

/** A clock that runs since a time, or stands at the end. */
export function Elapsed({ from, until }: { from: string | undefined; until?: string | undefined }) {
  const now = useNow(1_000)
  if (!from) return <span className="faint">–</span>
  const end = until ? Date.parse(until) : Math.max(now, Date.parse(from))
  return (
    <span className="num nowrap" title={`since ${fullTime(Date.parse(from))}`}>
      {clock(end - Date.parse(from))}
    </span>
  )
}
