import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { roomAbove, stack } from '~/lib/stack'
import { fullTime, shortTime } from '~/lib/time'
import css from './Plot.module.css'
import type { Series, TimeSeriesProps } from './TimeSeries'

type Props = TimeSeriesProps & { height: number }

/** The drawing behind `<TimeSeries>`: uPlot with the theme's colours, levels, markers and a tooltip. */
export function Plot(props: Props) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const scheme = useComputedColorScheme('light')
  // What needs a new plot; new numbers alone only replace the data.
  const shape = JSON.stringify([
    props.series.map((s) => [s.label, s.color, s.type]), props.stacked, props.logarithmic, props.height, scheme,
  ])

  useEffect(() => {
    const element = place.current
    if (!element) return
    const drawn = new uPlot(options(element, latest), data(latest.current), element)
    plot.current = drawn
    const observer = new ResizeObserver(() => {
      const width = Math.floor(element.clientWidth)
      if (width > 0) drawn.setSize({ width, height: latest.current.height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      drawn.destroy()
      plot.current = null
    }
  }, [shape])

  useEffect(() => {
    plot.current?.setData(data(latest.current))
    // Levels and markers may have changed as well; what is drawn does not depend on the rest.
  }, [props.x, props.series, props.levels, props.markers, props.from, props.until, props.bucket, props.ticks])

  return <div ref={place} className={css.plot} data-zoom={props.onZoom ? true : undefined} />
}

function colour(name: string): string {
  return name.startsWith('--') ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : name
}

/** Stacked series are drawn from the highest sum down, so that each covers only its own part. */
function ordered(props: Props): { series: Series; values: (number | null)[]; index: number }[] {
  const plain = props.series.map((series, index) => ({ series, index, values: series.values.map((v) => v ?? null) }))
  if (!props.stacked) return plain
  const sums = stack(props.series.map((s) => s.values.map((v) => v ?? 0)))
  return plain.map((entry, i) => ({ ...entry, values: sums[i] ?? [] })).reverse()
}

function data(props: Props): uPlot.AlignedData {
  return [props.x, ...ordered(props).map((entry) => entry.values)] as uPlot.AlignedData
}

function options(element: HTMLElement, latest: { current: Props }): uPlot.Options {
  const props = latest.current
  const axis = {
    stroke: colour('--faint'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  const format = (value: number) => (latest.current.format ?? defaultFormat)(value)
  return {
    width: Math.max(50, element.clientWidth),
    height: props.height,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: Boolean(props.onZoom), y: false, setScale: false },
      bind: { dblclick: () => () => {
        latest.current.onBack?.()
        return null
      } },
    },
    scales: {
      x: { time: true, range: (_u, min, max) => xRange(latest.current, min, max) },
      y: {
        distr: props.logarithmic ? 3 : 1,
        range: (_u, min, max) => yRange(latest.current, min, max),
      },
    },
    axes: [
      { ...axis, size: 26, space: 70, values: (u, splits) => splits.map((at, i) => tick(at, splits[i - 1], u)) },
      {
        ...axis, size: 52, space: props.height < 100 ? 18 : 28,
        values: (_u, splits) => splits.map((v) => (v === null ? '' : format(v))),
        ...(props.ticks ? { splits: (u: uPlot) => ticksWithin(props.ticks ?? [], u), filter: (_u: uPlot, splits: number[]) => splits } : {}),
      },
    ],
    series: [{}, ...ordered(props).map((entry) => seriesOptions(entry.series))],
    hooks: {
      draw: [(u) => drawLevels(u, latest.current), (u) => drawMarkers(u, latest.current)],
      setSelect: [(u) => zoom(u, latest.current)],
      ready: [(u) => u.over.addEventListener('click', () => pick(u, latest.current))],
    },
    plugins: [tooltip(latest, format)],
  }
}

const CROWDED_FROM = 250

function seriesOptions(series: Series): uPlot.Series {
  const crowded = series.values.length > CROWDED_FROM
  const stroke = colour(series.color)
  const base = { label: series.label, stroke, width: series.width ?? 1.5, points: { show: false } }
  if (series.type === 'bars') return { ...base, width: 0, fill: stroke, paths: uPlot.paths.bars?.({ size: [0.9, 60], align: 1 }) }
  if (series.type === 'points') {
    return { ...base, width: 0, paths: () => null, points: { show: true, size: crowded ? 4.5 : 6, width: 0, fill: stroke + (crowded ? '88' : 'cc'), stroke } }
  }
  if (series.type === 'step') return { ...base, paths: uPlot.paths.stepped?.({ align: 1 }) }
  return base
}

function xRange(props: Props, min: number, max: number): [number, number] {
  const from = props.from ?? min
  const until = props.until ?? (props.bucket ? max + props.bucket : max)
  if (!Number.isFinite(from) || !Number.isFinite(until)) return [Date.now() / 1_000 - 3_600, Date.now() / 1_000]
  return until > from ? [from, until] : [from - 1_800, from + 1_800]
}

function yRange(props: Props, min: number, max: number): [number, number] {
  const levels = (props.levels ?? []).map((level) => level.value)
  if (props.logarithmic) {
    const low = Math.min(...[min, ...levels].filter((v) => v > 0))
    const high = Math.max(max, ...levels)
    return Number.isFinite(low) && high > 0 ? [low / 1.6, high * 1.6] : [1, 10]
  }
  return roomAbove([max], levels)
}

const LABEL_PX = 22

/** The named values that are in view, thinned so that their labels do not touch. */
function ticksWithin(ticks: number[], u: uPlot): number[] {
  const { min, max } = u.scales.y ?? {}
  if (min === undefined || max === undefined) return []
  const scale = u.scales.y?.distr === 3 ? Math.log : (value: number) => value
  const height = (u.bbox.height || u.height) / (window.devicePixelRatio || 1)
  const at = (tick: number) => ((scale(tick) - scale(min)) / (scale(max) - scale(min))) * height
  const kept: number[] = []
  for (const tick of ticks.filter((t) => t >= min && t <= max).reverse()) {
    const before = kept[kept.length - 1]
    if (before === undefined || at(before) - at(tick) >= LABEL_PX) kept.push(tick)
  }
  return kept.reverse()
}

function defaultFormat(value: number): string {
  if (Math.abs(value) >= 1_000_000) return `${+(value / 1_000_000).toFixed(1)}M`
  if (Math.abs(value) >= 1_000) return `${+(value / 1_000).toFixed(1)}k`
  return String(+value.toFixed(2))
}

function tick(at: number, before: number | undefined, u: uPlot): string {
  const span = (u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0)
  const date = new Date(at * 1_000)
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
  if (span > 4 * 86_400) return day
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: span < 600 ? '2-digit' : undefined })
  const newDay = before !== undefined && new Date(before * 1_000).getDate() !== date.getDate()
  return newDay ? day : time
}

