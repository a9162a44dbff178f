import { useMemo } from 'react'
import type { SqlResult } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { RefLink } from '~/components/Ref'
import { inline } from '~/lib/pointer'

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

function Cell({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span className="faint">null</span>
  if (typeof value === 'string' && REFERENCE.test(value)) return <span className="mono"><RefLink to={value}>{value}</RefLink></span>
  const text = inline(value)
  return <span className="mono" title={text.length > 200 ? text : undefined}>{text.length > 200 ? `${text.slice(0, 200)}…` : text}</span>
}
