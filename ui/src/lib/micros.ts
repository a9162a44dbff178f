/** Times of lines in microseconds since the epoch: exact in a JavaScript number until the year 2255. */

/** Reads an RFC 3339 time with up to nine digits behind the second; what is finer than a microsecond is cut off. */
export function microsOf(text: string): number {
  const found = /^(.*:\d{2})\.(\d+)(.*)$/.exec(text)
  if (!found) return Date.parse(text) * 1_000
  const [, head, fraction, zone] = found
  return Date.parse(`${head}${zone || 'Z'}`) * 1_000 + Number((fraction ?? '').slice(0, 6).padEnd(6, '0'))
}

/** The time in UTC, with as many digits as it needs to be exact. */
export function isoOfMicros(us: number): string {
  const millis = Math.floor(us / 1_000)
  const rest = us - millis * 1_000
  const iso = new Date(millis).toISOString()
  return rest === 0 ? iso : iso.replace('Z', `${String(rest).padStart(3, '0')}Z`)
}
