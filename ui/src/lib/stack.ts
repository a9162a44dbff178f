/** Turns series into stacked ones, each the sum of itself and those below it; the first is at the bottom. */
export function stack(series: number[][]): number[][] {
  const sums: number[] = []
  return series.map((counts) =>
    counts.map((value, i) => {
      const total = (sums[i] ?? 0) + value
      sums[i] = total
      return total
    }),
  )
}

/**
 * The part of a range in which something happens, with room around it: a trouble of a minute is not
 * to be lost at the edge of an hour. In seconds; nothing where there is nothing to show.
 */
export function focusRange(x: number[], counts: (number | null | undefined)[], bucket: number, marks: number[] = []): { from: number; until: number } | undefined {
  const first = x[0]
  const last = x[x.length - 1]
  if (first === undefined || last === undefined) return undefined
  const busy = x.filter((_, i) => (counts[i] ?? 0) > 0)
  const inside = marks.filter((mark) => mark >= first && mark <= last + bucket)
  const low = Math.min(...busy, ...inside)
  const high = Math.max(...busy.map((at) => at + bucket), ...inside)
  if (!Number.isFinite(low) || !Number.isFinite(high)) return undefined
  const room = Math.max(4 * bucket, (high - low) * 0.3)
  return { from: Math.max(first, low - room), until: Math.min(last + bucket, high + room) }
}

/** The bounds of an axis from nought that leave room above the highest value and the threshold. */
export function roomAbove(values: (number | null | undefined)[], extra: number[] = []): [number, number] {
  let top = 0
  for (const value of [...values, ...extra]) if (typeof value === 'number' && value > top) top = value
  return [0, top === 0 ? 1 : top * 1.12]
}
