import { describe, expect, it } from 'vitest'
import paths from '../src/api/paths.ts?raw'

// The server's own description; absent until it has been generated once.
const specs = import.meta.glob('../../spec/openapi.json', { eager: true, import: 'default' }) as Record<string, { paths: Record<string, Record<string, unknown>> }>
const spec = Object.values(specs)[0]

/** The paths and methods that the pages call, read from their declaration. */
function called(): { path: string; methods: string[] }[] {
  const body = paths.slice(paths.indexOf('export interface paths'))
  return body.split(/\n {2}'/).slice(1).map((part) => ({
    path: part.slice(0, part.indexOf("'")),
    methods: [...part.matchAll(/\b(get|put|post|delete): (?:Read|Write)</g)].map((m) => m[1] ?? ''),
  }))
}

describe('the API that the pages call', () => {
  it('is declared with at least one method a path', () => {
    expect(called().length).toBeGreaterThan(40)
    for (const { path, methods } of called()) expect(methods.length, path).toBeGreaterThan(0)
  })
  it.skipIf(!spec)('exists on the server', () => {
    const shape = (path: string) => path.replace(/\{\*?\w+\}/g, '{}')
    const served = new Map(Object.entries(spec?.paths ?? {}).map(([path, item]) => [shape(path), item]))
    const missing = called().flatMap(({ path, methods }) => methods.filter((m) => !served.get(shape(path))?.[m]).map((m) => `${m} ${path}`))
    expect(missing).toEqual([])
  })
})