/** A line's width in whole pixels of the screen; one of an odd width runs through the middle of a pixel. */
function crisp(ratio: number): number {
  return Math.max(1, Math.round(1.2 * ratio))
}

function drawLevels(u: uPlot, props: Props) {
  const { ctx } = u
  const { left, width } = u.bbox
  const ratio = window.devicePixelRatio || 1
  let above = -Infinity
  for (const level of [...(props.levels ?? [])].sort((a, b) => b.value - a.value)) {
    const thickness = crisp(ratio)
    const y = Math.round(u.valToPos(level.value, 'y', true)) + (thickness % 2) / 2
    ctx.save()
    ctx.strokeStyle = colour(level.color ?? '--stopped-solid')
    ctx.fillStyle = colour(level.color ? level.color : '--stopped')
    ctx.lineWidth = thickness
    if (level.dash !== false) ctx.setLineDash([5 * ratio, 4 * ratio])
    ctx.beginPath()
    ctx.moveTo(left, y)
    ctx.lineTo(left + width, y)
    ctx.stroke()
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
    ctx.textAlign = 'right'
    const size = ctx.measureText(level.label).width
    const ink = ctx.fillStyle
    ctx.globalAlpha = 0.85
    ctx.fillStyle = colour('--surface')
    // Where the line above is so near that the label would touch its label, it goes below its own line.
    const base = y - above < 14 * ratio ? y + 12 * ratio : y - 4 * ratio
    above = y
    ctx.fillRect(left + width - size - 7 * ratio, base - 11 * ratio, size + 6 * ratio, 13 * ratio)
    ctx.globalAlpha = 1
    ctx.fillStyle = ink
    ctx.fillText(level.label, left + width - 4 * ratio, base)
    ctx.restore()
  }
}

