import type { Stage } from '~/api/types'

/** One piece of the way of a change: a stage, or the wait before it. */
export interface Segment {
  kind: 'stage' | 'wait'
  stage: Stage
  ms: number
  running: boolean
  /** Share of the track's width, 0 to 1. */
  share: number
}

export interface Track {
  segments: Segment[]
  totalMs: number
  workMs: number
  waitMs: number
  /** False when short pieces were widened so that they can be seen. */
  toScale: boolean
}

/** A stage must have room for its name, a wait only for its hatching. */
const MIN_SHARE = { stage: 0.088, wait: 0.06 }

/** Lays the stages of a change out on one line; pieces shorter than `minShare` get that much. */
export function layoutTrack(stages: Stage[], now: number, minShare = MIN_SHARE): Track {
  const segments: Segment[] = []
  for (const stage of stages) {
    const start = Date.parse(stage.startedAt)
    const end = stage.finishedAt ? Date.parse(stage.finishedAt) : now
    const waited = stage.waitedMs ?? 0
    if (waited > 0) segments.push({ kind: 'wait', stage, ms: waited, running: false, share: 0 })
    segments.push({ kind: 'stage', stage, ms: Math.max(0, end - start), running: !stage.finishedAt, share: 0 })
  }
  const workMs = sum(segments.filter((s) => s.kind === 'stage'))
  const waitMs = sum(segments.filter((s) => s.kind === 'wait'))
  const toScale = spread(segments, minShare)
  return { segments, totalMs: workMs + waitMs, workMs, waitMs, toScale }
}

function sum(segments: Segment[]): number {
  return segments.reduce((total, segment) => total + segment.ms, 0)
}

function spread(segments: Segment[], minShare: { stage: number; wait: number }): boolean {
  const wanted = segments.reduce((total, s) => total + minShare[s.kind], 0)
  const fit = Math.min(1, 1 / Math.max(wanted, 0.001))
  const floorOf = (s: Segment) => minShare[s.kind] * fit
  const open = new Set(segments)
  let room = 1
  for (;;) {
    const total = sum([...open])
    const small = [...open].filter((s) => total === 0 || (s.ms / total) * room < floorOf(s))
    if (small.length === 0) {
      for (const s of open) s.share = (s.ms / total) * room
      break
    }
    for (const s of small) {
      s.share = floorOf(s)
      room -= floorOf(s)
      open.delete(s)
    }
    if (open.size === 0) break
  }
  const scale = segments.reduce((total, s) => total + s.share, 0) || 1
  for (const s of segments) s.share /= scale
  return open.size === segments.length
}

/** From the first commit to the customer, or to now while it is on its way. */
export function timeToValueSoFar(
  status: { firstCommitAt?: string; stages: Stage[]; timeToValueMs?: number; outcome: string },
  now: number,
): { ms: number | undefined; running: boolean } {
  if (status.timeToValueMs !== undefined && status.timeToValueMs !== null) return { ms: status.timeToValueMs, running: false }
  if (status.outcome !== 'inProgress') return { ms: undefined, running: false }
  const start = status.firstCommitAt ?? status.stages[0]?.startedAt
  return start ? { ms: now - Date.parse(start), running: true } : { ms: undefined, running: false }
}
