import { useMemo } from 'react'
import { hrefOf, shortName } from '~/api/refs'
import type { TimeToValue } from '~/api/types'
import { count, dailyMedians, plural } from '~/lib/number'
import { duration, parseSpan } from '~/lib/time'
import { useGo } from '~/components/Ref'
import { TimeSeries } from './TimeSeries'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const TICKS = [1_000, 10_000, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY]

/** Time to value of each change as a point, with the median and the 90th percentile as levels. */
export function ValueChart({ flow, height = 170, daily = false, since = '30d' }: { flow: TimeToValue; height?: number; daily?: boolean; since?: string }) {
  const until = Math.floor(Date.now() / HOUR) * (HOUR / 1_000) + HOUR / 1_000
  const range = { from: until - (parseSpan(since) ?? 30 * DAY) / 1_000, until }
  const go = useGo()
  const points = useMemo(() => [...flow.points].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)), [flow])
  const levels = []
  if (flow.p50Ms !== undefined && flow.p50Ms !== null) levels.push({ value: flow.p50Ms, label: `p50 ${duration(flow.p50Ms)}`, color: '--ok' })
  if (flow.p90Ms !== undefined && flow.p90Ms !== null) levels.push({ value: flow.p90Ms, label: `p90 ${duration(flow.p90Ms)}`, color: '--warning' })
  if (daily) return <Daily points={points.map((p) => ({ at: Date.parse(p.at), value: p.timeToValueMs }))} height={height} range={range} />
  return (
    <TimeSeries
      label={`Time to value of ${plural(flow.count, 'change')}: median ${duration(flow.p50Ms)}, 90th percentile ${duration(flow.p90Ms)}`}
      x={points.map((p) => Date.parse(p.at) / 1_000)}
      series={[{ label: 'time to value', values: points.map((p) => p.timeToValueMs), color: '--accent', type: 'points' }]}
      levels={levels}
      height={height}
      logarithmic
      ticks={TICKS}
      {...range}
      format={(ms) => duration(ms)}
      onPick={(i) => {
        const point = points[i]
        if (point) go(hrefOf(point.change))
      }}
    />
  )
}

/** The median of each day as a line, where there is no room for points. */
function Daily({ points, height, range }: { points: { at: number; value: number }[]; height: number; range: { from: number; until: number } }) {
  const days = dailyMedians(points)
  return (
    <TimeSeries
      label={`Median time to value of each day, the last ${duration(days[days.length - 1]?.value)}`}
      x={days.map((d) => d.at / 1_000)}
      series={[{ label: 'median of the day', values: days.map((d) => d.value), color: '--accent', type: days.length > 1 ? 'line' : 'points' }]}
      height={height}
      {...range}
      ticks={TICKS}
      format={(ms) => duration(ms)}
    />
  )
}

/** Where the time goes: how long all changes together waited before each stage, and its share. */
export function Waits({ waits }: { waits: TimeToValue['waits'] }) {
  if (waits.length === 0) return null
  return (
    <table style={{ width: '100%' }} aria-label="Waits before each stage">
      <tbody>
        {waits.map((wait) => (
          <tr key={wait.stage} title={`half of them waited ${duration(wait.p50Ms)} or less`}>
            <td style={{ padding: '3px 10px 3px 0' }} className="nowrap">before {shortName(wait.stage)}</td>
            <td style={{ width: '55%', padding: '3px 0' }}>
              <div style={{ background: 'var(--surface-3)', borderRadius: 2, height: 8 }}>
                <div style={{ width: `${Math.max(1, wait.share * 100)}%`, background: 'var(--warning-solid)', borderRadius: 2, height: 8 }} />
              </div>
            </td>
            <td className="num nowrap" style={{ padding: '3px 0 3px 10px', textAlign: 'right' }}>{duration(wait.totalMs)}</td>
            <td className="num nowrap faint" style={{ padding: '3px 0 3px 10px', textAlign: 'right' }}>{count(Math.round(wait.share * 100))} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
