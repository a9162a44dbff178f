import type { LogField } from '~/api/types'
import { lex, phraseText, unescaped, type Token } from './querylex'
import { fieldName, literal } from './lucene'

/** One way to go on with a query. */
export interface Completion {
  kind: 'field' | 'value' | 'operator' | 'syntax'
  label: string
  /** Replaces the text from `from` to `to`. */
  insert: string
  detail?: string
  /** Share of the sampled lines, from 0 to 1. */
  share?: number
}

export interface Completions {
  from: number
  to: number
  items: Completion[]
}

const SHOWN = 12
const FIXED: [string, string][] = [
  ['message', 'the line itself'], ['service', 'what wrote it'], ['level', 'trace to fatal'], ['trace_id', 'the trace'], ['span_id', 'the span'],
  ['scope', 'the logger'], ['severity_number', '1 to 24'], ['severity_text', 'as the sender wrote it'], ['timestamp', 'their time'], ['received_at', 'our time'],
]
const LEVELS = ['error', 'warn', 'info', 'debug', 'trace', 'fatal']
const SYNTAX: Completion[] = [
  { kind: 'syntax', label: 'timeout', insert: 'timeout', detail: 'the message has the word' },
  { kind: 'syntax', label: '"connection refused"', insert: '"connection refused"', detail: 'words next to each other' },
  { kind: 'syntax', label: 'level:>=warn', insert: 'level:>=warn', detail: 'this severity or a higher one' },
  { kind: 'syntax', label: 'NOT service:gateway', insert: 'NOT service:', detail: 'without these' },
  { kind: 'syntax', label: 'order_id:*', insert: '*', detail: 'lines that have the field' },
]

/** What may come at the caret: fields, the values that a field has, operators. */
export function complete(text: string, caret: number, fields: LogField[]): Completions {
  const tokens = lex(text)
  const i = tokens.findIndex((token) => token.from < caret && caret <= token.to)
  const token = tokens[i]
  const before = token && token.kind !== 'space' && token.kind !== 'open' && token.kind !== 'colon' && token.kind !== 'comparator' && token.kind !== 'sign' ? tokens[i - 1] : token
  const field = fieldOf(tokens, token === before ? i : i - 1)
  if (field !== undefined && !(token?.kind === 'space' && !field.grouped)) return values(field.name, field.compared, typed(token, before, caret), caret, token, fields)
  const fresh = !token || token === before || token.kind === 'word' || token.kind === 'field' || token.kind === 'wildcard' || token.kind === 'operator'
  if (!fresh) return { from: caret, to: caret, items: [] }
  const word = token && token !== before ? text.slice(token.from, caret) : ''
  const from = word && token ? token.from : caret
  // Behind a field's name stands its colon already.
  const to = token && token !== before ? token.to : caret
  const named = fieldItems(unescaped(word), fields, token?.kind === 'field')
  const operators = operatorItems(tokens, token === before ? i : i - 1, word)
  if (!word && tokens.every((t) => t.kind === 'space')) return { from: 0, to: text.length, items: [...named.slice(0, 7), ...SYNTAX.filter((s) => s.insert !== '*')] }
  return { from, to, items: word ? [...named, ...operators].slice(0, SHOWN) : [...operators, ...named].slice(0, SHOWN) }
}

function typed(token: Token | undefined, before: Token | undefined, caret: number): string {
  if (!token || token === before) return ''
  const text = token.text.slice(0, caret - token.from)
  return token.kind === 'phrase' ? phraseText({ text, closed: false }) : unescaped(text)
}

/** The field that a value at this token would belong to: right before it, or around its group. */
function fieldOf(tokens: Token[], i: number): { name: string; compared: boolean; grouped: boolean } | undefined {
  let depth = 0
  for (let at = i; at >= 0; at--) {
    const token = tokens[at]
    if (!token) return undefined
    if (at === i && (token.kind === 'colon' || token.kind === 'comparator')) {
      const colon = token.kind === 'colon' ? at : at - 1
      const name = tokens[colon - 1]
      return name?.kind === 'field' ? { name: unescaped(name.text), compared: token.kind === 'comparator', grouped: false } : undefined
    }
    if (token.kind === 'close') depth++
    else if (token.kind === 'open') {
      if (depth > 0) depth--
      else {
        const name = tokens[at - 2]
        return tokens[at - 1]?.kind === 'colon' && name?.kind === 'field' ? { name: unescaped(name.text), compared: false, grouped: true } : undefined
      }
    }
  }
  return undefined
}

