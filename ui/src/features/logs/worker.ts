/**
 * Reads, parses and holds the lines away from the page, so that lines of megabytes and thousands of
 * fields never hold up what a person does. The page gets what a screen shows, and the rest on demand.
 */
import type { LogPage, LogRow } from '~/api/types'
import { toCsv } from '~/lib/csv'
import { clip, cutRow, entriesOf, hostOf, lengthOf, parseExact, prettyJson, shown, timeOf, valueOf } from '~/lib/logfield'
import { microsOf } from '~/lib/micros'
import { needles } from '~/lib/querytree'
import { bandOf } from '~/lib/state'
import type { Order, PageAnswer, Reply, RowAnswer, SlimRow, View } from './protocol'

const LINE_CHARS = 600
const CELL_CHARS = 160
const HEAD_CHARS = 20_000
const JSON_LOOK_CHARS = 200_000
/** A page is given up beyond this; the page then asks for fewer lines. */
const PAGE_BYTES_MAX = 24_000_000
/** What is cut off is not sent, but the server read it: so many characters are as slow as one that comes. */
const CHARS_READ_AS_SENT = 40
const BATCH_MS = 250
const BATCH_ROWS_MAX = 500
const RATE_SECONDS = 5

/** Whole lines that are kept beside the list, so that opening one again asks nobody. */
const WHOLE_CHARS_MAX = 32_000_000
/** Longer lines are not read for the place of a word alone. */
const FIND_CHARS_MAX = 4_000_000
/** What a file made here may have; more comes from the server, which needs no room for it. */
const EXPORT_CHARS_MAX = 64_000_000
const EXPORT_READS = 4

/** The lines of the list, long texts cut. */
const held = new Map<string, LogRow>()
const wholes = new Map<string, Promise<LogRow>>()
const wholeChars = new Map<string, number>()
const running = new Map<number, AbortController>()
let stopTail: (() => void) | undefined

const post = (reply: Reply) => self.postMessage(reply)

function slim(row: LogRow, view: View, wanted: RegExp | undefined): SlimRow {
  const { text, from } = clip(row.message, LINE_CHARS, wanted)
  const length = lengthOf(row)
  return {
    id: row.id, us: timeOf(row), band: bandOf(row.severityNumber, row.severity), message: text, from, length,
    cells: view.columns.map((name) => shown(valueOf(row, name)).slice(0, CELL_CHARS)),
    isUnread: Boolean(wanted) && length > row.message.length && length <= FIND_CHARS_MAX && !has(row, wanted),
  }
}

/** Whether what is here of a line has one of the words. */
function has(row: LogRow, wanted: RegExp | undefined): boolean {
  return [row.message, JSON.stringify([row.service, row.attributes, row.resource])].some((text) => {
    if (wanted) wanted.lastIndex = 0
    return wanted?.test(text)
  })
}

/** A line with nothing cut off. Asked for twice, it is read once. */
function wholeOf(id: string): Promise<LogRow | undefined> {
  const row = held.get(id)
  if (!row?.clipped) return Promise.resolve(row)
  const known = wholes.get(id)
  if (known) return known
  const reading = readWhole(id)
  wholes.set(id, reading)
  wholeChars.set(id, charsCut(row))
  reading.catch(() => forget(id))
  let sum = [...wholeChars.values()].reduce((a, b) => a + b, 0)
  for (const [oldest, chars] of wholeChars) {
    if (sum <= WHOLE_CHARS_MAX || oldest === id) break
    sum -= chars
    forget(oldest)
  }
  return reading
}

/** Characters of the texts of a line that were cut. */
const charsCut = (row: LogRow): number => Object.values(row.clipped ?? {}).reduce((sum, chars) => sum + chars, 0)

function forget(id: string): void {
  wholes.delete(id)
  wholeChars.delete(id)
}

async function readWhole(id: string): Promise<LogRow> {
  const response = await fetch(`/api/v1/logs/${encodeURIComponent(id)}`, { headers: { Accept: 'application/json' } })
  const text = await response.text()
  if (!response.ok) throw new Refused(response.status, parsed(text))
  return parseExact(text) as LogRow
}

