import { describe, expect, it } from 'vitest'
import { fullRef, hrefOf, parseRef, pluralOf, shortName } from '~/api/refs'
import { parseSearch, searchOf, stringifySearch } from '~/app/search'
import { positionOf, problemOf } from '~/api/problem'

describe('references', () => {
  it('are read with the defaults of their place', () => {
    expect(parseRef('payments')).toEqual({ kind: '', namespace: 'default', name: 'payments' })
    expect(parseRef('component:shop/payments')).toEqual({ kind: 'component', namespace: 'shop', name: 'payments' })
    expect(fullRef('Payments', 'group')).toBe('group:default/payments')
    expect(shortName('component:shop/payments')).toBe('shop/payments')
    expect(shortName('*')).toBe('the whole line')
  })
  it('lead to the page of the object', () => {
    expect(hrefOf('component:default/payments')).toBe('/services/payments')
    expect(hrefOf('component:shop/payments')).toBe('/services/shop%2Fpayments')
    expect(hrefOf('review:default/2026-11-16-acme')).toBe('/review?week=2026-11-16&group=acme')
    expect(hrefOf('policy:default/x')).toBe('/policies/x')
    expect(hrefOf('escalationpolicy:default/x')).toBe('/catalog/escalation-policies/x')
    expect(pluralOf('Action')).toBe('actions')
  })
})

describe('the address', () => {
  it('carries plain words', () => {
    expect(stringifySearch({ query: 'a:1 AND b', since: '1h', tail: true, until: undefined, off: false })).toBe('?query=a%3A1+AND+b&since=1h&tail=1')
    expect(parseSearch('?version=2&tail=1')).toEqual({ version: '2', tail: '1' })
  })
  it('is read by the shape of its route', () => {
    const read = searchOf({ q: 'text', tail: 'flag' })
    expect(read({ q: '2', tail: '1', other: 'x' })).toEqual({ q: '2', tail: true })
    expect(read({ q: '', tail: '0' })).toEqual({})
  })
})

describe('problems', () => {
  it('tell their place in any of the forms', () => {
    const at = (place: string) => positionOf({ type: '', title: '', status: 400, code: 'X', detail: '', place })
    expect(at('query:1:12')).toEqual({ line: 1, column: 12 })
    expect(at('stdin:3:4')).toEqual({ line: 3, column: 4 })
    expect(at('line 2, column 9')).toEqual({ line: 2, column: 9 })
    expect(at('spec/owner')).toBeUndefined()
  })
  it('are made of whatever a server answers', () => {
    expect(problemOf(502, '<html>bad gateway').code).toBe('HTTP-502')
    expect(problemOf(409, { code: 'OBJ-0005', detail: 'x' }).code).toBe('OBJ-0005')
  })
})
