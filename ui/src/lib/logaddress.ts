/** The view of a search of logs as it stands in an address, and as it is saved under a name. Pure. */
import type { SavedSearchSpec } from '~/api/types'

/** What of the address says which lines are shown, and how. */
export interface LogAddress {
  query?: string
  since?: string
  until?: string
  columns?: string
  order?: string
}

/** What is asked, without a name. */
export type Asked = Pick<SavedSearchSpec, 'query' | 'since' | 'until' | 'columns' | 'order'>

export const SINCE = '1h'
const COLUMNS = ['service']
/** In an address: no column, where nothing means the usual ones. */
const NONE = '-'

export function columnsOf(text: string | undefined): string[] {
  return text === NONE ? [] : (text?.split(',').filter(Boolean) ?? COLUMNS)
}

export function columnText(columns: string[]): string | undefined {
  return columns.length === 0 ? NONE : columns.join(',') === COLUMNS.join(',') ? undefined : columns.join(',')
}

export function askedOf(address: LogAddress): Asked {
  return {
    query: (address.query ?? '').trim(), since: address.since ?? SINCE, columns: columnsOf(address.columns), order: address.order === 'oldest' ? 'oldest' : 'newest',
    ...(address.until ? { until: address.until } : {}),
  }
}

/** The address of what is asked. Its start stands there always: an address of nothing but a name means "open what is saved". */
export function addressOf(asked: Asked): LogAddress {
  return {
    query: asked.query.trim() || undefined, since: asked.since ?? SINCE, until: asked.until, columns: columnText(asked.columns ?? []), order: asked.order === 'oldest' ? 'oldest' : undefined,
  }
}

/** Whether an address says nothing but the name of a saved search, which then says the rest. */
export function isNameAlone(address: LogAddress & { saved?: string; focus?: string }): boolean {
  return Boolean(address.saved) && !['query', 'since', 'until', 'columns', 'order', 'focus'].some((part) => address[part as keyof typeof address])
}

/** The parts in which two searches differ, in words; nothing when they ask the same. */
export function differences(one: Asked, other: Asked): string[] {
  const [a, b] = [addressOf(one), addressOf(other)]
  return [
    a.query !== b.query && 'query', (a.since !== b.since || a.until !== b.until) && 'range', a.columns !== b.columns && 'columns', a.order !== b.order && 'order',
  ].filter((part) => part !== false)
}

const NAME_CHARS = 50

/** The name of an object that is called so: small letters, digits and hyphens. */
export function nameOf(title: string): string {
  const plain = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, NAME_CHARS)
  return plain.replace(/^-+|-+$/g, '') || 'search'
}

/** The name, or the name with the first number that is free. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name
  for (let n = 2; ; n++) if (!isTaken(`${name}-${n}`)) return `${name}-${n}`
}