/** The server said no, in its own words. */
class Refused extends Error {
  constructor(readonly status: number, readonly body: unknown) {
    super(`The server answered ${status}.`)
  }
}

/** Answers with what the work gives, or with why there is nothing. */
function reply(number: number, work: Promise<unknown>): void {
  work.then(
    (data) => post({ number, data }),
    (error: unknown) => post({ number, problem: error instanceof Refused ? { status: error.status, body: error.body } : { status: 0, body: String((error as Error)?.message ?? error) } }),
  )
}

/** Reads an answer, but not without end. */
async function readText(response: Response, abort: () => void): Promise<{ text: string; bytes: number } | undefined> {
  const reader = response.body?.getReader()
  if (!reader) return { text: await response.text(), bytes: 0 }
  const decoder = new TextDecoder()
  const parts: string[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    if (bytes > PAGE_BYTES_MAX) {
      abort()
      return undefined
    }
    parts.push(decoder.decode(value, { stream: true }))
  }
  parts.push(decoder.decode())
  return { text: parts.join(''), bytes }
}

async function page(number: number, url: string, view: View): Promise<void> {
  const control = new AbortController()
  running.set(number, control)
  try {
    const response = await fetch(url, { signal: control.signal, headers: { Accept: 'application/json' } })
    if (!response.ok) {
      const text = await response.text()
      return post({ number, problem: { status: response.status, body: parsed(text) } })
    }
    // A single line larger than the bound still has to be shown, so the last attempt is not bounded.
    const one = /[?&]limit=1(&|$)/.test(url)
    const answer = one ? { text: await response.text(), bytes: 0 } : await readText(response, () => control.abort())
    if (!answer) return post({ number, problem: { status: 0, body: undefined }, tooLarge: true })
    const body = parseExact(answer.text) as LogPage
    const wanted = needles(view.query)
    for (const row of body.rows) held.set(row.id, row)
    const cutChars = body.rows.reduce((sum, row) => sum + charsCut(row), 0)
    const data: PageAnswer = {
      rows: body.rows.map((row) => slim(row, view, wanted)), next: body.next ?? undefined, bytes: (answer.bytes || answer.text.length) + cutChars / CHARS_READ_AS_SENT,
      scannedRows: body.scannedRows, elapsedUs: body.elapsedUs, complete: body.complete !== false, missing: body.missing ?? [], notes: body.notes ?? [],
    }
    post({ number, data })
  } catch (error) {
    if (!control.signal.aborted) post({ number, problem: { status: 0, body: String((error as Error)?.message ?? error) } })
  } finally {
    running.delete(number)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function detail(row: LogRow): RowAnswer {
  return {
    id: row.id, us: timeOf(row), receivedUs: row.receivedAt ? microsOf(row.receivedAt) : undefined, timestamp: row.timestamp,
    band: bandOf(row.severityNumber, row.severity), service: row.service, traceId: row.traceId, host: hostOf(row),
    message: row.message.slice(0, HEAD_CHARS), length: lengthOf(row), isCut: row.clipped !== undefined,
    isJson: lengthOf(row) < JSON_LOOK_CHARS && !row.clipped?.message ? prettyJson(row.message) !== undefined : /^\s*[{[]/.test(row.message),
    entries: entriesOf(row),
  }
}

function textOf(row: LogRow, what: 'message' | 'pretty' | 'row'): string {
  if (what === 'row') return JSON.stringify(row, null, 2)
  return what === 'pretty' ? (prettyJson(row.message) ?? row.message) : row.message
}

function exported(rows: LogRow[], format: 'ndjson' | 'csv', columns: string[]): Blob {
  if (format === 'ndjson') return new Blob(rows.map((row) => `${JSON.stringify(row)}\n`), { type: 'application/x-ndjson' })
  const names = ['timestamp', 'level', ...columns.filter((c) => c !== 'message'), 'message']
  return new Blob([toCsv(names, rows.map((row) => names.map((name) => valueOf(row, name))))], { type: 'text/csv' })
}

/** The lines that are held, whole. */
async function wholeExport(ids: string[], format: 'ndjson' | 'csv', columns: string[]): Promise<Blob> {
  const rows = ids.map((id) => held.get(id)).filter((row) => row !== undefined)
  const chars = rows.reduce((sum, row) => sum + charsCut(row), 0)
  if (chars > EXPORT_CHARS_MAX) throw new Refused(413, { type: 'about:blank', status: 413, code: 'UI-0003', title: 'These lines are too large for the browser', detail: `The lines held here have about ${Math.round(chars / 1e6)} MB.`, hint: 'Export all lines that match, with a shorter range: the server writes them.' })
  const whole = [...rows]
  const left = rows.flatMap((row, i) => (row.clipped ? [i] : []))
  const reader = async () => {
    for (let i = left.shift(); i !== undefined; i = left.shift()) whole[i] = (await readWhole(rows[i]?.id ?? '')) ?? rows[i]
  }
  await Promise.all(Array.from({ length: EXPORT_READS }, reader))
  return exported(whole, format, columns)
}

/** Follows new lines; they are handed over in batches, so that a flood does not drown the page. */
function tail(url: string, view: View, clipChars: number): void {
  stopTail?.()
  const wanted = needles(view.query)
  let fresh: LogRow[] = []
  let skipped = 0
  let newest: number | undefined
  const seconds: number[] = []
  let arrived = 0
  const source = new EventSource(url)
  source.addEventListener('row', (message) => {
    const row = parseExact((message as MessageEvent<string>).data) as LogRow
    arrived++
    const received = Date.parse(row.receivedAt ?? row.timestamp)
    if (newest === undefined || received > newest) newest = received
    fresh.push(row)
    if (fresh.length > BATCH_ROWS_MAX) {
      skipped += 1
      fresh.shift()
    }
  })
  source.addEventListener('lagged', (message) => {
    const data = parsed((message as MessageEvent<string>).data) as { skipped?: number } | undefined
    skipped += data?.skipped ?? 1
  })
  source.onopen = () => post({ tailState: 'on' })
  source.onerror = () => post({ tailState: 'lost' })
  const timer = setInterval(() => {
    const batch = fresh.reverse()
    fresh = []
    for (const row of batch) held.set(row.id, cutRow(row, clipChars))
    post({ tail: { rows: batch.map((row) => slim(row, view, wanted)), skipped, rate: seconds.length ? seconds.reduce((a, b) => a + b, 0) / seconds.length : arrived, newestMs: newest } })
    skipped = 0
  }, BATCH_MS)
  const second = setInterval(() => {
    seconds.push(arrived)
    arrived = 0
    if (seconds.length > RATE_SECONDS) seconds.shift()
  }, 1_000)
  stopTail = () => {
    source.close()
    clearInterval(timer)
    clearInterval(second)
    stopTail = undefined
  }
}

self.onmessage = (message: MessageEvent<{ number: number; order: Order }>) => {
  const { number, order } = message.data
  switch (order.do) {
    case 'page':
      return void page(number, order.url, order.view)
    case 'view': {
      const wanted = needles(order.view.query)
      const rows = order.ids.map((id) => held.get(id)).filter((row) => row !== undefined)
      return post({ number, data: rows.map((row) => slim(row, order.view, wanted)) })
    }
    case 'row': {
      const row = held.get(order.id)
      if (!order.isWhole) return post({ number, data: row && detail(row) })
      return reply(number, wholeOf(order.id).then((whole) => whole && detail(whole)))
    }
    case 'find':
      return reply(number, wholeOf(order.id).then((whole) => whole && slim(whole, order.view, needles(order.view.query))))
    case 'text':
      return reply(number, wholeOf(order.id).then((whole) => whole && textOf(whole, order.what)))
    case 'export':
      return reply(number, wholeExport(order.ids, order.format, order.columns))
    case 'drop':
      for (const id of order.ids) {
        held.delete(id)
        forget(id)
      }
      return
    case 'abort':
      return running.get(order.number)?.abort()
    case 'tail':
      return tail(order.url, order.view, order.clip)
    case 'untail':
      return stopTail?.()
  }
}
