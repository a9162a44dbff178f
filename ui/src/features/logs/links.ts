import { isoOfMicros } from '~/lib/micros'
import { term } from '~/lib/lucene'
import { stringifySearch } from '~/app/search'

const AROUND_US = 30 * 60 * 1_000_000

export interface Place {
  id: string
  /** Microseconds. */
  us: number
}

/** The lines before and after one, with the one marked. */
export function aroundHref(place: Place, conditions: { field: string; value: string }[], columns?: string): string {
  return `/logs${stringifySearch({
    query: conditions.map(({ field, value }) => term(field, value)).join(' AND '),
    since: isoOfMicros(place.us - AROUND_US), until: isoOfMicros(place.us + AROUND_US), columns, focus: place.id, at: String(place.us), around: true,
  })}`
}

/** A link to one line in its search, whose times do not move. */
export function lineHref(place: Place, search: Record<string, unknown>, since: string, until: string): string {
  return `/logs${stringifySearch({ ...search, since, until, saved: undefined, tail: undefined, focus: place.id, at: String(place.us) })}`
}

/** Everything that matches, as a file from the server. */
export function exportHref(question: { query: string; since: string; until: string }, format: 'ndjson' | 'csv' | 'parquet'): string {
  return `/api/v1/logs/export${stringifySearch({ query: question.query || '*', since: question.since, until: question.until, format })}`
}
