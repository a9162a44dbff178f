import { asProblem } from '~/api/problem'
import type { LogNote } from '~/api/types'
import { isoOfMicros, microsOf } from '~/lib/micros'
import { ask, emptyWindow, pageSize, receive, rowsAbove, rowsOf, type LogWindow, type Side } from '~/lib/logwindow'
import { TooLarge, type Lines } from './lines'
import type { SlimRow, View } from './protocol'

/** What is asked: an interval that stands still while one reads. */
export interface Question {
  query: string
  /** As the server reads them: RFC 3339. */
  since: string
  until: string
  order: 'newest' | 'oldest'
}

export interface ListState {
  window: LogWindow<SlimRow>
  rows: SlimRow[]
  /** Lines above the first that is held, where that is known exactly. */
  above: number | undefined
  loading: Record<Side, boolean>
  more: Record<Side, boolean>
  error: unknown
  /** When an absent server is asked again, milliseconds since the epoch. */
  retryAt: number | undefined
  found: { scannedRows: number | undefined; elapsedUs: number | undefined; complete: boolean; missing: string[]; notes: LogNote[] } | undefined
  /** The question to which there was an answer, or a refusal. */
  answered: Question | undefined
  /** The line at which the list begins: what stands above it came from the other direction. */
  start: number
  /** What is held answers the question before; the new answer is on its way. */
  stale: boolean
  /** Counts the times that the list began anew. */
  opened: number
}

const ROWS_MAX = 3_000
const FIRST_ROWS = 100
/** Texts of a list are cut to so many characters; an opened line is read whole. */
export const CLIP_CHARS = 4_000
/** One scrolls by: only where one stays the words are looked for in what was cut off. */
const FIND_AFTER_MS = 150
const FINDS_AT_ONCE = 3
const RETRY_FIRST_MS = 1_000
const RETRY_MAX_MS = 10_000

const NOTHING: ListState = {
  window: emptyWindow(false), rows: [], above: 0, loading: { up: false, down: false }, more: { up: false, down: false },
  error: undefined, retryAt: undefined, found: undefined, answered: undefined, start: 0, stale: false, opened: 0,
}

