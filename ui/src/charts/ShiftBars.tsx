import { shortName } from '~/api/refs'
import type { Shift } from '~/api/types'
import { useNow } from '~/components/Time'
import { fullTime } from '~/lib/time'
import css from './ShiftBars.module.css'

const DAY = 86_400_000
const HUES = 8

/** Turns of a rotation as bars, a row per person, over weeks. */
export function ShiftBars({ shifts, from, until, label }: { shifts: Shift[]; from: number; until: number; label: string }) {
  const now = useNow(60_000)
  const people = [...new Set(shifts.map((s) => s.user))]
  const at = (ms: number) => `${((Math.min(until, Math.max(from, ms)) - from) / (until - from)) * 100}%`
  const days = Array.from({ length: Math.round((until - from) / DAY) }, (_, i) => from + i * DAY)
  return (
    <div className={css.chart} role="group" aria-label={label}>
      <div className={css.axis} aria-hidden="true">
        {days.filter((_, i) => i % 7 === 0).map((day) => (
          <span key={day} style={{ left: at(day) }}>{new Date(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}</span>
        ))}
      </div>
      <div className={css.rows}>
        {days.map((day, i) => (
          <i key={day} className={css.line} style={{ left: at(day) }} data-week={i % 7 === 0 || undefined} />
        ))}
        {people.map((person, row) => (
          <div key={person} className={css.row}>
            {shifts.filter((s) => s.user === person).map((shift) => {
              const start = Date.parse(shift.from)
              const end = Date.parse(shift.until)
              const current = start <= now && now < end
              return (
                <div
                  key={shift.from}
                  className={css.bar}
                  data-hue={row % HUES}
                  data-current={current || undefined}
                  style={{ left: at(start), width: `calc(${at(end)} - ${at(start)})` }}
                  title={`${shortName(person)}: ${fullTime(start)} to ${fullTime(end)}`}
                >
                  {shortName(person)}
                </div>
              )
            })}
          </div>
        ))}
        {now > from && now < until && <i className={css.now} style={{ left: at(now) }} title="now" />}
      </div>
    </div>
  )
}
