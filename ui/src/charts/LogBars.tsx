import { useMemo } from 'react'
import type { LogHistogram } from '~/api/types'
import { bandOf, type Band } from '~/lib/state'
import { compact } from '~/lib/number'
import css from './LogBars.module.css'
import { TimeSeries, type Level, type Marker } from './TimeSeries'

const ORDER: Band[] = ['trace', 'debug', 'unset', 'info', 'warn', 'error', 'fatal']

/** Counts of log lines over time, stacked by severity with the worst on top. */
export function LogBars({
  histogram, levels, markers, height = 110, onZoom, onBack, onLevel, from, until, legend = true,
}: {
  histogram: LogHistogram
  levels?: Level[]
  markers?: Marker[]
  height?: number
  onZoom?: (from: number, until: number) => void
  onBack?: () => void
  /** Makes each level of the legend a way to ask for it alone. */
  onLevel?: (band: Band) => void
  from?: number
  until?: number
  legend?: boolean
}) {
  const bands = useMemo(() => gather(histogram), [histogram])
  const series = useMemo(() => bands.map((band) => ({ label: band.name, values: band.counts, color: `--band-${band.name}`, type: 'bars' as const })), [bands])
  const x = useMemo(() => histogram.startsUs.map((us) => us / 1e6), [histogram])
  return (
    <div>
      {legend && (
        <ul className={css.legend}>
          {bands.map((band) => (
            <li key={band.name}>
              <i style={{ background: `var(--band-${band.name})` }} />
              {onLevel ? <button type="button" title={`Only ${band.name}`} onClick={() => onLevel(band.name)}>{band.name}</button> : band.name} <span className="num">{compact(band.total)}</span>
            </li>
          ))}
        </ul>
      )}
      <TimeSeries
        label={`Log lines over time: ${bands.map((b) => `${b.total} ${b.name}`).join(', ') || 'none'}`}
        x={x}
        stacked
        series={series}
        bucket={histogram.bucketUs / 1e6}
        levels={levels}
        markers={markers}
        height={height}
        onZoom={onZoom}
        onBack={onBack}
        from={from}
        until={until}
      />
    </div>
  )
}

function gather(histogram: LogHistogram): { name: Band; counts: number[]; total: number }[] {
  const found = new Map<Band, number[]>()
  for (const series of histogram.series) {
    const band = series.name === 'count' ? 'info' : bandOf(undefined, series.name)
    const counts = found.get(band) ?? histogram.startsUs.map(() => 0)
    series.counts.forEach((n, i) => (counts[i] = (counts[i] ?? 0) + n))
    found.set(band, counts)
  }
  return ORDER.filter((band) => found.has(band)).map((name) => {
    const counts = found.get(name) ?? []
    return { name, counts, total: counts.reduce((a, b) => a + b, 0) }
  }).filter((band) => band.total > 0)
}