/** The lines of one answer, as far as they are held: pages come at both ends as one scrolls. */
export class LineList {
  state: ListState = NOTHING
  private readonly listeners = new Set<() => void>()
  private question: Question | undefined
  private anchorUs: number | undefined
  private view: View = { columns: [], query: '' }
  private control = new AbortController()
  private limit = FIRST_ROWS
  private failures = 0
  private range = { first: 0, last: -1 }
  private finding: ReturnType<typeof setTimeout> | undefined
  private isFinding = false
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly lines: Lines) {}

  subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  snapshot = () => this.state

  private set(next: Partial<ListState>) {
    const state = { ...this.state, ...next }
    const { window } = state
    if (next.window) {
      state.rows = rowsOf(window)
      state.above = rowsAbove(window)
      state.start = window.pages.reduce((sum, page) => (page.at < 0 ? sum + page.rows.length : sum), 0)
      state.more = { up: window.pages.length > 0 && ask(window, 'up') !== undefined, down: window.pages.length > 0 && ask(window, 'down') !== undefined }
    }
    this.state = state
    this.listeners.forEach((wake) => wake())
  }

  /** Begins anew, at the top or around a time (microseconds): lines of that very time come below it. */
  open(question: Question, view: View, anchorUs?: number) {
    this.stop()
    this.question = question
    this.view = view
    this.anchorUs = anchorUs
    // What stood there stays until the answer comes, so that nothing flickers.
    this.set({ stale: true, error: undefined, retryAt: undefined, loading: { up: false, down: false } })
    void this.more('down').then(() => (anchorUs === undefined ? undefined : this.more('up')))
  }

  jump(anchorUs: number | undefined) {
    if (this.question) this.open(this.question, this.view, anchorUs)
  }

  /** Shows other columns of the same lines. */
  async look(view: View) {
    this.view = view
    const ids = this.state.rows.map((row) => row.id)
    if (ids.length === 0) return
    const rows = await this.lines.view(ids, view)
    this.replace(rows)
    this.see(this.range.first, this.range.last)
  }

  /** Which lines are in view: of those that were cut before the words searched for came, the place of the words is found. */
  see(first: number, last: number) {
    this.range = { first, last }
    clearTimeout(this.finding)
    this.finding = setTimeout(() => void this.find(), FIND_AFTER_MS)
  }

  private async find() {
    if (this.isFinding) return
    this.isFinding = true
    for (;;) {
      const unread = this.state.rows.slice(this.range.first, this.range.last + 1).filter((row) => row.isUnread).slice(0, FINDS_AT_ONCE)
      if (unread.length === 0) break
      // What cannot be read now stays as it is; opening the line says why.
      const found = await Promise.all(unread.map((row) => this.lines.find(row.id, this.view).then((answer) => answer ?? row, () => row)))
      this.replace(found.map((row) => ({ ...row, isUnread: false })))
    }
    this.isFinding = false
  }

  private replace(rows: SlimRow[]) {
    const fresh = new Map(rows.map((row) => [row.id, row]))
    const { window } = this.state
    this.set({ window: { ...window, pages: window.pages.map((page) => ({ ...page, rows: page.rows.map((row) => fresh.get(row.id) ?? row) })) } })
  }

  async more(side: Side): Promise<void> {
    const { control, question } = this
    const wanted = ask(this.held(), side)
    if (!question || !wanted || this.state.loading[side] || this.state.retryAt !== undefined) return
    this.set({ loading: { ...this.state.loading, [side]: true } })
    try {
      const answer = await this.read(question, wanted.side, wanted.cursor, control.signal)
      if (control.signal.aborted || !answer) return
      this.failures = 0
      this.limit = pageSize(answer.bytes, answer.rows.length, this.limit)
      const first = this.state.stale
      const { window, dropped } = receive(this.held(), wanted, answer.rows, answer.next, ROWS_MAX)
      const kept = new Set(answer.rows.map((row) => row.id))
      this.lines.drop([...dropped, ...(first ? this.state.rows.filter((row) => !kept.has(row.id)) : [])].map((row) => row.id))
      this.set({
        window, stale: false, answered: question, opened: first ? this.state.opened + 1 : this.state.opened, error: undefined, retryAt: undefined, loading: { ...this.state.loading, [side]: false },
        found: first || !answer.complete ? { scannedRows: answer.scannedRows, elapsedUs: answer.elapsedUs, complete: answer.complete, missing: answer.missing, notes: answer.notes } : this.state.found,
      })
    } catch (error) {
      if (!control.signal.aborted) this.fail(side, error)
    }
  }

  private held(): LogWindow<SlimRow> {
    return this.state.stale ? emptyWindow(this.anchorUs !== undefined) : this.state.window
  }

  private async read(question: Question, side: Side, cursor: string | undefined, signal: AbortSignal) {
    for (;;) {
      try {
        return await this.lines.page(this.url(question, side, cursor), this.view, signal)
      } catch (error) {
        if (!(error instanceof TooLarge) || this.limit <= 1 || signal.aborted) throw error
        this.limit = Math.max(1, Math.floor(this.limit / 5))
      }
    }
  }

  private url(question: Question, side: Side, cursor: string | undefined): string {
    const newestFirst = (question.order === 'newest') === (side === 'down')
    const anchor = this.boundary(question)
    const params = new URLSearchParams({ query: question.query || '*', limit: String(this.limit), order: newestFirst ? 'newest' : 'oldest' })
    params.set('clip', String(CLIP_CHARS))
    params.set('since', !newestFirst && anchor ? anchor : question.since)
    params.set('until', newestFirst && anchor ? anchor : question.until)
    if (cursor) params.set('cursor', cursor)
    return `/api/v1/logs?${params}`
  }

  /** Intervals end before their last time: so the lines of the anchor's own time lie below it, in either order. */
  private boundary(question: Question): string | undefined {
    if (this.anchorUs === undefined) return undefined
    const wanted = question.order === 'newest' ? this.anchorUs + 1 : this.anchorUs
    // A bar begins before the interval does; an interval must not end before it begins.
    const low = microsOf(question.since)
    const high = microsOf(question.until)
    return isoOfMicros(Math.max(Number.isNaN(low) ? wanted : low, Math.min(Number.isNaN(high) ? wanted : high, wanted)))
  }

  private fail(side: Side, error: unknown) {
    const { status } = asProblem(error)
    const again = status === 503 || status === 0
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.failures++)
    // Lines that answer another question would mislead.
    const gone = this.state.stale && this.state.rows.length > 0 ? { window: emptyWindow<SlimRow>(false), found: undefined } : {}
    if (gone.window) this.lines.drop(this.state.rows.map((row) => row.id))
    this.set({ ...gone, error, answered: this.question, loading: { ...this.state.loading, [side]: false }, retryAt: again ? Date.now() + waitMs : undefined })
    if (again) this.timer = setTimeout(() => this.retry(side), waitMs)
  }

  /** Asks an absent server again, now. */
  retry(side: Side = 'down') {
    clearTimeout(this.timer)
    this.set({ retryAt: undefined })
    void this.more(side)
  }

  stop() {
    clearTimeout(this.timer)
    clearTimeout(this.finding)
    this.control.abort()
    this.control = new AbortController()
  }
}
