import { lazy, Suspense } from 'react'
import type { Tone } from '~/lib/state'

export interface Series {
  label: string
  values: (number | null | undefined)[]
  /** A custom property of the theme, such as `--accent`. */
  color: string
  type: 'line' | 'bars' | 'points' | 'step'
  width?: number
}

export interface Level {
  value: number
  label: string
  color?: string
  dash?: boolean
}

export interface Marker {
  /** Seconds since the epoch. */
  at: number
  label: string
  tone: Tone
}

export interface TimeSeriesProps {
  /** What the chart shows, for those who do not see it. */
  label: string
  /** Seconds since the epoch, rising. */
  x: number[]
  series: Series[]
  /** Draw each series on top of those before it. */
  stacked?: boolean
  levels?: Level[]
  markers?: Marker[]
  from?: number
  until?: number
  height?: number
  logarithmic?: boolean
  /** Values that the y axis may name, instead of round numbers. */
  ticks?: number[]
  format?: (value: number) => string
  /** Seconds per bar. */
  bucket?: number
  onZoom?: (from: number, until: number) => void
  onPick?: (index: number) => void
  /** A double click: back to what was shown before. */
  onBack?: () => void
}

const Plot = lazy(() => import('./Plot').then((m) => ({ default: m.Plot })))

/** Every chart over time; the drawing library comes only with the first of them. */
export function TimeSeries(props: TimeSeriesProps) {
  const height = props.height ?? 160
  return (
    <div role="img" aria-label={props.label} data-chart style={{ minHeight: height, minWidth: 0 }}>
      <Suspense fallback={<div style={{ height }} />}>
        <Plot {...props} height={height} />
      </Suspense>
    </div>
  )
}
