import type { Problem } from './types'

/** A failed call: the server's problem as it was sent, or one made here when no server answered. */
export class ProblemError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail || problem.title)
    this.name = 'ProblemError'
    this.problem = problem
  }
}

/** Turns whatever was thrown into a problem that can be shown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  const detail = error instanceof Error ? error.message : String(error)
  return { type: 'about:blank', title: 'This page failed', status: 0, code: 'UI-0001', detail }
}

/** The problem of a server that did not answer at all. */
export function unreachable(cause: unknown): Problem {
  return {
    type: 'about:blank',
    title: 'Andon does not answer',
    status: 0,
    code: 'UI-0002',
    detail: cause instanceof Error ? cause.message : 'The server could not be reached.',
    hint: 'Check the network and the server. The page tries again by itself.',
  }
}

/** Reads the problem out of an answer whose body may be anything. */
export function problemOf(status: number, body: unknown): Problem {
  if (body && typeof body === 'object' && 'code' in body && 'detail' in body) return body as Problem
  const detail = typeof body === 'string' && body.trim() ? body.trim().slice(0, 300) : `The server answered ${status}.`
  return { type: 'about:blank', title: 'The call failed', status, code: `HTTP-${status}`, detail }
}

/** Line and column (from one) in a problem's place, such as `query:1:12`, `spec.query[1:12]`, `1:12` or `column 12`. */
export function positionOf(problem: Problem): { line: number; column: number } | undefined {
  const place = problem.place ?? ''
  const pair = /(\d+):(\d+)\]?\s*$/.exec(place)
  if (pair) return { line: Number(pair[1]), column: Number(pair[2]) }
  const line = /line (\d+)/.exec(place)
  const column = /column (\d+)/.exec(place)
  if (column) return { line: line ? Number(line[1]) : 1, column: Number(column[1]) }
  return undefined
}
