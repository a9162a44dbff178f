/** The value at a JSON pointer, or nothing. */
export function at(document: unknown, pointer: string): unknown {
  let value: unknown = document
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    if (value === null || typeof value !== 'object') return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** A value in one line, for a cell. */
export function inline(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(inline).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export interface Difference {
  path: string
  before?: unknown
  after?: unknown
}

/**
 * The fields that an event changed. The ledger's difference is a list of entries or a map from
 * pointer to before and after; whatever else comes is shown as one entry rather than hidden.
 */
export function differences(raw: unknown): Difference[] {
  if (raw === undefined || raw === null) return []
  if (Array.isArray(raw)) return raw.map(oneDifference)
  if (typeof raw !== 'object') return [{ path: '', after: raw }]
  return Object.entries(raw as Record<string, unknown>).map(([path, change]) => {
    if (Array.isArray(change) && change.length === 2) return { path, before: change[0], after: change[1] }
    if (change && typeof change === 'object' && ('after' in change || 'before' in change || 'to' in change || 'from' in change)) {
      return { ...oneDifference(change), path }
    }
    return { path, after: change }
  })
}

const BEFORE = ['before', 'old', 'from']
const AFTER = ['after', 'new', 'to', 'value']

/** What a list lost and gained, instead of the whole list twice. */
export function listChange(before: unknown, after: unknown): { lost: unknown[]; gained: unknown[] } | undefined {
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined
  const text = (list: unknown[]) => new Set(list.map((item) => JSON.stringify(item)))
  const [old, now] = [text(before), text(after)]
  return {
    lost: before.filter((item) => !now.has(JSON.stringify(item))),
    gained: after.filter((item) => !old.has(JSON.stringify(item))),
  }
}

function oneDifference(entry: unknown): Difference {
  if (!entry || typeof entry !== 'object') return { path: '', after: entry }
  const e = entry as Record<string, unknown>
  return {
    path: String(e.path ?? e.pointer ?? e.field ?? ''),
    before: e[BEFORE.find((key) => key in e) ?? ''],
    after: e[AFTER.find((key) => key in e) ?? ''],
  }
}
