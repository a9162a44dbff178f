import { useSyncExternalStore } from 'react'
import type { Seen } from './Rows'

const NOWHERE: Seen = { first: 0, last: -1, atTop: true }

/** Which lines are in view, for the few parts that show it: the rest of the page is not drawn anew while one scrolls. */
export class SeenPlace {
  private seen = NOWHERE
  private readonly listeners = new Set<() => void>()

  set(next: Seen) {
    const { first, last, atTop } = this.seen
    if (next.first === first && next.last === last && next.atTop === atTop) return
    this.seen = next
    this.listeners.forEach((wake) => wake())
  }

  reset() {
    this.set(NOWHERE)
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  now = () => this.seen
}

export function useSeen(place: SeenPlace): Seen {
  return useSyncExternalStore(place.subscribe, place.now)
}
