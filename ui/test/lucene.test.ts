import { describe, expect, it } from 'vitest'
import { literal, logsCommand, narrow, shell, split } from '~/lib/lucene'

describe('a search built by clicking', () => {
  it('quotes what is not a plain word', () => {
    expect(literal('payments')).toBe('payments')
    expect(literal(409)).toBe('409')
    expect(literal('charge failed: "x"')).toBe('"charge failed: \\"x\\""')
    expect(literal('AND')).toBe('"AND"')
    expect(literal('')).toBe('""')
  })
  it('joins conditions by AND and never repeats one', () => {
    expect(narrow('', 'service', 'payments')).toBe('service:payments')
    expect(narrow('*', 'service', 'payments')).toBe('service:payments')
    const once = narrow('level:error', 'service', 'payments')
    expect(once).toBe('level:error AND service:payments')
    expect(narrow(once, 'service', 'payments')).toBe(once)
  })
  it('takes the opposite out when one is turned around', () => {
    expect(narrow('service:payments AND level:error', 'service', 'payments', true)).toBe('level:error AND NOT service:payments')
    expect(narrow('NOT service:payments', 'service', 'payments')).toBe('service:payments')
  })
  it('keeps an OR together', () => {
    expect(narrow('a OR b', 'service', 'x')).toBe('(a OR b) AND service:x')
    expect(split('"a OR b" AND c')).toEqual(['"a OR b"', 'c'])
    expect(split('level:(a OR b) AND c')).toEqual(['level:(a OR b)', 'c'])
  })
})

describe('the same search as a command', () => {
  it('is quoted for the shell', () => {
    expect(logsCommand({ query: 'service:payments', since: '1h' })).toBe('andon logs service:payments --since 1h')
    expect(logsCommand({ query: 'a AND b', tail: true })).toBe("andon logs 'a AND b' -f")
    expect(logsCommand({})).toBe("andon logs '*'")
    expect(shell("it's")).toBe('"it\'s"')
    expect(shell("$it's")).toBe(`'$it'\\''s'`)
  })
})
