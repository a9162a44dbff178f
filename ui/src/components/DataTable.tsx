import { useVirtualizer } from '@tanstack/react-virtual'
import { createSortedRowModel, rowSortingFeature, sortFns, tableFeatures, useTable, type ColumnDef, type SortingState } from '@tanstack/react-table'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { useListKeys } from '~/app/shortcuts'
import css from './DataTable.module.css'
import { Icon } from './Icon'
import { useGo } from './Ref'

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel(), sortFns })
type Features = typeof features

/** Above so many rows only the visible ones are in the document. */
const VIRTUAL_FROM = 80
const ROW_PX = 34

export interface Column<T> {
  id: string
  title: string
  cell: (row: T) => ReactNode
  /** The value to sort by; without one the column does not sort. */
  sort?: (row: T) => string | number | undefined
  align?: 'right'
  /** Never wider than its content. */
  tight?: boolean
  /** Left out below a width. */
  hide?: 'phone' | 'narrow'
  /** On a phone each row is a small card; this column has a line of its own there. */
  main?: boolean
}

export interface DataTableProps<T> {
  label: string
  columns: Column<T>[]
  rows: T[]
  rowKey: (row: T) => string
  href?: (row: T) => string
  empty?: ReactNode
  initialSort?: { id: string; desc: boolean }
  /** Called when the end comes into view and there is more. */
  more?: { load: () => void; loading: boolean; has: boolean; total: number | undefined }
  /** The height of the window of a long table. */
  height?: string
  keys?: boolean
}

/** The one table: sorts, virtualises long lists, goes by keyboard (j, k, Enter). */
export function DataTable<T>(props: DataTableProps<T>) {
  const { columns, rows, href, rowKey } = props
  const [sorting, setSorting] = useState<SortingState>(props.initialSort ? [props.initialSort] : [])
  const defs = useMemo<ColumnDef<Features, T & object>[]>(
    () =>
      columns.map((column) => ({
        id: column.id,
        header: column.title,
        accessorFn: (row: T) => column.sort?.(row),
        enableSorting: Boolean(column.sort),
        sortUndefined: 'last' as const,
        sortFn: 'basic' as const,
      })) as ColumnDef<Features, T & object>[],
    [columns],
  )
  const table = useTable({
    features,
    columns: defs,
    data: rows as (T & object)[],
    state: { sorting },
    onSortingChange: setSorting,
  })
  const sorted = table.getRowModel().rows
  const scroll = useRef<HTMLDivElement>(null)
  const virtual = sorted.length > VIRTUAL_FROM
  const virtualizer = useVirtualizer({
    count: virtual ? sorted.length : 0,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  })
  const go = useGo()
  const open = (i: number) => {
    const row = sorted[i]
    if (row && href) go(href(row.original as T))
  }
  const [active, setActive] = useListKeys({
    enabled: (props.keys ?? true) && Boolean(href),
    count: sorted.length,
    open,
    reveal: (i) => {
      if (virtual) virtualizer.scrollToIndex(i)
      else scroll.current?.querySelectorAll('tbody tr[data-row]')[i]?.scrollIntoView({ block: 'nearest' })
    },
  })

  const items = virtual ? virtualizer.getVirtualItems() : undefined
  const first = items?.[0]
  const last = items?.[items.length - 1]
  const end = last?.index ?? -1
  const { more } = props
  useEffect(() => {
    if (more?.has && !more.loading && virtual && end >= sorted.length - 20) more.load()
  }, [more, virtual, end, sorted.length])

  if (rows.length === 0) return <>{props.empty ?? null}</>
  const visible = items ? items.map((item) => item.index) : sorted.map((_, i) => i)
  const shade = (column: Column<T>) =>
    [column.align === 'right' ? css.right : '', column.tight ? css.tight : '', column.hide === 'phone' ? css.lowPhone : '', column.hide === 'narrow' ? css.lowNarrow : '', column.main ? css.main : ''].join(' ')

  return (
    <>
      <div
        ref={scroll}
        className={css.scroll}
        data-virtual={virtual || undefined}
        style={virtual || props.height ? ({ '--table-height': props.height ?? '70vh' } as React.CSSProperties) : undefined}
        tabIndex={virtual ? 0 : undefined}
        role={virtual ? 'region' : undefined}
        aria-label={virtual ? props.label : undefined}
      >
        <table className={columns.some((c) => c.main) ? `${css.table} ${css.cards}` : css.table} aria-label={props.label} aria-rowcount={sorted.length + 1}>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => {
                const state = sorting.find((s) => s.id === column.id)
                return (
                  <th key={column.id} className={shade(column)} aria-sort={state ? (state.desc ? 'descending' : 'ascending') : undefined} scope="col">
                    {column.sort ? (
                      <button type="button" onClick={() => setSorting(nextSort(column.id, state))}>
                        {column.title}
                        {state && <Icon name={state.desc ? 'down' : 'up'} size={10} />}
                      </button>
                    ) : (
                      column.title || <span className="visually-hidden">Details</span>
                    )}
                  </th>
                )
              })}
            </tr>
          </thead>
          <tbody>
            {first && first.start > 0 && <Spacer px={first.start} columns={columns.length} />}
            {visible.map((i) => {
              const row = sorted[i]
              if (!row) return null
              const data = row.original as T
              return (
                <tr
                  key={rowKey(data)}
                  ref={virtual ? virtualizer.measureElement : undefined}
                  data-index={i}
                  data-row
                  aria-rowindex={i + 2}
                  className={css.row}
                  data-link={href ? true : undefined}
                  data-active={active === i || undefined}
                  onClick={(event) => {
                    if (!href || event.defaultPrevented || (event.target as HTMLElement).closest('a,button,input,label')) return
                    if (window.getSelection()?.toString()) return
                    setActive(i)
                    open(i)
                  }}
                >
                  {columns.map((column) => (
                    <td key={column.id} className={shade(column)}>
                      {column.cell(data)}
                    </td>
                  ))}
                </tr>
              )
            })}
            {last && <Spacer px={virtualizer.getTotalSize() - last.end} columns={columns.length} />}
          </tbody>
        </table>
      </div>
      {more && rows.length > 0 && (
        <div className={css.more}>
          <span>
            {more.total === undefined ? `${rows.length.toLocaleString('en-GB')} so far, more below` : `${rows.length.toLocaleString('en-GB')} of ${more.total.toLocaleString('en-GB')}`}
            {more.loading && ' · loading more…'}
          </span>
          {more.has && !virtual && (
            <button type="button" onClick={more.load} disabled={more.loading}>
              Load more
            </button>
          )}
        </div>
      )}
    </>
  )
}

function Spacer({ px, columns }: { px: number; columns: number }) {
  if (px <= 0) return null
  return (
    <tr className={css.spacer} aria-hidden="true">
      <td colSpan={columns} style={{ height: px }} />
    </tr>
  )
}

function nextSort(id: string, state: { desc: boolean } | undefined): SortingState {
  if (!state) return [{ id, desc: true }]
  return state.desc ? [{ id, desc: false }] : []
}
