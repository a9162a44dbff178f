/**
 * The part of a long answer that is held: a run of pages around where one reads, going both ways from
 * an anchor. Pages far away are let go; the cursor that brought each stays, so that it comes back exactly.
 *
 * Pages are numbered in the order of the screen. From 0 on they lead down from the anchor; below 0 they
 * lead up from it, each read in the opposite order. Without an anchor the list begins at its top.
 */
export interface Page<R> {
  at: number
  rows: R[]
}

export type Side = 'up' | 'down'

export interface Ask {
  at: number
  side: Side
  cursor: string | undefined
}

interface Known {
  cursor: string | undefined
  /** Where the page behind it begins; nothing where the lines end. */
  next: string | undefined
  count: number
}

export interface LogWindow<R> {
  /** Whether lines may stand above page 0. */
  anchored: boolean
  pages: Page<R>[]
  known: ReadonlyMap<number, Known>
}

export function emptyWindow<R>(anchored: boolean): LogWindow<R> {
  return { anchored, pages: [], known: new Map() }
}

const sideOf = (at: number): Side => (at < 0 ? 'up' : 'down')
/** The page that one passes before it, coming from the anchor. */
const nearer = (at: number) => (at < 0 ? at + 1 : at - 1)

/** What to ask for to go on at one end of what is held; nothing when that is the end. */
export function ask<R>(window: LogWindow<R>, side: Side): Ask | undefined {
  const first = window.pages[0]
  const last = window.pages[window.pages.length - 1]
  if (!first || !last) return side === 'down' ? { at: 0, side: 'down', cursor: undefined } : undefined
  const at = side === 'down' ? last.at + 1 : first.at - 1
  if (at < 0 && !window.anchored) return undefined
  const known = window.known.get(at)
  if (known) return { at, side: sideOf(at), cursor: known.cursor }
  if (at === 0 || at === -1) return { at, side: sideOf(at), cursor: undefined }
  const cursor = window.known.get(nearer(at))?.next
  return cursor === undefined ? undefined : { at, side: sideOf(at), cursor }
}

/** Takes a page in, in the order in which it was read. What was let go is told, so that it can be forgotten elsewhere. */
export function receive<R>(window: LogWindow<R>, asked: Ask, rows: R[], next: string | undefined, rowsMax: number): { window: LogWindow<R>; dropped: R[] } {
  const first = window.pages[0]
  const last = window.pages[window.pages.length - 1]
  const fits = !first || !last || asked.at === last.at + 1 || asked.at === first.at - 1
  if (!fits) return { window, dropped: rows }
  const page: Page<R> = { at: asked.at, rows: asked.side === 'up' ? [...rows].reverse() : rows }
  const known = new Map(window.known).set(asked.at, { cursor: asked.cursor, next, count: rows.length })
  const below = !last || asked.at > last.at
  const pages = below ? [...window.pages, page] : [page, ...window.pages]
  const dropped: R[] = []
  let held = pages.reduce((sum, p) => sum + p.rows.length, 0)
  // The page that came last and its neighbour always stay.
  while (held > rowsMax && pages.length > 2) {
    const far = below ? pages.shift() : pages.pop()
    if (!far) break
    held -= far.rows.length
    dropped.push(...far.rows)
  }
  return { window: { ...window, known, pages }, dropped }
}

export function rowsOf<R>(window: LogWindow<R>): R[] {
  return window.pages.flatMap((page) => page.rows)
}

/** How many lines stand above what is held; nothing where only an estimate can tell. */
export function rowsAbove<R>(window: LogWindow<R>): number | undefined {
  if (window.anchored) return undefined
  let sum = 0
  for (let at = 0; at < (window.pages[0]?.at ?? 0); at++) sum += window.known.get(at)?.count ?? 0
  return sum
}

/** How many lines the next page should have, so that it is neither a drop nor a flood. */
export function pageSize(bytes: number, rows: number, before: number): number {
  if (rows === 0) return before
  const wanted = Math.floor(TARGET_BYTES / Math.max(1, bytes / rows))
  return Math.max(PAGE_MIN, Math.min(PAGE_MAX, wanted))
}

const TARGET_BYTES = 1_500_000
export const PAGE_MIN = 10
export const PAGE_MAX = 250