function drawMarkers(u: uPlot, props: Props) {
  const { ctx } = u
  const { left, top, width, height } = u.bbox
  const ratio = window.devicePixelRatio || 1
  let edge = -Infinity
  let row = 0
  for (const marker of [...(props.markers ?? [])].sort((a, b) => a.at - b.at)) {
    const thickness = crisp(ratio)
    const x = Math.round(u.valToPos(marker.at, 'x', true)) + (thickness % 2) / 2
    if (x < left - 1 || x > left + width + 1) continue
    ctx.save()
    ctx.strokeStyle = colour(`--${marker.tone}-solid`)
    ctx.fillStyle = colour(`--${marker.tone}`)
    ctx.lineWidth = thickness
    ctx.beginPath()
    ctx.moveTo(x, top)
    ctx.lineTo(x, top + height)
    ctx.stroke()
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
    const size = ctx.measureText(marker.label).width
    const onLeft = x + size + 8 * ratio > left + width
    const textX = onLeft ? x - 5 * ratio : x + 5 * ratio
    row = x < edge ? row + 1 : 0
    edge = Math.max(edge, textX + size + 6 * ratio)
    ctx.textAlign = onLeft ? 'right' : 'left'
    const textY = top + (11 + row * 13) * ratio
    ctx.globalAlpha = 0.82
    ctx.fillStyle = colour('--surface')
    ctx.fillRect(onLeft ? textX - size - 2 * ratio : textX - 2 * ratio, textY - 10 * ratio, size + 4 * ratio, 13 * ratio)
    ctx.globalAlpha = 1
    ctx.fillStyle = colour(`--${marker.tone}`)
    ctx.fillText(marker.label, textX, textY)
    ctx.restore()
  }
}

function zoom(u: uPlot, props: Props) {
  const { left, width } = u.select
  if (width < 4 || !props.onZoom) return
  props.onZoom(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'))
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false)
}

function pick(u: uPlot, props: Props) {
  if (props.onPick && typeof u.cursor.idx === 'number' && u.select.width < 4) props.onPick(u.cursor.idx)
}

function tooltip(latest: { current: Props }, format: (value: number) => string): uPlot.Plugin {
  const box = document.createElement('div')
  box.className = css.tip ?? ''
  const line = (text: string, swatch?: string) => {
    const row = document.createElement('div')
    if (swatch) {
      const dot = document.createElement('i')
      dot.style.background = swatch
      row.append(dot)
    }
    row.append(text)
    return row
  }
  return {
    hooks: {
      init: (u) => {
        u.over.append(box)
        box.style.display = 'none'
      },
      setCursor: (u) => {
        const props = latest.current
        const i = u.cursor.idx
        const x = i === null || i === undefined ? undefined : props.x[i]
        if (x === undefined || (u.cursor.left ?? -1) < 0) {
          box.style.display = 'none'
          return
        }
        const head = line(props.bucket ? `${shortTime(x * 1_000, Date.now(), undefined, true)} · ${props.bucket} s` : fullTime(x * 1_000))
        head.className = css.tipHead ?? ''
        const lines = props.series
          .map((series) => ({ series, value: series.values[i as number] }))
          .filter(({ value }) => value !== null && value !== undefined && !(props.stacked && value === 0))
          .map(({ series, value }) => line(`${series.label}: ${format(value as number)}`, colour(series.color)))
        box.replaceChildren(head, ...lines)
        box.style.display = 'block'
        const left = u.cursor.left ?? 0
        const flip = left > u.over.clientWidth / 2
        box.style.left = flip ? 'auto' : `${left + 10}px`
        box.style.right = flip ? `${u.over.clientWidth - left + 10}px` : 'auto'
      },
    },
  }
}
