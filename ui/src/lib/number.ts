/** A count with thin grouping: `12,345`. */
export function count(value: number | undefined | null): string {
  return value === undefined || value === null ? '–' : new Intl.NumberFormat('en-GB').format(value)
}

/** A count that must be short: `12.3k`, `4.5M`. */
export function compact(value: number): string {
  if (Math.abs(value) < 10_000) return count(value)
  return new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 }).format(value)
}

/** An amount of memory or disk: `88 MB`, `21.5 GB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000
    unit++
  }
  return `${size >= 100 || unit === 0 ? Math.round(size) : +size.toFixed(1)} ${units[unit]}`
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** The quantile of a list that need not be sorted, by nearest rank, as the server counts it. */
export function quantile(values: number[], q: number): number | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]
}

/** How a duration compares with the usual one: `2.1× faster than`, `40 % slower than`, `about as fast as`. */
export function compare(value: number, usual: number): { words: string; better: boolean | undefined } {
  if (usual <= 0 || value <= 0) return { words: 'not comparable with', better: undefined }
  const ratio = value / usual
  if (ratio > 0.9 && ratio < 1.1) return { words: 'about as long as', better: undefined }
  if (ratio < 1) return { words: ratio <= 0.5 ? `${trim(1 / ratio)}× faster than` : `${percent(1 - ratio)} faster than`, better: true }
  return { words: ratio >= 2 ? `${trim(ratio)}× longer than` : `${percent(ratio - 1)} longer than`, better: false }
}

function trim(value: number): string {
  return value >= 10 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, '')
}

/** The median of each day, oldest first, for a line that hundreds of points would hide. */
export function dailyMedians(points: { at: number; value: number }[]): { at: number; value: number }[] {
  const days = new Map<number, number[]>()
  for (const point of points) {
    const day = Math.floor(point.at / 86_400_000) * 86_400_000
    days.set(day, [...(days.get(day) ?? []), point.value])
  }
  return [...days].sort((a, b) => a[0] - b[0]).map(([at, values]) => ({ at, value: quantile(values, 0.5) ?? 0 }))
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}
