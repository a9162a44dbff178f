import { goSignIn } from '~/api/client'
import { ProblemError, problemOf, unreachable } from '~/api/problem'
import type { Order, PageAnswer, Reply, RowAnswer, SlimRow, TailBatch, View } from './protocol'

/** The side of the worker that the page talks to. One worker a page; it ends with it. */
export class Lines {
  private readonly worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  private readonly waiting = new Map<number, { done: (data: unknown) => void; failed: (error: unknown) => void }>()
  private number = 0
  onTail: ((batch: TailBatch) => void) | undefined
  onTailState: ((state: 'on' | 'lost') => void) | undefined

  constructor() {
    this.worker.onmessage = (message: MessageEvent<Reply>) => this.receive(message.data)
  }

  private receive(reply: Reply) {
    if ('tail' in reply) return this.onTail?.(reply.tail)
    if ('tailState' in reply) return this.onTailState?.(reply.tailState)
    const waiter = this.waiting.get(reply.number)
    this.waiting.delete(reply.number)
    if (!waiter) return
    if ('data' in reply) return waiter.done(reply.data)
    if (reply.tooLarge) return waiter.failed(new TooLarge())
    const { status, body } = reply.problem
    if (status === 401) goSignIn()
    waiter.failed(new ProblemError(status === 0 ? unreachable(new Error(typeof body === 'string' ? body : 'The server could not be reached.')) : problemOf(status, body)))
  }

  private send<T>(order: Order): { number: number; answer: Promise<T> } {
    const number = ++this.number
    const answer = new Promise<T>((done, failed) => this.waiting.set(number, { done: done as (data: unknown) => void, failed }))
    this.worker.postMessage({ number, order })
    return { number, answer }
  }

  private tell(order: Order) {
    this.worker.postMessage({ number: 0, order })
  }

  /** Reads one page. When the signal says so, the call to the server is broken off. */
  page(url: string, view: View, signal: AbortSignal): Promise<PageAnswer> {
    const { number, answer } = this.send<PageAnswer>({ do: 'page', url, view })
    signal.addEventListener('abort', () => {
      this.waiting.delete(number)
      this.tell({ do: 'abort', number })
    })
    return answer
  }

  view(ids: string[], view: View): Promise<SlimRow[]> {
    return this.send<SlimRow[]>({ do: 'view', ids, view }).answer
  }

  /** What is held of a line: its long texts may be cut. */
  row(id: string): Promise<RowAnswer | undefined> {
    return this.send<RowAnswer | undefined>({ do: 'row', id, isWhole: false }).answer
  }

  /** The line with nothing cut off, read from the server where that is needed. */
  wholeRow(id: string): Promise<RowAnswer | undefined> {
    return this.send<RowAnswer | undefined>({ do: 'row', id, isWhole: true }).answer
  }

  /** The line as the list shows it where its words stand, however far back in it. */
  find(id: string, view: View): Promise<SlimRow | undefined> {
    return this.send<SlimRow | undefined>({ do: 'find', id, view }).answer
  }

  text(id: string, what: 'message' | 'pretty' | 'row'): Promise<string | undefined> {
    return this.send<string | undefined>({ do: 'text', id, what }).answer
  }

  export(ids: string[], format: 'ndjson' | 'csv', columns: string[]): Promise<Blob> {
    return this.send<Blob>({ do: 'export', ids, format, columns }).answer
  }

  drop(ids: string[]) {
    if (ids.length > 0) this.tell({ do: 'drop', ids })
  }

  tail(query: string, view: View, clip: number) {
    this.tell({ do: 'tail', url: `/api/v1/logs/tail?query=${encodeURIComponent(query)}`, view, clip })
  }

  untail() {
    this.tell({ do: 'untail' })
  }

  end() {
    this.worker.terminate()
  }
}

/** The page had more bytes than are read at once. */
export class TooLarge extends Error {}
