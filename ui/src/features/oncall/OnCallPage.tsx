import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useRef } from 'react'
import { answer, client } from '~/api/client'
import { list, live, onCall } from '~/api/queries'
import { pathName, refOf, shortName } from '~/api/refs'
import type { OnCallNow, Schedule } from '~/api/types'
import { ShiftBars } from '~/charts/ShiftBars'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Page, Panel, Stack } from '~/components/Page'
import { RefLink, To } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import css from './OnCall.module.css'

const WEEKS = 4

export function OnCallPage() {
  const search = useSearch({ from: '/on-call' })
  const schedules = useQuery(list<Schedule>('schedules', { limit: 500, order: 'name' }))
  const now = useQuery(onCall)
  const byRef = new Map(now.data?.map((turn) => [turn.schedule, turn]))
  return (
    <Page title="On call" kicker="Who answers now, and who comes next. Times in your zone.">
      <Fetched query={schedules} lines={6}>
        {(data) =>
          data.items.length === 0 ? (
            <Panel>
              <Empty title="There is no schedule yet." command="andon explain Schedule">
                A schedule is a rotation in a time zone: an anchor, a turn of a week, the members in their order. Paste one into <To href="/apply">Apply</To> or run <code>andon apply -f schedule.yaml</code>.
              </Empty>
            </Panel>
          ) : (
            <Stack>
              {data.items.map((schedule) => (
                <Rotation key={schedule.metadata.name} schedule={schedule} now={byRef.get(refOf(schedule))} chosen={search.schedule === pathName(refOf(schedule))} />
              ))}
            </Stack>
          )
        }
      </Fetched>
    </Page>
  )
}

function Rotation({ schedule, now, chosen }: { schedule: Schedule; now: OnCallNow | undefined; chosen: boolean }) {
  const name = pathName(refOf(schedule))
  const place = useRef<HTMLDivElement>(null)
  const [from, until] = useMemo(() => {
    const start = new Date()
    start.setHours(0, 0, 0, 0)
    start.setDate(start.getDate() - ((start.getDay() + 6) % 7))
    return [start.getTime(), start.getTime() + WEEKS * 7 * 86_400_000]
  }, [])
  const shifts = useQuery(
    live(['shifts', name, from], ['schedule'], async () =>
      (await answer(client.GET('/api/v1/schedules/{name}/shifts', { params: { path: { name }, query: { from: new Date(from).toISOString(), until: new Date(until).toISOString() } } }))).items,
    ),
  )
  useEffect(() => {
    if (chosen) place.current?.scrollIntoView({ block: 'start' })
  }, [chosen])
  return (
    <div ref={place}>
      <Panel
        title={<RefLink to={`schedule:${schedule.metadata.namespace}/${schedule.metadata.name}`}>{name}</RefLink>}
        aside={<><RefLink to={schedule.spec.owner} kind="group" /> · {schedule.spec.timeZone} · <To href={`/catalog/schedules/${encodeURIComponent(name)}`}>YAML</To></>}
      >
        <div className={css.now}>
          {now?.user ? (
            <>
              <span className={css.name}><RefLink to={now.user} kind="user" /></span>
              <span className="dim">is on call until <Time at={now.until} as="both" /></span>
            </>
          ) : (
            <>
              <State tone="warning" word="Nobody is on call" />
              <span className="dim">Pages go to the escalation policy’s last resort.</span>
            </>
          )}
        </div>
        <Fetched query={shifts} lines={2}>
          {(items) => (items.length ? <ShiftBars shifts={items} from={from} until={until} label={`Turns of ${shortName(refOf(schedule))}`} /> : <p className="dim">Nobody has a turn in the next {WEEKS} weeks.</p>)}
        </Fetched>
      </Panel>
    </div>
  )
}
