import { Popover } from '@mantine/core'
import { useMemo } from 'react'
import type { SqlResult } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { RefLink } from '~/components/Ref'
import { inline } from '~/lib/pointer'
import css from './Sql.module.css'

type Row = { at: number; cells: unknown[] }

const REFERENCE = /^[a-z]+:[a-z0-9-]+\/[a-z0-9._-]+$/

export function ResultTable({ result }: { result: SqlResult }) {
  const rows = useMemo<Row[]>(() => result.rows.map((cells, at) => ({ at, cells })), [result])
  const columns = useMemo<Column<Row>[]>(
    () =>
      result.columns.map((column, i) => ({
        id: `${i}-${column.name}`,
        title: column.name,
        align: rows.length > 0 && typeof rows[0]?.cells[i] === 'number' ? ('right' as const) : undefined,
        sort: (row: Row) => {
          const value = row.cells[i]
          return typeof value === 'number' || typeof value === 'string' ? value : inline(value)
        },
        cell: (row: Row) => <Cell value={row.cells[i]} />,
      })),
    [result, rows],
  )
  return <DataTable label="Result" columns={columns} rows={rows} rowKey={(r) => String(r.at)} keys={false} height="60vh" empty={<Empty title="The statement answered no row." />} />
}

const SHORT = 56

/** JSON is laid out, everything else stands as it is. */
function pretty(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2)
  try {
    return JSON.stringify(JSON.parse(value), null, 2)
  } catch {
    return value
  }
}

function Cell({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span className="faint">null</span>
  if (typeof value === 'string' && REFERENCE.test(value)) return <span className="mono nowrap"><RefLink to={value}>{value}</RefLink></span>
  const text = inline(value)
  if (text.length <= SHORT) return <span className="mono nowrap">{text}</span>
  return (
    <Popover width={460} position="bottom-start">
      <Popover.Target>
        <button type="button" className={css.long} aria-label="Show the whole value">{text.slice(0, SHORT)}…</button>
      </Popover.Target>
      <Popover.Dropdown>
        <pre className={css.whole} tabIndex={0}>{pretty(value)}</pre>
      </Popover.Dropdown>
    </Popover>
  )
}
