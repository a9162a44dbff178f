import { useEffect, useMemo, useRef, useState } from 'react'
import { shortName } from '~/api/refs'
import { sectorPath, sectorsOf, turnTo } from '~/lib/wheel'
import css from './Wheel.module.css'

const RADIUS = 118
const SPIN_MS = 4_200
// As many letters as fit between the hub and the rim.
const LABEL_CHARS = 12

function label(name: string): string {
  return name.length > LABEL_CHARS ? `${name.slice(0, LABEL_CHARS - 1)}…` : name
}

/** The wheel: sectors as wide as the weights; it turns until the drawn team stands under the mark. */
export function Wheel({ weights, team, spinning, settled }: { weights: Record<string, number>; team: string | undefined; spinning: boolean; settled: () => void }) {
  const sectors = useMemo(() => sectorsOf(weights), [weights])
  const [angle, setAngle] = useState(() => (team ? turnTo(sectors, team, 0, 0) : 0))
  const last = useRef(angle)
  useEffect(() => {
    if (!team) return
    const next = turnTo(sectors, team, last.current, spinning ? 5 : 0)
    last.current = next
    setAngle(next)
    if (!spinning) return
    const timer = setTimeout(settled, SPIN_MS)
    return () => clearTimeout(timer)
  }, [team, sectors, spinning, settled])

  return (
    <svg className={css.wheel} viewBox="-132 -138 264 270" role="img" aria-label={team && !spinning ? `The wheel stands at ${shortName(team)}` : 'The wheel'}>
      <g style={{ transform: `rotate(${angle}deg)`, transition: spinning ? `transform ${SPIN_MS}ms cubic-bezier(0.12, 0.7, 0.12, 1)` : undefined }}>
        {sectors.map((sector, i) => {
          const middle = (sector.from + sector.until) / 2
          const wide = sector.until - sector.from > 14
          return (
            <g key={sector.name}>
              <path d={sectorPath(sector, RADIUS)} className={css.sector} data-hue={i % 6} data-drawn={(!spinning && sector.name === team) || undefined} />
              {wide && (
                <text transform={`rotate(${middle - 90}) translate(${RADIUS - 8} 0)${middle > 180 ? ' rotate(180)' : ''}`} className={css.label} textAnchor={middle > 180 ? 'start' : 'end'} dominantBaseline="central">
                  {label(shortName(sector.name))}
                </text>
              )}
            </g>
          )
        })}
        <circle r="9" className={css.hub} />
      </g>
      <path d="M -9 -134 L 9 -134 L 0 -114 Z" className={css.mark} />
    </svg>
  )
}