function values(name: string, compared: boolean, word: string, caret: number, token: Token | undefined, fields: LogField[]): Completions {
  const isValue = token && ['word', 'wildcard', 'phrase', 'regex', 'range'].includes(token.kind)
  const from = isValue ? token.from : caret
  const to = isValue ? token.to : caret
  const field = fields.find((f) => f.name === name || (name === 'severity' && f.name === 'level'))
  const wanted = word.toLowerCase()
  const top: Completion[] = (field?.top ?? []).map(({ value, count }) => ({
    kind: 'value' as const, label: String(value), insert: literal(value), share: field && field.count > 0 ? count / field.count : undefined,
  }))
  if (name === 'level' || name === 'severity') {
    for (const level of LEVELS) if (!top.some((t) => t.label === level)) top.push({ kind: 'value', label: level, insert: level })
  }
  const matching = top.filter((t) => t.label.toLowerCase().includes(wanted) && t.insert !== word)
  matching.sort((a, b) => Number(b.label.toLowerCase().startsWith(wanted)) - Number(a.label.toLowerCase().startsWith(wanted)))
  const hints: Completion[] = []
  if (!word && !compared) {
    hints.push({ kind: 'syntax', label: '*', insert: '*', detail: 'has the field' })
    if (field?.type === 'number') hints.push({ kind: 'syntax', label: '>=', insert: '>=', detail: 'at least' }, { kind: 'syntax', label: '[a TO b]', insert: '[0 TO 100]', detail: 'a range with its ends' })
    if (name === 'level') hints.unshift({ kind: 'syntax', label: '>=warn', insert: '>=warn', detail: 'warn or worse' })
    if (field?.type === 'text' && name !== 'level') hints.push({ kind: 'syntax', label: '( … OR … )', insert: '(', detail: 'one of several' })
  }
  return { from, to, items: [...matching.slice(0, SHOWN - hints.length), ...hints] }
}

function fieldItems(word: string, fields: LogField[], hasColon: boolean): Completion[] {
  const wanted = word.toLowerCase()
  const known = new Set(fields.map((f) => f.name))
  const all: { name: string; detail: string; count: number }[] = [
    ...fields.map((f) => ({ name: f.name, detail: f.type, count: f.count })),
    ...FIXED.filter(([name]) => !known.has(name)).map(([name, detail]) => ({ name, detail, count: -1 })),
  ]
  const rank = (name: string) => {
    const lower = name.toLowerCase()
    if (lower.startsWith(wanted)) return 0
    return lower.split(/[._-]/).some((part) => part.startsWith(wanted)) ? 1 : 2
  }
  return all
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => rank(a.name) - rank(b.name) || b.count - a.count || a.name.localeCompare(b.name))
    .slice(0, SHOWN)
    .map(({ name, detail }) => ({ kind: 'field' as const, label: name, insert: hasColon ? fieldName(name) : `${fieldName(name)}:`, detail }))
}

const OPERATORS: [string, string][] = [['AND', 'both hold'], ['OR', 'one holds'], ['NOT', 'it does not hold'], ['AND NOT', 'and it does not hold']]

function operatorItems(tokens: Token[], i: number, word: string): Completion[] {
  const last = tokens.slice(0, i + 1).filter((t) => t.kind !== 'space').at(-1)
  const afterTerm = last !== undefined && !['operator', 'open', 'sign', 'colon', 'comparator'].includes(last.kind)
  const upper = word.toUpperCase()
  return OPERATORS
    .filter(([name]) => name.startsWith(upper) && (afterTerm ? name !== 'NOT' || word !== '' : name === 'NOT' && last?.text !== 'NOT'))
    .filter(([name]) => word === '' || name !== word)
    .map(([name, detail]) => ({ kind: 'operator' as const, label: name, insert: `${name} `, detail }))
}

/** The query with a completion taken, and where the caret then stands. */
export function take(text: string, { from, to }: Completions, item: Completion): { text: string; caret: number } {
  const gap = item.kind === 'value' && !/^\s/.test(text.slice(to)) ? ' ' : ''
  const next = text.slice(0, from) + item.insert + gap + text.slice(to)
  return { text: next, caret: from + item.insert.length + gap.length }
}
