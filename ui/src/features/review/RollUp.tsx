import { shortName } from '~/api/refs'
import type { ReviewPack, ReviewRow } from '~/api/types'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { duration } from '~/lib/time'
import css from './Review.module.css'

interface Cell {
  title: string
  show: (row: ReviewRow) => React.ReactNode
  /** Whether a number asks for words in the meeting. */
  mark?: (row: ReviewRow) => boolean
  narrow?: boolean
}

/** What no group answers for stands in a row of its own. */
const UNOWNED = 'unowned'

const CELLS: Cell[] = [
  { title: 'Changes', show: (r) => r.changes },
  { title: 'Rolled back', show: (r) => r.rollbacks, mark: (r) => r.rollbacks > 0 && r.rollbacks / Math.max(1, r.changes) > 0.1 },
  { title: 'Value p50', show: (r) => duration(r.timeToValueP50Ms) },
  { title: 'p90', show: (r) => duration(r.timeToValueP90Ms), narrow: true },
  { title: 'Pages', show: (r) => r.pages },
  { title: 'Incidents', show: (r) => r.incidents, mark: (r) => r.incidents > 0 },
  { title: 'Pulls', show: (r) => r.andonPulls },
  { title: 'Open COEs', show: (r) => r.openCoes, narrow: true },
  { title: 'Overdue', show: (r) => r.overdueActions, mark: (r) => r.overdueActions > 0 },
  { title: 'Refusals', show: (r) => r.refusals, narrow: true },
]

/** The week in numbers, the company first, each group under what it belongs to. */
export function RollUp({ pack }: { pack: ReviewPack }) {
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Numbers of the week">
      <table className={css.rollup}>
        <thead>
          <tr>
            <th scope="col">Group</th>
            {CELLS.map((cell) => <th key={cell.title} scope="col" className={cell.narrow ? 'hide-phone' : undefined}>{cell.title}</th>)}
          </tr>
        </thead>
        <tbody>
          {pack.rows.map((row) => (
            <tr key={row.group} data-depth={row.depth}>
              <th scope="row" style={{ paddingLeft: 14 + row.depth * 18 }}>
                {row.group !== UNOWNED ? <RefLink to={row.group} kind="group">{shortName(row.group)}</RefLink> : <span className="dim">{row.group}</span>}
              </th>
              {CELLS.map((cell) => (
                <td key={cell.title} className={cell.narrow ? 'hide-phone' : undefined}>
                  {cell.mark?.(row) ? <State tone="warning" word={String(cell.show(row))} /> : <span data-zero={cell.show(row) === 0 || undefined}>{cell.show(row)}</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
