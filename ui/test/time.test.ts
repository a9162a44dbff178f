import { describe, expect, it } from 'vitest'
import { addDays, boundMs, clock, duration, fullTime, logTime, mondayOf, parseSpan, relative, shortTime, utc } from '~/lib/time'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = Date.parse('2026-11-21T22:00:00Z')

describe('durations', () => {
  it('are told in their two largest units', () => {
    expect(duration(850)).toBe('850 ms')
    expect(duration(2_440)).toBe('2.4s')
    expect(duration(12_000)).toBe('12s')
    expect(duration(12 * MINUTE + 30_000)).toBe('12m 30s')
    expect(duration(3 * HOUR)).toBe('3h')
    expect(duration(3 * DAY + 4 * HOUR + 50 * MINUTE)).toBe('3d 4h')
    expect(duration(400 * DAY)).toBe('400d')
    expect(duration(undefined)).toBe('–')
  })
  it('tick as a clock', () => {
    expect(clock(123_000)).toBe('02:03')
    expect(clock(HOUR + 2 * MINUTE + 3_000)).toBe('1:02:03')
    expect(clock(2 * DAY + HOUR)).toBe('2d 01:00:00')
    expect(clock(-5)).toBe('00:00')
  })
  it('are read as the server writes them', () => {
    expect(parseSpan('1h30m')).toBe(90 * MINUTE)
    expect(parseSpan('250ms')).toBe(250)
    expect(parseSpan('7d')).toBe(7 * DAY)
    for (const wrong of ['', '5', 'm', '-5m', '5 m', '5y']) expect(parseSpan(wrong)).toBeUndefined()
  })
})

describe('times', () => {
  it('are told relative to now, both ways', () => {
    expect(relative(NOW - 3_000, NOW)).toBe('just now')
    expect(relative(NOW - 4 * MINUTE, NOW)).toBe('4 min ago')
    expect(relative(NOW + 3 * HOUR, NOW)).toBe('in 3 h')
    expect(relative(NOW - 12 * DAY, NOW)).toBe('12 days ago')
  })
  it('stand in the zone of the viewer, with the day where it is another', () => {
    expect(shortTime(NOW, NOW, 'Europe/Berlin')).toBe('23:00')
    expect(shortTime(NOW - 2 * HOUR, NOW + 2 * HOUR, 'Europe/Berlin')).toBe('Sat 21:00')
    expect(shortTime(NOW - 60 * DAY, NOW, 'Europe/Berlin')).toBe('23 Sept 00:00'.replace('Sept', shortTime(NOW - 60 * DAY, NOW, 'Europe/Berlin').split(' ')[1] ?? ''))
  })
  it('carry UTC on hover', () => {
    expect(utc(NOW)).toBe('2026-11-21 22:00:00Z')
    expect(fullTime(NOW, 'Europe/Berlin')).toContain('2026-11-21 22:00:00Z')
    expect(logTime(NOW + 7, 'UTC')).toBe('22:00:00.007')
  })
  it('bound a range by an age or a time', () => {
    expect(boundMs('1h', NOW)).toBe(NOW - HOUR)
    expect(boundMs('2026-11-21T22:00:00Z', 0)).toBe(NOW)
    expect(boundMs('nonsense', NOW)).toBeUndefined()
  })
  it('find the Monday of a week', () => {
    expect(mondayOf(NOW)).toBe('2026-11-16')
    expect(mondayOf(Date.parse('2026-11-16T00:00:00Z'))).toBe('2026-11-16')
    expect(addDays('2026-12-28', 7)).toBe('2027-01-04')
  })
})
