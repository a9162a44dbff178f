/**
 * Reads, parses and holds the lines away from the page, so that lines of megabytes and thousands of
 * fields never hold up what a person does. The page gets what a screen shows, and the rest on demand.
 */
import type { LogPage, LogRow } from '~/api/types'
import { toCsv } from '~/lib/csv'
import { clip, entriesOf, hostOf, parseExact, prettyJson, shown, timeOf, valueOf } from '~/lib/logfield'
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
const BATCH_MS = 250
const BATCH_ROWS_MAX = 500
const RATE_SECONDS = 5

const held = new Map<string, LogRow>()
const running = new Map<number, AbortController>()
let stopTail: (() => void) | undefined

const post = (reply: Reply) => self.postMessage(reply)

function slim(row: LogRow, view: View, wanted: RegExp | undefined): SlimRow {
  const { text, from } = clip(row.message, LINE_CHARS, wanted)
  return {
    id: row.id, us: timeOf(row), band: bandOf(row.severityNumber, row.severity), message: text, from, length: row.message.length,
    cells: view.columns.map((name) => shown(valueOf(row, name)).slice(0, CELL_CHARS)),
  }
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
    const data: PageAnswer = {
      rows: body.rows.map((row) => slim(row, view, wanted)), next: body.next ?? undefined, bytes: answer.bytes || answer.text.length,
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
    message: row.message.slice(0, HEAD_CHARS), length: row.message.length,
    isJson: row.message.length < JSON_LOOK_CHARS ? prettyJson(row.message) !== undefined : /^\s*[{[]/.test(row.message),
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

/** Follows new lines; they are handed over in batches, so that a flood does not drown the page. */
function tail(url: string, view: View): void {
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
    for (const row of batch) held.set(row.id, row)
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
      return post({ number, data: row && detail(row) })
    }
    case 'text': {
      const row = held.get(order.id)
      return post({ number, data: row && textOf(row, order.what) })
    }
    case 'export':
      return post({ number, data: exported(order.ids.map((id) => held.get(id)).filter((row) => row !== undefined), order.format, order.columns) })
    case 'drop':
      for (const id of order.ids) held.delete(id)
      return
    case 'abort':
      return running.get(order.number)?.abort()
    case 'tail':
      return tail(order.url, order.view)
    case 'untail':
      return stopTail?.()
  }
}
