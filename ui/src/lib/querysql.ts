import type { Test, Tree } from './querytree'
import { readTree } from './querytree'

/** The same question in SQL: the columns of `logs`, attributes by `attr`. */
export interface SqlQuestion {
  query: string
  /** RFC 3339, both. */
  since: string
  until: string
  columns: string[]
  order: 'newest' | 'oldest'
  /** Fields that hold numbers, so that they are compared as such. */
  numbers: ReadonlySet<string>
}

const TEXT_COLUMNS = new Set(['service', 'scope', 'trace_id', 'span_id', 'severity_text'])
const LEVELS: Record<string, [number, number]> = { unset: [0, 0], trace: [1, 4], debug: [5, 8], info: [9, 12], warn: [13, 16], warning: [13, 16], error: [17, 20], fatal: [21, 24] }
const ROWS = 1_000

/** A statement with the same lines; nothing when the query cannot be read. */
export function sqlOf(question: SqlQuestion): string | undefined {
  const tree = readTree(question.query)
  if (!tree) return undefined
  const condition = where(tree, question.numbers)
  const columns = question.columns.filter((name) => !['message', 'timestamp', 'level', 'severity'].includes(name)).map((name) => {
    if (TEXT_COLUMNS.has(name) || ['severity_number', 'received_at'].includes(name)) return name
    return `${value(name, question.numbers.has(name))} as ${identifier(name)}`
  })
  return [
    `select ${['timestamp', 'severity', ...columns, 'message'].join(', ')}`,
    'from logs',
    `where timestamp >= timestamp ${text(question.since)}`,
    `  and timestamp < timestamp ${text(question.until)}`,
    ...(condition ? [`  and ${condition}`] : []),
    `order by timestamp${question.order === 'newest' ? ' desc' : ''}`,
    `limit ${ROWS}`,
  ].join('\n')
}

function where(node: Tree, numbers: ReadonlySet<string>): string | undefined {
  if (node.type === 'all') return undefined
  if (node.type === 'not') return `not (${where(node.of, numbers) ?? 'true'})`
  if (node.type === 'leaf') return leaf(node.field, node.test, numbers)
  const parts = node.of.map((part) => where(part, numbers) ?? 'true')
  return node.type === 'and' ? parts.join('\n  and ') : `(${parts.join(' or ')})`
}

function leaf(field: string | undefined, test: Test, numbers: ReadonlySet<string>): string {
  if (field === undefined || field === 'message') return message(test)
  if (field === 'level' || field === 'severity') return level(test)
  if (field === 'severity_number') return compare('severity_number', test, true, true)
  if (field === 'timestamp' || field === 'received_at') return compare(field, test, false, true, (v) => `timestamp ${text(v)}`)
  if (TEXT_COLUMNS.has(field)) return compare(field, test, false, true)
  const numeric = numbers.has(field)
  // A comparison with a number is one of numbers, whatever the sample held.
  const asNumber = numeric || (test.type === 'range' && [test.low, test.high].every((b) => b === undefined || isNumber(b)))
  return compare(value(field, asNumber), test, asNumber, false)
}

function message(test: Test): string {
  if (test.type === 'exists') return "message <> ''"
  if (test.type === 'range') return bounds('message', test, text)
  if (test.type === 'regex') return `regexp_like(message, ${text(test.source)})`
  if (test.type === 'wildcard') {
    const edge = (c: string | undefined) => (c && /[\p{L}\p{N}_]/u.test(c) ? '\\b' : '')
    const body = wild(test.pattern, '\\S')
    return `regexp_like(message, ${text(`${edge(test.pattern[0])}${body}${edge(test.pattern.at(-1))}`)}, 'i')`
  }
  return words('message', test.text)
}

function words(column: string, wanted: string): string {
  const list = wanted.match(/[\p{L}\p{N}_]+/gu)
  if (!list) return `strpos(${column}, ${text(wanted)}) > 0`
  return `regexp_like(${column}, ${text(`\\b${list.join('\\W+')}\\b`)}, 'i')`
}

/** `whole` columns are compared as a whole, without regard to case; attributes by their words. */
function compare(column: string, test: Test, numeric: boolean, whole: boolean, quote: (value: string) => string = text): string {
  switch (test.type) {
    case 'exists':
      return whole && !numeric && quote === text ? `${column} <> ''` : `${column} is not null`
    case 'range':
      return bounds(column, test, numeric ? (v) => (isNumber(v) ? v : text(v)) : quote)
    case 'regex':
      return `regexp_like(${column}, ${text(test.source)})`
    case 'wildcard':
      return `regexp_like(${column}, ${text(`^${wild(test.pattern, '.')}$`)}, 'is')`
    default:
      if (numeric && isNumber(test.text)) return `${column} = ${test.text}`
      if (quote !== text) return `${column} = ${quote(test.text)}`
      return whole ? `lower(${column}) = ${text(test.text.toLowerCase())}` : words(column, test.text)
  }
}

function bounds(column: string, test: Extract<Test, { type: 'range' }>, quote: (value: string) => string): string {
  const parts: string[] = []
  if (test.low !== undefined) parts.push(`${column} ${test.withLow ? '>=' : '>'} ${quote(test.low)}`)
  if (test.high !== undefined) parts.push(`${column} ${test.withHigh ? '<=' : '<'} ${quote(test.high)}`)
  return parts.length > 1 ? `(${parts.join(' and ')})` : (parts[0] ?? 'true')
}

function level(test: Test): string {
  if (test.type === 'exists') return "(severity_number > 0 or severity_text <> '')"
  if (test.type === 'range') {
    const parts: string[] = []
    const band = (name: string) => LEVELS[name.toLowerCase()] ?? [Number(name), Number(name)]
    if (test.low !== undefined) parts.push(`severity_number ${test.withLow ? '>=' : '>'} ${band(test.low)[test.withLow ? 0 : 1]}`)
    if (test.high !== undefined) parts.push(`severity_number between 1 and ${band(test.high)[test.withHigh ? 1 : 0] - (test.withHigh ? 0 : 1)}`)
    return parts.join(' and ')
  }
  if (test.type === 'word' || test.type === 'phrase') {
    const number = /^\d+$/.test(test.text) ? Number(test.text) : undefined
    const band = LEVELS[test.text.toLowerCase()] ?? (number === undefined ? undefined : [number, number])
    const own = `lower(severity_text) = ${text(test.text.toLowerCase())}`
    return band ? `(severity_number between ${band[0]} and ${band[1]} or ${own})` : own
  }
  const source = test.type === 'wildcard' ? `^${wild(test.pattern, '.')}$` : test.source
  return `(regexp_like(severity, ${text(source)}) or regexp_like(severity_text, ${text(source)}))`
}

function wild(pattern: string, any: string): string {
  return pattern.split(/(\\.|[*?])/s).map((part) => (part === '*' ? `${any}*` : part === '?' ? any : part.replace(/\\(.)/gs, '$1').replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('')
}

/** The value of a field that is no column: of the line, or else of what sent it. */
function value(field: string, numeric: boolean): string {
  const call = numeric ? 'attr_number' : 'attr'
  const inside = /^(attributes|resource)\.(.+)$/s.exec(field)
  if (inside) return `${call}(${inside[1]}, ${text(inside[2] ?? '')})`
  return `coalesce(${call}(attributes, ${text(field)}), ${call}(resource, ${text(field)}))`
}

const isNumber = (value: string) => /^-?\d+(\.\d+)?$/.test(value)
const text = (value: string) => `'${value.replaceAll("'", "''")}'`
const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`
