import { describe, expect, it } from 'vitest'
import type { Stage } from '~/api/types'
import { layoutTrack, timeToValueSoFar } from '~/lib/track'

const MINUTE = 60_000
const START = Date.parse('2026-11-21T10:00:00Z')
const iso = (ms: number) => new Date(ms).toISOString()

function stages(): Stage[] {
  return [
    { name: 'commit', startedAt: iso(START), finishedAt: iso(START + 20 * MINUTE), waitedMs: 0 },
    { name: 'build', startedAt: iso(START + 80 * MINUTE), finishedAt: iso(START + 90 * MINUTE), waitedMs: 60 * MINUTE, waitReason: 'a runner' },
    { name: 'deploy', startedAt: iso(START + 90 * MINUTE), waitedMs: 0 },
  ]
}

describe('the way of a change', () => {
  it('shows waits between the stages and lets what runs grow', () => {
    const track = layoutTrack(stages(), START + 100 * MINUTE)
    expect(track.segments.map((s) => [s.kind, s.stage.name, s.ms / MINUTE])).toEqual([
      ['stage', 'commit', 20], ['wait', 'build', 60], ['stage', 'build', 10], ['stage', 'deploy', 10],
    ])
    expect(track.segments[3]?.running).toBe(true)
    expect(track.waitMs / MINUTE).toBe(60)
    expect(track.workMs / MINUTE).toBe(40)
  })
  it('fills the line exactly, with room for the shortest piece', () => {
    const week = [...stages(), { name: 'feature-on', startedAt: iso(START + 10_000 * MINUTE), finishedAt: iso(START + 10_001 * MINUTE), waitedMs: 9_900 * MINUTE }]
    const track = layoutTrack(week, START + 100 * MINUTE)
    expect(track.toScale).toBe(false)
    expect(track.segments.reduce((sum, s) => sum + s.share, 0)).toBeCloseTo(1)
    expect(Math.min(...track.segments.map((s) => s.share))).toBeGreaterThan(0.05)
  })
  it('is to scale when every piece has room', () => {
    const even = [{ name: 'a', startedAt: iso(START), finishedAt: iso(START + MINUTE) }, { name: 'b', startedAt: iso(START + MINUTE), finishedAt: iso(START + 3 * MINUTE) }]
    const track = layoutTrack(even, START)
    expect(track.toScale).toBe(true)
    expect(track.segments[1]?.share).toBeCloseTo(2 / 3)
  })
  it('does not break on many or empty stages', () => {
    expect(layoutTrack([], START).segments).toEqual([])
    const many = Array.from({ length: 40 }, (_, i) => ({ name: `s${i}`, startedAt: iso(START + i), finishedAt: iso(START + i), waitedMs: 1 }))
    expect(layoutTrack(many, START).segments.reduce((sum, s) => sum + s.share, 0)).toBeCloseTo(1)
  })
})

describe('time to value', () => {
  it('stands once it is known, counts while on the way, and is absent for what failed', () => {
    expect(timeToValueSoFar({ stages: stages(), outcome: 'succeeded', timeToValueMs: 5 }, START)).toEqual({ ms: 5, running: false })
    expect(timeToValueSoFar({ stages: stages(), outcome: 'inProgress' }, START + MINUTE)).toEqual({ ms: MINUTE, running: true })
    expect(timeToValueSoFar({ stages: stages(), outcome: 'failed' }, START)).toEqual({ ms: undefined, running: false })
  })
})
