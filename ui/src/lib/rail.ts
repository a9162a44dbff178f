/** How many lines there are where, oldest first: what places a time among all hits. */
export interface Profile {
  /** Microseconds. */
  starts: number[]
  width: number
  counts: number[]
  total: number
}

export function profileOf(starts: number[], width: number, series: { counts: number[] }[]): Profile {
  const counts = starts.map((_, i) => series.reduce((sum, s) => sum + (s.counts[i] ?? 0), 0))
  return { starts, width, counts, total: counts.reduce((a, b) => a + b, 0) }
}

/** About how many lines are older than a time; inside a bar they are taken as evenly spread. */
export function olderThan(profile: Profile, us: number): number {
  let sum = 0
  for (let i = 0; i < profile.starts.length; i++) {
    const start = profile.starts[i] ?? 0
    const n = profile.counts[i] ?? 0
    if (us >= start + profile.width) sum += n
    else if (us > start) return sum + n * ((us - start) / profile.width)
    else return sum
  }
  return sum
}

/** The time before which about so many lines lie: the way back of `olderThan`. */
export function timeAt(profile: Profile, older: number): number {
  let sum = 0
  for (let i = 0; i < profile.starts.length; i++) {
    const n = profile.counts[i] ?? 0
    if (n > 0 && sum + n >= older) return Math.round((profile.starts[i] ?? 0) + profile.width * ((older - sum) / n))
    sum += n
  }
  return (profile.starts.at(-1) ?? 0) + profile.width
}
