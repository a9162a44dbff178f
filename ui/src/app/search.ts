/** The state of a view lives in its address, as plain words: `?service=payments&since=1h`. */

export type Search = Record<string, unknown>

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(search: Search): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(search)) {
    if (value === undefined || value === null || value === '' || value === false) continue
    params.set(key, value === true ? '1' : String(value))
  }
  const text = params.toString()
  return text ? `?${text}` : ''
}

type Shape = Record<string, 'text' | 'flag'>
type Typed<S extends Shape> = { [K in keyof S]?: S[K] extends 'flag' ? boolean : string }

/** Reads the named parameters of a route; whatever else stands in the address is dropped. */
export function searchOf<S extends Shape>(shape: S): (raw: Search) => Typed<S> {
  return (raw) => {
    const out: Record<string, string | boolean> = {}
    for (const [key, kind] of Object.entries(shape)) {
      const value = raw[key]
      if (value === undefined || value === null || value === '') continue
      if (kind === 'flag') {
        if (value === true || value === '1' || value === 'true') out[key] = true
      } else out[key] = String(value)
    }
    return out as Typed<S>
  }
}
