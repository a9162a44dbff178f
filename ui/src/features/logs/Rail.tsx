import { useEffect, useMemo, useRef, useState } from 'react'
import type { LogHistogram } from '~/api/types'
import { count } from '~/lib/number'
import { olderThan, profileOf, timeAt } from '~/lib/rail'
import { bandOf, type Band } from '~/lib/state'
import { logDay, logTime } from '~/lib/time'
import type { SlimRow } from './protocol'
import css from './Rail.module.css'
import { useSeen, type SeenPlace } from './seen'

const STRIPES = 160
const STEP_SHARE = 0.02
const JUMP_AFTER_MS = 140

/** The rail of the lines that are held, at the place where one reads. */
export function ListRail({ place, rows, isWhole, ...rail }: { histogram: LogHistogram; order: 'newest' | 'oldest'; days: boolean; jump: (us: number | undefined) => void; place: SeenPlace; rows: SlimRow[]; isWhole: boolean }) {
  const seen = useSeen(place)
  return <Rail {...rail} topUs={rows[seen.first]?.us} bottomUs={rows[Math.min(seen.last, rows.length - 1)]?.us} atTop={seen.atTop && isWhole} />
}

/** The scroll bar of all hits, however many: where one is, where the errors are, and a way to any place. */
function Rail({ histogram, order, topUs, bottomUs, atTop, days, jump }: {
  histogram: LogHistogram
  order: 'newest' | 'oldest'
  /** The times of the first and the last line in view. */
  topUs: number | undefined
  bottomUs: number | undefined
  atTop: boolean
  days: boolean
  /** Goes to a time; nothing means the beginning. */
  jump: (us: number | undefined) => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const [dragged, setDragged] = useState<number>()
  const [pointed, setPointed] = useState<number>()
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const profile = useMemo(() => profileOf(histogram.startsUs, histogram.bucketUs, histogram.series), [histogram])
  const stripes = useMemo(() => stripesOf(histogram, profile.counts, profile.total, order), [histogram, profile, order])
  const { total } = profile
  if (total === 0) return null

  const shareOf = (us: number) => {
    const older = olderThan(profile, us) / total
    return order === 'newest' ? 1 - older : older
  }
  const usOf = (share: number) => timeAt(profile, (order === 'newest' ? 1 - share : share) * total)
  const go = (share: number) => jump(share <= 0.002 ? undefined : usOf(Math.min(1, share)))
  const top = dragged ?? (atTop || topUs === undefined ? 0 : shareOf(topUs))
  const bottom = bottomUs === undefined ? top : shareOf(bottomUs)
  const size = Math.max(0.03, Math.min(1, bottom - top))
  const start = Math.min(1 - size, Math.max(0, top))
  const shareAt = (event: { clientY: number }) => {
    const rect = box.current?.getBoundingClientRect()
    return rect ? Math.min(1, Math.max(0, (event.clientY - rect.top) / rect.height)) : 0
  }
  const say = (share: number) => {
    const at = usOf(share) / 1_000
    return `${days ? `${logDay(at)} ` : ''}${logTime(at).slice(0, 8)}`
  }
  const drag = (share: number) => {
    setDragged(share)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => go(share), JUMP_AFTER_MS)
  }
  const hint = dragged ?? pointed

  return (
    <div
      ref={box}
      className={css.rail}
      role="slider"
      tabIndex={0}
      aria-label="Place among all lines"
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(start * 100)}
      aria-valuetext={`${say(start)}, about line ${count(Math.round(start * total) + 1)} of ${count(total)}`}
      onPointerDown={(event) => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        drag(shareAt(event))
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) drag(shareAt(event))
        else setPointed(shareAt(event))
      }}
      onPointerUp={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
        clearTimeout(timer.current)
        go(shareAt(event))
        setDragged(undefined)
      }}
      onPointerLeave={() => setPointed(undefined)}
      onKeyDown={(event) => {
        const wanted = event.key === 'Home' ? 0 : event.key === 'End' ? 1 : event.key === 'ArrowDown' || event.key === 'PageDown' ? start + (event.key === 'PageDown' ? 5 : 1) * STEP_SHARE : event.key === 'ArrowUp' || event.key === 'PageUp' ? start - (event.key === 'PageUp' ? 5 : 1) * STEP_SHARE : undefined
        if (wanted === undefined) return
        event.preventDefault()
        go(Math.min(1, Math.max(0, wanted)))
      }}
    >
      {stripes.map((stripe, i) => stripe && <i key={i} data-band={stripe.band} style={{ top: `${(i / STRIPES) * 100}%`, width: `${stripe.width}%` }} />)}
      <span className={css.thumb} style={{ top: `${start * 100}%`, height: `${size * 100}%` }} />
      {hint !== undefined && <span className={css.hint} style={{ top: `${hint * 100}%` }}>{say(hint)} <span>≈ line {count(Math.round(hint * total) + 1)}</span></span>}
    </div>
  )
}

/** Along all hits: where lines of trouble are, wider for more of them. */
function stripesOf(histogram: LogHistogram, counts: number[], total: number, order: 'newest' | 'oldest'): ({ band: Band; width: number } | undefined)[] {
  const stripes = Array.from({ length: STRIPES }, () => ({ error: 0, warn: 0, lines: 0 }))
  let before = 0
  counts.forEach((n, i) => {
    if (n === 0) return
    let error = 0
    let warn = 0
    for (const series of histogram.series) {
      const band = bandOf(undefined, series.name)
      if (band === 'error' || band === 'fatal') error += series.counts[i] ?? 0
      else if (band === 'warn') warn += series.counts[i] ?? 0
    }
    const from = Math.floor((before / total) * STRIPES)
    const until = Math.min(STRIPES - 1, Math.floor(((before + n - 1) / total) * STRIPES))
    before += n
    for (let s = from; s <= until; s++) {
      const stripe = stripes[order === 'newest' ? STRIPES - 1 - s : s]
      if (!stripe) continue
      stripe.error += error
      stripe.warn += warn
      stripe.lines += n
    }
  })
  const all = stripes.reduce((sum, s) => ({ error: sum.error + s.error, warn: sum.warn + s.warn, lines: sum.lines + s.lines }), { error: 0, warn: 0, lines: 0 })
  // What is the same everywhere tells nothing about where to look.
  const stands = (share: number, usual: number) => share > 0.01 && share > usual * 1.25
  return stripes.map(({ error, warn, lines }) => {
    if (lines === 0) return undefined
    if (stands(error / lines, all.error / all.lines)) return { band: 'error' as const, width: Math.min(100, 30 + (error / lines) * 120) }
    if (stands(warn / lines, all.warn / all.lines)) return { band: 'warn' as const, width: Math.min(100, 20 + (warn / lines) * 120) }
    return undefined
  })
}
