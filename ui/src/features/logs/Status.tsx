import { Button, Tooltip } from '@mantine/core'
import { asProblem } from '~/api/problem'
import type { LogHistogram } from '~/api/types'
import { Icon } from '~/components/Icon'
import { State } from '~/components/State'
import { useNow } from '~/components/Time'
import { compact, count, plural } from '~/lib/number'
import { olderThan, profileOf } from '~/lib/rail'
import { duration } from '~/lib/time'
import type { ListState } from './list'
import css from './Logs.module.css'
import type { SlimRow } from './protocol'
import type { Seen } from './Rows'
import { useSeen, type SeenPlace } from './seen'
import type { Tail } from './useLogs'

/** What is known about the answer: how many lines, how many were looked at, how long it took, and what is missing. */
export function Status({ list, bars, barsStale, tail, held, wrap, order, place, rows, hold, setWrap, retry }: {
  list: ListState
  bars: LogHistogram | undefined
  barsStale: boolean
  tail: Tail | undefined
  held: boolean
  wrap: boolean
  order: 'newest' | 'oldest'
  place: SeenPlace
  rows: SlimRow[]
  hold: (hold: boolean) => void
  setWrap: (wrap: boolean) => void
  retry: () => void
}) {
  return (
    <div className={css.status}>
      <div className={css.facts} role="status">
        {tail ? <Following tail={tail} held={held} hold={hold} /> : <Found list={list} bars={bars} barsStale={barsStale} order={order} place={place} rows={rows} retry={retry} />}
      </div>
      <Tooltip label={wrap ? 'One row a line' : 'Wrap long lines'}>
        <Button size="compact-xs" variant={wrap ? 'light' : 'subtle'} color="gray" aria-pressed={wrap} aria-label="Wrap long lines" className="hide-phone" onClick={() => setWrap(!wrap)}><Icon name="wrap" size={14} /></Button>
      </Tooltip>
    </div>
  )
}

function Found({ list, bars, barsStale, order, place, rows, retry }: { list: ListState; bars: LogHistogram | undefined; barsStale: boolean; order: 'newest' | 'oldest'; place: SeenPlace; rows: SlimRow[]; retry: () => void }) {
  const { found } = list
  const missing = [...new Set([...(found?.missing ?? []), ...(bars?.missing ?? [])])]
  const complete = found?.complete !== false && bars?.complete !== false
  const ms = (us: number | undefined) => count(Math.max(1, Math.round((us ?? 0) / 1_000)))
  const where = placeOf(list, bars, order, useSeen(place), rows)
  return (
    <>
      {list.error ? <Absent list={list} retry={retry} /> : null}
      {bars && !list.error && <strong className="num" data-stale={barsStale || undefined}>{barsStale ? 'counting…' : bars.complete === false ? `at least ${plural(bars.total, 'line')}` : plural(bars.total, 'line')}</strong>}
      {where && <span className="num">{where}</span>}
      {found?.scannedRows !== undefined && (
        <Tooltip label={bars?.elapsedUs ? `Found in ${ms(found.elapsedUs)} ms, counted in ${ms(bars.elapsedUs)} ms` : 'For the first page'}>
          <span className="faint num">looked at {compact(found.scannedRows)} in {ms(found.elapsedUs)} ms</span>
        </Tooltip>
      )}
      {found && !list.error && (complete ? <State tone="ok" word="complete" /> : <State tone="warning" wrap word={`incomplete: ${missing.join('; ') || 'a part did not answer'}`} />)}
    </>
  )
}

/** Which of the lines are in view: exact from the top, estimated from the bars after a jump. */
function placeOf(list: ListState, bars: LogHistogram | undefined, order: 'newest' | 'oldest', seen: Seen, rows: SlimRow[]): string | undefined {
  if (rows.length === 0 || seen.last < 0) return undefined
  if (list.above !== undefined) return `${count(list.above + seen.first + 1)}–${count(list.above + Math.min(seen.last, rows.length - 1) + 1)}`
  const top = rows[seen.first]
  if (!top || !bars) return undefined
  const older = olderThan(profileOf(bars.startsUs, bars.bucketUs, bars.series), top.us)
  return `about line ${count(Math.round(order === 'newest' ? bars.total - older : older) + 1)}`
}

function Absent({ list, retry }: { list: ListState; retry: () => void }) {
  const now = useNow(1_000)
  const { status, detail } = asProblem(list.error)
  if (list.retryAt === undefined && status !== 503 && status !== 0) return list.rows.length > 0 ? <State tone="stopped" wrap word={detail} /> : <span>No answer</span>
  const left = list.retryAt === undefined ? 0 : Math.max(0, Math.ceil((list.retryAt - now) / 1_000))
  return (
    <>
      <State tone="unknown" wrap word={status === 503 ? 'logs are not available just now' : 'the server does not answer'} />
      <span className="dim num">{left > 0 ? `asking again in ${left} s` : 'asking again'}</span>
      <Button size="compact-xs" onClick={retry}>Now</Button>
    </>
  )
}

const FRESH_MS = 2_000

function Following({ tail, held, hold }: { tail: Tail; held: boolean; hold: (hold: boolean) => void }) {
  const now = useNow(1_000)
  const age = tail.newestMs === undefined ? undefined : Math.max(0, now - tail.newestMs)
  return (
    <>
      {held
        ? <State tone="moving" word="held" />
        : <State tone={tail.state === 'lost' ? 'warning' : 'ok'} word={tail.state === 'lost' ? 'stream lost, trying again' : 'following'} />}
      <span className="num">{tail.rate < 10 ? +tail.rate.toFixed(1) : count(Math.round(tail.rate))} lines/s</span>
      {age !== undefined && <span className="num faint">newest line {age < FRESH_MS ? 'just now' : `${duration(age)} ago`}</span>}
      {tail.lagged > 0 && <State tone="warning" word={`${plural(tail.lagged, 'line')} skipped: too many for this page`} />}
      {held
        ? <Button size="compact-xs" variant="filled" leftSection={<Icon name="up" size={11} />} onClick={() => hold(false)}>{tail.waiting > 0 ? `${plural(tail.waiting, 'new line')}` : 'Go on'}</Button>
        : <Button size="compact-xs" leftSection={<Icon name="pause" size={11} />} onClick={() => hold(true)}>Hold</Button>}
    </>
  )
}
