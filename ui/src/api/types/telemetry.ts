/** Log lines and SQL. */
import type { Timestamp } from './core'

export interface LogRow {
  id: string
  timestamp: Timestamp
  receivedAt?: Timestamp
  severity?: string
  severityNumber?: number
  service?: string
  message: string
  traceId?: string
  spanId?: string
  scope?: string
  attributes?: Record<string, unknown>
  resource?: Record<string, unknown>
  /** The texts that were cut for a list, `message` or `attributes.x`, with the characters that they have. */
  clipped?: Record<string, number>
}
export interface LogPage {
  rows: LogRow[]
  next?: string
  scannedRows?: number
  elapsedUs?: number
  complete?: boolean
  missing?: string[]
  notes?: LogNote[]
}
/** What the server took differently than written, or what lies where it does not look. */
export interface LogNote {
  code: string
  message: string
  /** Where in the query, from one. */
  line?: number
  column?: number
}
export interface LogHistogram {
  bucketUs: number
  startsUs: number[]
  series: { name: string; counts: number[] }[]
  total: number
  elapsedUs?: number
  complete?: boolean
  missing?: string[]
}
export interface LogField {
  name: string
  type: string
  count: number
  top: { value: unknown; count: number }[]
  /** Different values among the sampled lines, counted up to 1,000. */
  distinct?: number
}
export interface LogFields {
  items: LogField[]
  /** From how many of the newest lines this was made. */
  sampledRows?: number
  /** True when these are all matching lines. */
  complete?: boolean
}
export interface SqlResult {
  columns: { name: string; type: string }[]
  rows: unknown[][]
  truncated?: boolean
  elapsedUs?: number
}
