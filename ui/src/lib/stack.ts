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

/** The bounds of an axis from nought that leave room above the highest value and the threshold. */
export function roomAbove(values: (number | null | undefined)[], extra: number[] = []): [number, number] {
  let top = 0
  for (const value of [...values, ...extra]) if (typeof value === 'number' && value > top) top = value
  return [0, top === 0 ? 1 : top * 1.12]
}
