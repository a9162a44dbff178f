import type { Problem } from '~/api/types'
import { positionOf } from '~/api/problem'
import { Words } from '~/components/Words'
import { paint } from '~/lib/querypaint'

export interface Spot {
  /** Where in the text, in its own units. */
  offset: number
  /** The column that people count. */
  column: number
}

/** A query in its colours, with the place marked at which it cannot be read. */
export function QueryText({ text, spot }: { text: string; spot: number | undefined }) {
  return (
    <>
      {paint(text, spot).map((piece, i) => (piece.wrong
        ? <mark key={i}>{piece.text || ' '}</mark>
        : <span key={i} data-kind={piece.kind}>{piece.text}</span>))}
    </>
  )
}

/** The codes with which the server says that a query cannot be read. */
const UNREADABLE = ['LOG-0001', 'SIG-0002']

/** Where in the query the server says the mistake is; nothing where it is about something else. */
export function spotOf(problem: Problem, query: string): Spot | undefined {
  const isOfQuery = !problem.place?.startsWith('spec.') || problem.place.startsWith('spec.query')
  const place = UNREADABLE.includes(problem.code) && isOfQuery ? positionOf(problem) : undefined
  return place && spotAt(query, place.line, place.column)
}

/** The column, unless the server's own words say it, and what to do next. */
export function WhereAndNext({ problem, column }: { problem: Problem; column: number }) {
  const hint = problem.hint?.trim()
  return (
    <>
      {!problem.detail?.includes(`column ${column}`) && `Column ${column}. `}
      {hint && <Words text={sentence(hint)} />}
    </>
  )
}

/** As a sentence stands after another. */
export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…:]$/.test(text) ? '' : '.')

/** The server counts lines, and characters in them. */
export function spotAt(query: string, line: number, column: number): Spot {
  const lines = query.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
  const inLine = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('').length
  return { offset: Math.min(before + inLine, query.length), column }
}
