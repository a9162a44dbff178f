/** One sector of the wheel, in degrees clockwise from the top. */
export interface Sector {
  name: string
  weight: number
  from: number
  until: number
}

/** Sectors as wide as the weights, in the order of the names, so that anyone draws the same wheel. */
export function sectorsOf(weights: Record<string, number>): Sector[] {
  const names = Object.keys(weights).sort()
  const total = names.reduce((sum, name) => sum + Math.max(0, weights[name] ?? 0), 0)
  let at = 0
  return names.map((name) => {
    const weight = Math.max(0, weights[name] ?? 0)
    const width = total > 0 ? (weight / total) * 360 : 360 / names.length
    const sector = { name, weight, from: at, until: at + width }
    at += width
    return sector
  })
}

/** How far the wheel turns so that the drawn one stands under the mark at the top: forward, several rounds. */
export function turnTo(sectors: Sector[], drawn: string, before: number, rounds = 5): number {
  const sector = sectors.find((s) => s.name === drawn)
  if (!sector) return before
  const middle = (sector.from + sector.until) / 2
  const wanted = (360 - middle) % 360
  const current = ((before % 360) + 360) % 360
  return before + rounds * 360 + ((wanted - current + 360) % 360)
}

/** The path of a sector of a circle around the origin. */
export function sectorPath(sector: Sector, radius: number): string {
  const point = (degrees: number) => {
    const angle = ((degrees - 90) * Math.PI) / 180
    return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`
  }
  const width = sector.until - sector.from
  if (width >= 359.99) return `M 0 ${-radius} A ${radius} ${radius} 0 1 1 0 ${radius} A ${radius} ${radius} 0 1 1 0 ${-radius} Z`
  return `M 0 0 L ${point(sector.from)} A ${radius} ${radius} 0 ${width > 180 ? 1 : 0} 1 ${point(sector.until)} Z`
}
