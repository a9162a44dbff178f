import { useQuery } from '@tanstack/react-query'
import { answer, client } from '~/api/client'
import { live, onCall, timeToValue } from '~/api/queries'
import { hrefOf, refOf, shortName } from '~/api/refs'
import type { Change, HomeSummary } from '~/api/types'
import { ValueChart } from '~/charts/ValueChart'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Columns, Page, Panel } from '~/components/Page'
import { RefLink, To } from '~/components/Ref'
import { Lamp, State } from '~/components/State'
import { Time, useNow } from '~/components/Time'
import { plural } from '~/lib/number'
import { duration } from '~/lib/time'
import css from './Home.module.css'
import { Words } from '~/components/Words'

const homeQuery = live(['home'], ['*'], () => answer(client.GET('/api/v1/home')))

/** Is anything wrong, what changed, what waits for me. */
export function HomePage() {
  const query = useQuery(homeQuery)
  return (
    <Page title={query.data ? <Verdict home={query.data} /> : 'Home'} documentTitle="Home">
      <Fetched query={query} lines={8}>
        {(home) => (
          <Columns
            main={
              <>
                <Wrong home={home} />
                <Changed changes={home.changed} />
              </>
            }
            side={
              <>
                <Waiting home={home} />
                <Value home={home} />
                <OnCall />
              </>
            }
          />
        )}
      </Fetched>
    </Page>
  )
}

/** The answer in one sentence. */
function Verdict({ home }: { home: HomeSummary }) {
  const stopped = home.wrong.filter((w) => w.state === 'stopped').length
  const others = home.wrong.length - stopped
  if (home.wrong.length === 0) {
    return (
      <span className={css.verdict}>
        <Lamp tone="ok" size={22} /> Nothing is wrong
      </span>
    )
  }
  return (
    <span className={css.verdict}>
      <Lamp tone={stopped ? 'stopped' : 'warning'} size={22} />
      <span>
        {stopped > 0 ? `${stopped} stopped` : `${others} to look at`}
        {stopped > 0 && others > 0 && <span className="dim">, {others} to look at</span>}
      </span>
    </span>
  )
}

function Wrong({ home }: { home: HomeSummary }) {
  return (
    <Panel title="Is anything wrong" aside={home.wrong.length > 0 && `${home.wrong.length} open`} flush>
      {home.wrong.length === 0 ? (
        <Empty title="All lines run, no alarm fires, no incident is open.">Alarms and pulled andons show here the moment they happen.</Empty>
      ) : (
        <ul className={css.list}>
          {home.wrong.map((item, i) => (
            <li key={`${item.object}-${i}`}>
              <To href={hrefOf(item.object)} className={css.item}>
                <span className={css.itemState}><State state={item.state} /></span>
                <span className={css.itemText}><Words text={item.title} /></span>
                <span className={css.itemTime}><Time at={item.since} /></span>
              </To>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Changed({ changes }: { changes: Change[] }) {
  return (
    <Panel title="What changed" aside={<To href="/changes">All changes</To>} flush>
      {changes.length === 0 ? (
        <Empty title="No change is recorded yet." command="andon change record --service payments --version 2 --commit $(git rev-parse HEAD)">
          A deploy script tells Andon of each change with one command; or import what you have: <code>andon import git PATH</code>.
        </Empty>
      ) : (
        <ul className={css.list}>
          {changes.map((change) => (
            <li key={change.metadata.name}>
              <To href={hrefOf(refOf(change))} className={css.change}>
                <span className={css.changeName}>
                  <strong>{shortName(change.spec.service)}</strong> <span className="mono">{change.spec.version}</span>
                </span>
                <span className={css.changeTitle}>{change.spec.changeType === 'rollback' ? `Rollback. ${change.spec.title ?? ''}` : change.spec.title || 'no title'}</span>
                <span className={css.changeState}><State state={change.status?.outcome} /></span>
                <span className={css.itemTime}><Time at={change.status?.deployedAt ?? change.metadata.createdAt} /></span>
              </To>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Waiting({ home }: { home: HomeSummary }) {
  const now = useNow(30_000)
  return (
    <Panel title="What waits for me" flush>
      {home.waiting.length === 0 ? (
        <Empty title="Nothing waits for you.">Pages, COEs and corrective actions that are yours show here.</Empty>
      ) : (
        <ul className={css.list}>
          {home.waiting.map((item) => {
            const late = item.dueAt ? Date.parse(item.dueAt) < now : false
            return (
              <li key={item.object + item.title}>
                <To href={hrefOf(item.object)} className={css.wait}>
                  <span className={css.itemText}><Words text={item.title} /></span>
                  {item.dueAt && (
                    <span className={css.due}>
                      {late ? <State tone="warning" word="was due" /> : <span className="faint">due</span>} <Time at={item.dueAt} />
                    </span>
                  )}
                </To>
              </li>
            )
          })}
        </ul>
      )}
    </Panel>
  )
}

function Value({ home }: { home: HomeSummary }) {
  const flow = useQuery(timeToValue({ since: '30d' }))
  return (
    <Panel title="Time to value" aside="last 30 days">
      <div className={css.value}>
        <strong>{duration(home.timeToValue.p50Ms)}</strong>
        <span className="dim">median of {plural(home.timeToValue.count, 'change')}, from first commit to customer</span>
      </div>
      {flow.data && flow.data.points.length > 0 && <ValueChart flow={flow.data} height={130} daily />}
    </Panel>
  )
}

function OnCall() {
  const query = useQuery(onCall)
  return (
    <Panel title="On call now" aside={<To href="/on-call">Schedules</To>} flush>
      <Fetched query={query} lines={2}>
      {(turns) => turns.length === 0 ? (
        <Empty title="Nobody is on call." command="andon explain Schedule">Apply a Schedule, so that pages reach a person.</Empty>
      ) : (
        <ul className={css.list}>
          {turns.map((turn) => (
            <li key={turn.schedule} className={css.turn}>
              <RefLink to={turn.schedule} />
              {turn.user ? <span className="strong"><RefLink to={turn.user} kind="user" /></span> : <State tone="warning" word="nobody" />}
              <span className="faint">until <Time at={turn.until} as="time" /></span>
            </li>
          ))}
        </ul>
      )}
      </Fetched>
    </Panel>
  )
}
