import { Button, Popover, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Icon } from '~/components/Icon'
import { boundMs, parseSpan, shortTime, toLocalInput } from '~/lib/time'
import css from './Logs.module.css'

const PRESETS: [string, string][] = [
  ['5m', 'Last 5 minutes'], ['15m', 'Last 15 minutes'], ['1h', 'Last hour'], ['6h', 'Last 6 hours'],
  ['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days'],
]

/** What a range is called: the words of its preset, or its two times. */
export function rangeLabel(since: string, until: string | undefined): string {
  const preset = PRESETS.find(([value]) => value === since)
  if (!until && preset) return preset[1]
  if (!until && parseSpan(since) !== undefined) return `Last ${since}`
  const now = Date.now()
  const from = boundMs(since, now)
  const to = boundMs(until, now)
  const text = (at: number | undefined) => (at === undefined ? 'now' : shortTime(at, now, undefined, true))
  return `${text(from)} – ${text(to)}`
}

/** A range of time, relative or absolute, that lives in the address. */
export function RangePicker({ since, until, onChange }: { since: string; until: string | undefined; onChange: (since: string, until: string | undefined) => void }) {
  const [open, setOpen] = useState(false)
  const now = Date.now()
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [span, setSpan] = useState('')
  const pick = (nextSince: string, nextUntil?: string) => {
    onChange(nextSince, nextUntil)
    setOpen(false)
  }
  const prepare = () => {
    setFrom(toLocalInput(boundMs(since, now) ?? now - 3_600_000))
    setTo(until ? toLocalInput(boundMs(until, now) ?? now) : toLocalInput(now))
    setSpan(parseSpan(since) !== undefined && !until ? since : '')
    setOpen((o) => !o)
  }
  const wrongSpan = span.trim() !== '' && parseSpan(span) === undefined
  const wrongOrder = Boolean(from && to && new Date(from) >= new Date(to))
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus width={330}>
      <Popover.Target>
        <Button onClick={prepare} leftSection={<Icon name="clock" size={14} />} rightSection={<Icon name="down" size={11} />} aria-label={`Time range: ${rangeLabel(since, until)}`}>
          {rangeLabel(since, until)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className={css.presets}>
          {PRESETS.map(([value, label]) => (
            <button key={value} type="button" aria-pressed={!until && since === value} onClick={() => pick(value)}>{label}</button>
          ))}
        </div>
        <form
          className={css.custom}
          onSubmit={(event) => {
            event.preventDefault()
            if (!wrongSpan && span.trim()) pick(span.trim())
          }}
        >
          <TextInput label="Back from now" placeholder="45m, 3h, 2d12h" value={span} onChange={(e) => setSpan(e.currentTarget.value)} error={wrongSpan && 'Write 30s, 5m, 12h, 7d'} style={{ flex: 1 }} />
          <Button type="submit" disabled={!span.trim() || wrongSpan} mt={20}>Use</Button>
        </form>
        <form
          className={css.absolute}
          onSubmit={(event) => {
            event.preventDefault()
            if (from && to && !wrongOrder) pick(new Date(from).toISOString(), new Date(to).toISOString())
          }}
        >
          <TextInput type="datetime-local" step={1} label="From (your zone)" value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
          <TextInput type="datetime-local" step={1} label="Until" value={to} onChange={(e) => setTo(e.currentTarget.value)} error={wrongOrder && 'Ends before it begins'} />
          <Button type="submit" variant="filled" disabled={!from || !to || wrongOrder}>Use these times</Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
