import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useCallback, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, type ReactNode, type Ref } from 'react'
import { Icon } from '~/components/Icon'
import { clip } from '~/lib/logfield'
import { bytes } from '~/lib/number'
import { fullTime, logDay, logTime } from '~/lib/time'
import type { SlimRow } from './protocol'
import css from './Rows.module.css'

const ROW_PX = 24
const HEAD_PX = 26
const OVERSCAN = 12
/** Fewer lines than this left at an end, and the next page is asked for. */
const AHEAD_ROWS = 60
const TOP_PX = 4
const LONG_CHARS = 600

export interface RowsHandle {
  reveal: (index: number, align?: 'auto' | 'center' | 'start' | 'end') => void
  toTop: () => void
  focus: () => void
}

export interface Seen {
  first: number
  last: number
  atTop: boolean
}

/** Log lines, only those in view in the document; the list stays where one reads while lines come at either end. */
export function Rows({ rows, columns, wrap, days, opened, start, home, above, follow, active, open, focus, needles, toggle, detail, near, seen, header, handle, label, foot }: {
  rows: SlimRow[]
  columns: string[]
  wrap: boolean
  /** The range has several days, so that a time alone says too little. */
  days: boolean
  /** Counts how often the list began anew: then it stands at its beginning. */
  opened: string
  /** The line at which it stands then. */
  start: number
  /** The line that is brought into the middle when the list begins. */
  home: string | undefined
  /** Whether further lines will come above. */
  above: boolean
  /** At the top the newest lines push the others down, as a tail does. */
  follow: boolean
  active: string | undefined
  open: ReadonlySet<string>
  focus: string | undefined
  needles: RegExp | undefined
  toggle: (id: string) => void
  detail: (id: string) => ReactNode
  near: (side: 'up' | 'down') => void
  seen: (seen: Seen) => void
  header: ReactNode
  handle: Ref<RowsHandle>
  label: string
  foot?: ReactNode
}) {
  const scroll = useRef<HTMLDivElement>(null)
  const keep = useRef<{ id: string; delta: number } | undefined>(undefined)
  const keyOf = useCallback((i: number) => rows[i]?.id ?? i, [rows])
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: keyOf,
    scrollMargin: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
  })
  const items = virtualizer.getVirtualItems()
  const first = items[0]?.index ?? 0
  const last = items[items.length - 1]?.index ?? -1

  // A place may lie beyond the height drawn so far, which follows with a later drawing: it is gone to again then.
  const goal = useRef<number | undefined>(undefined)
  const place = useCallback((top: number) => {
    const box = scroll.current
    if (!box) return
    box.scrollTop = top
    goal.current = top - box.scrollTop > 1 ? top : undefined
  }, [])
  useLayoutEffect(() => {
    if (goal.current !== undefined) place(goal.current)
  })
  const letGo = () => {
    goal.current = undefined
  }

  // What was read before stays where it was when lines come above it or go.
  const openedBefore = useRef<string | undefined>(undefined)
  const homed = useRef<string | undefined>(undefined)
  useLayoutEffect(() => {
    const box = scroll.current
    if (!box) return
    if (openedBefore.current !== opened) {
      openedBefore.current = opened
      keep.current = undefined
      goal.current = undefined
      box.scrollTop = 0
    }
    const at = home && homed.current !== `${opened} ${home}` ? rows.findIndex((row) => row.id === home) : -1
    const there = virtualizer.measurementsCache[at]?.start
    if (home && there !== undefined) {
      if (at > 0 || !above) homed.current = `${opened} ${home}`
      const before = Math.floor(box.clientHeight / 3)
      keep.current = { id: home, delta: -Math.min(before, there) }
      place(Math.max(0, there - before))
      return
    }
    const kept = keep.current
    if (follow && box.scrollTop <= TOP_PX) return
    if (!kept) {
      if (start > 0) place((virtualizer.measurementsCache[start]?.start ?? virtualizer.getTotalSize() + HEAD_PX) - HEAD_PX)
      return
    }
    const now = virtualizer.measurementsCache[rows.findIndex((row) => row.id === kept.id)]?.start
    if (now !== undefined && Math.abs(now + kept.delta - box.scrollTop) > 1) place(now + kept.delta)
  }, [rows, opened, start, home, above, follow, place, virtualizer])

  const note = useCallback(() => {
    const box = scroll.current
    if (!box) return
    const top = box.scrollTop
    const item = virtualizer.getVirtualItems().find((one) => one.end > top + HEAD_PX)
    // A place that is not reached yet is where one will read; what stands at the end of the height drawn so far is not.
    if (goal.current === undefined) keep.current = item && rows[item.index] ? { id: rows[item.index]?.id ?? '', delta: top - item.start } : keep.current
    const bottom = virtualizer.getVirtualItems().findLast((one) => one.start < top + box.clientHeight)
    seen({ first: item?.index ?? 0, last: bottom?.index ?? -1, atTop: top <= TOP_PX })
  }, [rows, seen, virtualizer])
  useEffect(note, [note, first, last])

  useEffect(() => {
    if (rows.length === 0) return
    if (last >= rows.length - AHEAD_ROWS) near('down')
    if (first <= AHEAD_ROWS) near('up')
  }, [first, last, rows.length, near])

  useImperativeHandle(handle, () => ({
    reveal: (index, align = 'auto') => virtualizer.scrollToIndex(index, { align }),
    toTop: () => {
      keep.current = undefined
      if (scroll.current) scroll.current.scrollTop = 0
    },
    focus: () => scroll.current?.focus(),
  }), [virtualizer])

  const grid = useWidths(rows, columns, days, opened)
  return (
    <div ref={scroll} className={css.rows} data-wrap={wrap || undefined} tabIndex={0} role="region" aria-label={label} onScroll={note} onWheel={letGo} onPointerDown={letGo} onKeyDown={letGo} style={{ '--grid': grid.template, '--least': `${grid.least}px` } as React.CSSProperties}>
      <div className={css.header}>{header}</div>
      <div className={css.body} style={{ height: virtualizer.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index]
          if (!row) return null
          return (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              className={css.row}
              data-band={row.band}
              data-active={row.id === active || undefined}
              data-focus={row.id === focus || undefined}
              data-open={open.has(row.id) || undefined}
              style={{ transform: `translateY(${item.start - HEAD_PX}px)` }}
            >
              <Line row={row} columns={columns} days={days} expanded={open.has(row.id)} wrap={wrap} needles={needles} toggle={toggle} />
              {open.has(row.id) && <div className={css.detailBox}>{detail(row.id)}</div>}
            </div>
          )
        })}
      </div>
      {foot}
    </div>
  )
}

