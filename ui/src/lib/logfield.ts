import type { LogRow } from '~/api/types'
import { bandOf } from './state'
import { microsOf } from './micros'

/** The value of a field of a line, by the name that queries use. */
export function valueOf(row: LogRow, name: string): unknown {
  switch (name) {
    case 'message': return row.message
    case 'service': return row.service
    case 'level': case 'severity': return bandOf(row.severityNumber, row.severity)
    case 'severity_number': return row.severityNumber
    case 'severity_text': return row.severity
    case 'trace_id': return row.traceId
    case 'span_id': return row.spanId
    case 'scope': return row.scope
    case 'timestamp': return row.timestamp
    case 'received_at': return row.receivedAt
    default: break
  }
  const inside = /^(attributes|resource)\.(.+)$/s.exec(name)
  if (inside) return path(row[inside[1] as 'attributes' | 'resource'], inside[2] ?? '')
  return path(row.attributes, name) ?? path(row.resource, name)
}

/** A dotted name is the key as a whole, or keys inside objects. */
function path(map: Record<string, unknown> | undefined, name: string): unknown {
  if (!map) return undefined
  if (Object.hasOwn(map, name)) return map[name]
  for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
    const inner = Object.hasOwn(map, name.slice(0, dot)) ? map[name.slice(0, dot)] : undefined
    if (inner && typeof inner === 'object' && !Array.isArray(inner)) {
      const found = path(inner as Record<string, unknown>, name.slice(dot + 1))
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** Text in one line; lists and objects as JSON. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export interface FieldEntry {
  group: 'line' | 'attributes' | 'resource'
  name: string
  /** At most so much as is shown. */
  text: string
  /** Characters of the whole value. */
  length: number
  type: 'text' | 'number' | 'boolean' | 'structure'
}

const VALUE_CHARS = 4_000

/** Every field of a line, objects taken apart, with the names that queries use. */
export function entriesOf(row: LogRow): FieldEntry[] {
  const found: FieldEntry[] = []
  const add = (group: FieldEntry['group'], name: string, value: unknown) => {
    if (value === undefined || value === null || value === '') return
    const text = shown(value)
    const type = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : typeof value === 'object' ? 'structure' : 'text'
    found.push({ group, name, text: text.slice(0, VALUE_CHARS), length: row.clipped?.[`${group}.${name}`] ?? text.length, type })
  }
  const walk = (group: FieldEntry['group'], map: Record<string, unknown>, prefix: string, depth: number) => {
    for (const [key, value] of Object.entries(map)) {
      if (value && typeof value === 'object' && !Array.isArray(value) && depth < 20) walk(group, value as Record<string, unknown>, `${prefix}${key}.`, depth + 1)
      else add(group, prefix + key, value)
    }
  }
  for (const name of ['service', 'level', 'severity_text', 'trace_id', 'span_id', 'scope']) add('line', name, valueOf(row, name))
  walk('attributes', row.attributes ?? {}, '', 0)
  walk('resource', row.resource ?? {}, '', 0)
  return found.filter((entry) => entry.name !== 'severity_text' || entry.text !== found.find((f) => f.name === 'level')?.text)
}

const HOSTS = ['host.name', 'host', 'hostname', 'k8s.pod.name', 'source']

/** Where the line came from, as far as it says. */
export function hostOf(row: LogRow): { field: string; value: string } | undefined {
  for (const field of HOSTS) {
    const value = valueOf(row, field)
    const isCut = row.clipped?.[`attributes.${field}`] ?? row.clipped?.[`resource.${field}`]
    if (typeof value === 'string' && value && !isCut) return { field, value }
  }
  return undefined
}

/** Cuts the long texts of a line as the server does for lists; the line itself where none is long. */
export function cutRow(row: LogRow, chars: number): LogRow {
  const clipped: Record<string, number> = { ...row.clipped }
  const cut = (place: string, value: unknown): unknown => {
    if (typeof value !== 'string') return value && typeof value === 'object' ? cutInside(place, value) : value
    if (value.length <= chars) return value
    clipped[place] ??= value.length
    return value.slice(0, chars)
  }
  const cutInside = (place: string, value: object): unknown =>
    Array.isArray(value) ? value.map((one, i) => cut(`${place}.${i}`, one)) : Object.fromEntries(Object.entries(value).map(([name, one]) => [name, cut(`${place}.${name}`, one)]))
  const less = { ...row, message: cut('message', row.message) as string, attributes: cut('attributes', row.attributes) as LogRow['attributes'], resource: cut('resource', row.resource) as LogRow['resource'] }
  return Object.keys(clipped).length > 0 ? { ...less, clipped } : row
}

/** Characters of the whole message, also where it is cut. */
export const lengthOf = (row: LogRow): number => row.clipped?.message ?? row.message.length

/** So much stands before what was found, that it is in view on a narrow screen. */
const LEAD_CHARS = 24

/** The part of a text that is shown in a list: its beginning, or where it first matches. */
export function clip(text: string, chars: number, wanted?: RegExp): { text: string; from: number } {
  if (text.length <= chars) return { text, from: 0 }
  if (wanted) {
    wanted.lastIndex = 0
    const found = wanted.exec(text)
    // Who marks what was found begins where this ended.
    wanted.lastIndex = 0
    if (found && found.index + found[0].length > chars) {
      const from = Math.max(0, found.index - LEAD_CHARS)
      return { text: text.slice(from, from + chars), from }
    }
  }
  return { text: text.slice(0, chars), from: 0 }
}

export const timeOf = (row: LogRow): number => microsOf(row.timestamp)

/** Reads JSON; whole numbers too large for this language stay exact, as texts. */
export function parseExact(text: string): unknown {
  if (!/[:[,\s]-?\d{16,}/.test(text)) return JSON.parse(text)
  const keep = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && context?.source && /^-?\d+$/.test(context.source) ? context.source : value
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown)
}

/** A text that is JSON, laid out; nothing when it is none. */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.stringify(parseExact(text), null, 2)
  } catch {
    return undefined
  }
}
