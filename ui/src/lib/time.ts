/** Times and durations as people on call read them. Pure: `now` and the zone are arguments. */

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A duration in its two largest units: `3d 4h`, `12m 30s`, `850 ms`. */
export function duration(ms: number | undefined | null): string {
  if (ms === undefined || ms === null || Number.isNaN(ms)) return '–'
  const sign = ms < 0 ? '-' : ''
  const left = Math.abs(ms)
  if (left < SECOND) return `${sign}${Math.round(left)} ms`
  if (left < 10 * SECOND) return `${sign}${+(left / SECOND).toFixed(1)}s`
  const days = Math.floor(left / DAY)
  const hours = Math.floor((left % DAY) / HOUR)
  const minutes = Math.floor((left % HOUR) / MINUTE)
  const seconds = Math.floor((left % MINUTE) / SECOND)
  if (days >= 100) return `${sign}${days}d`
  if (days > 0) return `${sign}${days}d${hours ? ` ${hours}h` : ''}`
  if (hours > 0) return `${sign}${hours}h${minutes ? ` ${minutes}m` : ''}`
  if (minutes > 0) return `${sign}${minutes}m${seconds ? ` ${seconds}s` : ''}`
  return `${sign}${seconds}s`
}

/** A running clock: `1:02:03` or `2:03`. */
export function clock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / SECOND))
  const two = (n: number) => String(n).padStart(2, '0')
  const days = Math.floor(total / 86_400)
  const hours = Math.floor((total % 86_400) / 3_600)
  const rest = `${two(Math.floor((total % 3_600) / 60))}:${two(total % 60)}`
  if (days > 0) return `${days}d ${two(hours)}:${rest}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

/** How long ago, or until: `just now`, `4 min ago`, `in 3 h`, `12 days ago`. */
export function relative(at: number, now: number): string {
  const gap = now - at
  const size = Math.abs(gap)
  if (size < 10 * SECOND) return 'just now'
  const words =
    size < MINUTE ? `${Math.floor(size / SECOND)} s`
    : size < HOUR ? `${Math.floor(size / MINUTE)} min`
    : size < 2 * DAY ? `${Math.floor(size / HOUR)} h`
    : size < 60 * DAY ? `${Math.floor(size / DAY)} days`
    : size < 730 * DAY ? `${Math.floor(size / (30 * DAY))} months`
    : `${Math.floor(size / (365 * DAY))} years`
  return gap >= 0 ? `${words} ago` : `in ${words}`
}

/** The time of day, with the day where it is not today: `14:03`, `Tue 14:03`, `3 Mar 14:03`, `3 Mar 2024`. */
export function shortTime(at: number, now: number, zone?: string, seconds = false): string {
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'short', timeZone: zone })
  const time = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit', minute: '2-digit', second: seconds ? '2-digit' : undefined, timeZone: zone,
  }).format(at)
  if (day.format(at) === day.format(now)) return time
  const size = Math.abs(now - at)
  const part = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone }).format(at)
  if (size < 6 * DAY) return `${part({ weekday: 'short' })} ${time}`
  if (size < 300 * DAY) return `${part({ day: 'numeric', month: 'short' })} ${time}`
  return part({ day: 'numeric', month: 'short', year: 'numeric' })
}

/** The full local time with its zone, for a hover: never ambiguous. */
export function fullTime(at: number, zone?: string): string {
  const local = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short', day: 'numeric', month: 'short', year: 'numeric',
    hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short', timeZone: zone,
  }).format(at)
  return `${local} · ${utc(at)}`
}

/** The time in UTC, `2026-03-04 05:06:07Z`. */
export function utc(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z')
}

/** The time of day with milliseconds, as a log line carries it. */
export function logTime(at: number, zone?: string): string {
  return logFormat(zone).format(at)
}

const logFormats = new Map<string | undefined, Intl.DateTimeFormat>()

/** Making a format costs more than using it a hundred times, and every line uses one. */
function logFormat(zone: string | undefined): Intl.DateTimeFormat {
  const known = logFormats.get(zone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, timeZone: zone })
  logFormats.set(zone, made)
  return made
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** The day of a line, for ranges that have several: `21 Nov`. */
export function logDay(at: number): string {
  return dayFormat.format(at)
}

/** The length of `30s`, `5m`, `12h`, `7d`, `1h30m` in milliseconds; nothing when it is no duration. */
export function parseSpan(text: string): number | undefined {
  const trimmed = text.trim()
  if (!/^(\d+(ms|s|m|h|d|w))+$/.test(trimmed)) return undefined
  const units: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY }
  let total = 0
  for (const [, digits, unit] of trimmed.matchAll(/(\d+)(ms|s|m|h|d|w)/g)) {
    total += Number(digits) * (units[unit ?? ''] ?? 0)
  }
  return total
}

/** Where a bound of a range lies: a span counts back from now, anything else is a time. */
export function boundMs(text: string | undefined, now: number): number | undefined {
  if (!text) return undefined
  const span = parseSpan(text)
  if (span !== undefined) return now - span
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

/** The Monday of the week of a day, as `YYYY-MM-DD`, in UTC. */
export function mondayOf(at: number): string {
  const day = new Date(at)
  const back = (day.getUTCDay() + 6) % 7
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() - back)).toISOString().slice(0, 10)
}

/** A day some days later, as `YYYY-MM-DD`. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10)
}

/** The value of an `<input type="datetime-local">` for a time in the viewer's zone. */
export function toLocalInput(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * MINUTE)
  return shifted.toISOString().slice(0, 19)
}
