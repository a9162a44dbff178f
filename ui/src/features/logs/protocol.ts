/** What the page and the worker that holds the lines say to each other. */
import type { LogNote } from '~/api/types'
import type { FieldEntry } from '~/lib/logfield'
import type { Band } from '~/lib/state'

/** A line as the list shows it: never more than a screen needs, however large it is. */
export interface SlimRow {
  id: string
  /** Microseconds. */
  us: number
  band: Band
  message: string
  /** Where in the message the shown part begins. */
  from: number
  /** Characters of the whole message. */
  length: number
  cells: string[]
  /** The message was cut before any of the words searched for came: where they stand is found once it is in view. */
  isUnread?: boolean
}

export interface View {
  columns: string[]
  /** The query, whose words are looked for in long lines. */
  query: string
}

export interface PageAnswer {
  rows: SlimRow[]
  next: string | undefined
  /** What the page cost: its bytes, and a part of what the server read and cut off. */
  bytes: number
  scannedRows: number | undefined
  elapsedUs: number | undefined
  complete: boolean
  missing: string[]
  /** What the server took differently than written. */
  notes: LogNote[]
}

export interface RowAnswer {
  id: string
  us: number
  receivedUs: number | undefined
  timestamp: string
  band: Band
  service: string | undefined
  traceId: string | undefined
  host: { field: string; value: string } | undefined
  /** The beginning of the message. */
  message: string
  length: number
  isJson: boolean
  /** Texts of the line were cut for the list; the whole is on the server. */
  isCut: boolean
  entries: FieldEntry[]
}

export interface TailBatch {
  rows: SlimRow[]
  skipped: number
  /** Lines per second over the last seconds, counted where they arrive. */
  rate: number
  /** Time of receipt of the newest line, milliseconds. */
  newestMs: number | undefined
}

export type Order =
  | { do: 'page'; url: string; view: View }
  | { do: 'view'; ids: string[]; view: View }
  | { do: 'row'; id: string; isWhole: boolean }
  | { do: 'find'; id: string; view: View }
  | { do: 'text'; id: string; what: 'message' | 'pretty' | 'row' }
  | { do: 'export'; ids: string[]; format: 'ndjson' | 'csv'; columns: string[] }
  | { do: 'drop'; ids: string[] }
  | { do: 'abort'; number: number }
  | { do: 'tail'; url: string; view: View; clip: number }
  | { do: 'untail' }

export type Reply =
  | { number: number; data: unknown }
  | { number: number; problem: { status: number; body: unknown }; tooLarge?: boolean }
  | { tail: TailBatch }
  | { tailState: 'on' | 'lost' }
