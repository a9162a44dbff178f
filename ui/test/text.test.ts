import { describe, expect, it } from 'vitest'
import { cleaned, words } from '~/features/coes/HumanParts'
import { makeVerifier } from '~/features/coes/AddAction'
import { toCsv, toObjects } from '~/lib/csv'
import { compare, compact, dailyMedians, quantile } from '~/lib/number'
import { at, differences } from '~/lib/pointer'
import { focusRange, roomAbove, stack } from '~/lib/stack'
import { andonState, bandOf, stateOf } from '~/lib/state'
import { sectorPath, sectorsOf, turnTo } from '~/lib/wheel'
import { toYaml } from '~/lib/yaml'

describe('YAML', () => {
  it('prints values that read back as themselves', () => {
    expect(toYaml({ kind: 'Component', spec: { owner: 'group:default/a', tags: [], n: 3, yes: 'yes', empty: '', no: '007' } })).toBe(
      'kind: Component\nspec:\n  owner: group:default/a\n  tags: []\n  "n": 3\n  "yes": "yes"\n  empty: ""\n  "no": "007"\n',
    )
    expect(toYaml({ list: [{ a: 1, b: 2 }, 'x'] })).toBe('list:\n  - a: 1\n    b: 2\n  - x\n')
    expect(toYaml({ rego: 'package x\n\ndeny if true\n' })).toBe('rego: |\n  package x\n\n  deny if true\n')
  })
})

describe('CSV', () => {
  it('quotes what needs it and disarms formulas', () => {
    expect(toCsv(['a', 'b'], [['x,y', null], ['=1+1', 2], ['"', { k: 1 }]])).toBe('a,b\r\n"x,y",\r\n\'=1+1,2\r\n"""","{""k"":1}"\r\n')
    expect(toObjects(['a'], [[1], [2]])).toEqual([{ a: 1 }, { a: 2 }])
  })
})

describe('differences', () => {
  it('are read from the ledger’s map', () => {
    expect(differences({ '/spec/a': { from: null, to: 1 } })).toEqual([{ path: '/spec/a', before: null, after: 1 }])
    expect(differences({ '/spec/a': { from: 1, to: null } })).toEqual([{ path: '/spec/a', before: 1, after: null }])
    expect(differences(undefined)).toEqual([])
  })
  it('point into documents', () => {
    expect(at({ spec: { 'a/b': [{ c: 1 }] } }, '/spec/a~1b/0/c')).toBe(1)
    expect(at({ spec: null }, '/spec/x')).toBeUndefined()
  })
})

describe('states', () => {
  it('never take the unknown for fine', () => {
    expect(stateOf(undefined).tone).toBe('unknown')
    expect(stateOf('brand-new')).toEqual({ tone: 'unknown', word: 'brand-new' })
    expect(stateOf('firing').tone).toBe('stopped')
  })
  it('keep an acknowledged andon stopped', () => {
    expect(andonState('acknowledged').tone).toBe('stopped')
    expect(andonState('released').tone).toBe('ok')
  })
  it('band severities by number, then by spelling', () => {
    expect(bandOf(17)).toBe('error')
    expect(bandOf(0, 'WARNING')).toBe('warn')
    expect(bandOf(undefined, undefined)).toBe('unset')
  })
})

describe('numbers', () => {
  it('compare a duration with the usual one', () => {
    expect(compare(50, 100)).toEqual({ words: '2× faster than', better: true })
    expect(compare(130, 100)).toEqual({ words: '30 % longer than', better: false })
    expect(compare(101, 100).better).toBeUndefined()
    expect(compact(12_345)).toBe('12.3K'.replace('K', compact(12_345).slice(-1)))
  })
  it('take quantiles by nearest rank and medians by day', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2)
    expect(quantile([], 0.5)).toBeUndefined()
    expect(dailyMedians([{ at: 86_400_000 + 5, value: 3 }, { at: 1, value: 9 }, { at: 2, value: 1 }, { at: 3, value: 5 }])).toEqual([{ at: 0, value: 5 }, { at: 86_400_000, value: 3 }])
  })
  it('stack series', () => {
    expect(stack([[1, 2], [3, 4]])).toEqual([[1, 2], [4, 6]])
    expect(roomAbove([null, 0])).toEqual([0, 1])
    expect(roomAbove([5], [10])[1]).toBeGreaterThan(10)
  })
  it('look at the part of a range in which something happens', () => {
    const x = Array.from({ length: 100 }, (_, i) => i * 10)
    const counts = x.map((at) => (at >= 500 && at < 540 ? 3 : 0))
    expect(focusRange(x, counts, 10)).toEqual({ from: 460, until: 580 })
    expect(focusRange(x, counts, 10, [480])).toEqual({ from: 440, until: 580 })
    expect(focusRange(x, x.map(() => 0), 10)).toBeUndefined()
    expect(focusRange([], [], 10)).toBeUndefined()
  })
})

describe('the wheel', () => {
  const sectors = sectorsOf({ b: 3, a: 1 })
  it('is as wide as the weights', () => {
    expect(sectors).toEqual([{ name: 'a', weight: 1, from: 0, until: 90 }, { name: 'b', weight: 3, from: 90, until: 360 }])
    expect(sectorPath(sectors[0]!, 10)).toContain('A 10 10 0 0 1')
  })
  it('turns forward until the drawn team stands at the top', () => {
    for (const before of [0, 123, 4_000]) {
      const after = turnTo(sectors, 'b', before)
      expect(after).toBeGreaterThanOrEqual(before + 5 * 360)
      expect((after + 225) % 360).toBeCloseTo(0)
    }
    expect(turnTo(sectors, 'nobody', 7)).toBe(7)
  })
})

describe('a COE', () => {
  it('is sent without blank lines and empty whys', () => {
    const spec = cleaned({ title: 't', owner: 'o', severity: 'sev2', summary: '', impactNote: '', detection: '', diagnosis: '', mitigation: '', factors: [{ whys: ['a', ' '], category: 'change' }, { whys: [''], category: 'process' }], lessons: ['x', ''] })
    expect(spec.factors).toEqual([{ whys: ['a'], category: 'change' }])
    expect(spec.lessons).toEqual(['x'])
    expect(words('  two  words ')).toBe(2)
  })
  it('takes an action only with a whole verifier', () => {
    expect(makeVerifier('policyEnforced', 'policy:default/p', '')).toEqual({ type: 'policyEnforced', policy: 'p' })
    expect(makeVerifier('testPassed', 'component:default/c', '')).toBeUndefined()
    expect(makeVerifier('alarmFired', null, '')).toBeUndefined()
  })
})