const Line = memo(function Line({ row, columns, days, expanded, wrap, needles, toggle }: {
  row: SlimRow
  columns: string[]
  days: boolean
  expanded: boolean
  wrap: boolean
  needles: RegExp | undefined
  toggle: (id: string) => void
}) {
  const at = row.us / 1_000
  // In a single line what was searched for is to be seen, also where it stands far behind the beginning.
  const left = wrap ? 0 : clip(row.message, SEEN_CHARS, needles).from
  return (
    <button type="button" className={css.line} aria-expanded={expanded} onClick={() => { if (!window.getSelection()?.toString()) toggle(row.id) }}>
      <span className={css.time} title={fullTime(at)}>{days && <span className={css.day}>{logDay(at)} </span>}{logTime(at)}</span>
      <span className={css.band}>{row.band === 'unset' ? '–' : row.band}</span>
      {columns.map((name, i) => <span key={name} className={css.cell} title={row.cells[i]}>{row.cells[i] || <i>–</i>}</span>)}
      <span className={css.message}>
        {row.length > LONG_CHARS && <span className={css.size}>{bytes(row.length)}</span>}
        {row.from + left > 0 && <i>… </i>}
        {marked(row.message.slice(left), needles)}
        {row.from + row.message.length < row.length && <i> …</i>}
      </span>
    </button>
  )
})

/** The text with what was searched for marked. */
function marked(text: string, wanted: RegExp | undefined): ReactNode {
  if (!wanted) return text
  const parts: ReactNode[] = []
  let at = 0
  for (const found of text.matchAll(wanted)) {
    if (!found[0] || parts.length > 60) continue
    if (found.index > at) parts.push(text.slice(at, found.index))
    parts.push(<mark key={found.index}>{found[0]}</mark>)
    at = found.index + found[0].length
  }
  if (parts.length === 0) return text
  parts.push(text.slice(at))
  return parts
}

const CHAR_PX = 7.3
/** What a narrow window shows of a message. */
const SEEN_CHARS = 90
const CELL_CHARS_MAX = 30

/** Columns as wide as what the first lines have in them, within bounds; they do not jump while one scrolls. */
function useWidths(rows: SlimRow[], columns: string[], days: boolean, opened: string): { template: string; least: number } {
  const has = rows.length > 0
  const key = columns.join('\n')
  return useMemo(() => {
    const widths = columns.map((name, i) => {
      const longest = rows.slice(0, 80).reduce((most, row) => Math.max(most, row.cells[i]?.length ?? 0), 0)
      return Math.round(Math.min(CELL_CHARS_MAX, Math.max(name.length + 2, longest, 5)) * CHAR_PX) + 4
    })
    const fixed = [days ? 142 : 92, 42]
    const template = [...fixed, ...widths].map((w) => `${w}px`).join(' ')
    return { template: `${template} minmax(300px, 1fr)`, least: [...fixed, ...widths].reduce((a, b) => a + b + 10, 0) + 320 }
    // Only what begins anew is measured anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, days, opened, has])
}

/** The names of the columns: the time turns the order around, a column of one's own can be moved or taken away. */
export function Header({ columns, order, turn, change }: { columns: string[]; order: 'newest' | 'oldest'; turn: () => void; change: (columns: string[]) => void }) {
  const move = (i: number, by: number) => {
    const next = [...columns]
    const [taken] = next.splice(i, 1)
    if (taken !== undefined) next.splice(i + by, 0, taken)
    change(next)
  }
  return (
    <>
      <button type="button" className={css.turn} onClick={turn} aria-label={order === 'newest' ? 'time: newest first; turn around' : 'time: oldest first; turn around'} title={order === 'newest' ? 'Newest first' : 'Oldest first'}>
        time <Icon name={order === 'newest' ? 'down' : 'up'} size={10} />
      </button>
      <span>level</span>
      {columns.map((name, i) => (
        <span key={name} className={css.column}>
          <span className="truncate" title={name}>{name}</span>
          <span className={css.columnActions}>
            {i > 0 && <button type="button" aria-label={`Move ${name} to the left`} title="To the left" onClick={() => move(i, -1)}><Icon name="left" size={10} /></button>}
            {i < columns.length - 1 && <button type="button" aria-label={`Move ${name} to the right`} title="To the right" onClick={() => move(i, 1)}><Icon name="chevron" size={10} /></button>}
            <button type="button" aria-label={`Take the column ${name} away`} title="Take away" onClick={() => change(columns.filter((c) => c !== name))}><Icon name="close" size={10} /></button>
          </span>
        </span>
      ))}
      <span>message</span>
    </>
  )
}
