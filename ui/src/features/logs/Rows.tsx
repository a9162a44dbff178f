import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, useState } from 'react'
import { useListKeys } from '~/app/shortcuts'
import type { LogRow } from '~/api/types'
import { bandOf } from '~/lib/state'
import { fullTime, logTime } from '~/lib/time'
import { RowDetail } from './RowDetail'
import css from './Logs.module.css'

const ROW_PX = 25
const OVERSCAN = 14

/** Log lines, only the visible ones in the document; a line opens to all its fields. */
export function Rows({ rows, more, filter, focus }: {
  rows: LogRow[]
  more: { load: () => void; has: boolean; loading: boolean }
  filter: (field: string, value: unknown, without: boolean) => void
  focus: string | undefined
}) {
  const scroll = useRef<HTMLDivElement>(null)
  const [open, setOpen] = useState<Set<string>>(() => new Set(focus ? [focus] : []))
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (i) => rows[i]?.id ?? i,
  })
  const toggle = (id: string) =>
    setOpen((before) => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  const [active] = useListKeys({
    enabled: true,
    count: rows.length,
    open: (i) => {
      const row = rows[i]
      if (row) toggle(row.id)
    },
    reveal: (i) => virtualizer.scrollToIndex(i),
  })
  const items = virtualizer.getVirtualItems()
  const end = items[items.length - 1]?.index ?? -1
  useEffect(() => {
    if (more.has && !more.loading && end >= rows.length - 30) more.load()
  }, [end, more, rows.length])
  const focusAt = focus ? rows.findIndex((row) => row.id === focus) : -1
  useEffect(() => {
    if (focusAt >= 0) virtualizer.scrollToIndex(focusAt, { align: 'center' })
  }, [focusAt, virtualizer])

  return (
    <div ref={scroll} className={css.rows} tabIndex={0} role="region" aria-label={`${rows.length} log lines`}>
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const row = rows[item.index]
          if (!row) return null
          const band = bandOf(row.severityNumber, row.severity)
          const at = Date.parse(row.timestamp)
          const expanded = open.has(row.id)
          return (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              className={css.row}
              data-band={band}
              data-active={active === item.index || undefined}
              data-focus={row.id === focus || undefined}
              data-open={expanded || undefined}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <button type="button" className={css.line} aria-expanded={expanded} onClick={() => { if (!window.getSelection()?.toString()) toggle(row.id) }}>
                <span className={css.time} title={fullTime(at)}>{logTime(at)}</span>
                <span className={css.band}>{band}</span>
                <span className={css.service}>{row.service}</span>
                <span className={css.message}>{row.message}</span>
              </button>
              {expanded && <RowDetail row={row} filter={filter} />}
            </div>
          )
        })}
      </div>
      {more.loading && <p className="dim small" style={{ padding: 8 }}>Loading older lines…</p>}
    </div>
  )
}
