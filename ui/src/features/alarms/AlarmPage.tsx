import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { answer, client } from '~/api/client'
import { live, object } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { Alarm, Evaluations } from '~/api/types'
import { TimeSeries, type Marker } from '~/charts/TimeSeries'
import { Fetched } from '~/components/Fetched'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { LinkButton, RefLink, To, useGo } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Time } from '~/components/Time'
import { stateOf } from '~/lib/state'
import { condition } from './AlarmsPage'
import css from './Alarm.module.css'
import { Words } from '~/components/Words'

const SPANS = ['1h', '6h', '24h', '7d']

export function AlarmPage() {
  const { name } = useParams({ from: '/alarms/$name' })
  const query = useQuery(object<Alarm>('alarms', name))
  return query.data ? <AlarmView alarm={query.data} name={name} /> : <Page title={name}><Fetched query={query}>{() => null}</Fetched></Page>
}

function AlarmView({ alarm, name }: { alarm: Alarm; name: string }) {
  const search = useSearch({ from: '/alarms/$name' })
  const navigate = useNavigate({ from: '/alarms/$name' })
  const since = search.since ?? '6h'
  const { spec, status } = alarm
  const evaluations = useQuery({
    ...live(['evaluations', name, since], ['alarm'], () => answer(client.GET('/api/v1/alarms/{name}/evaluations', { params: { path: { name }, query: { since } } }))),
    refetchInterval: 30_000,
  })
  return (
    <Page
      title={alarm.metadata.title ?? name}
      documentTitle={name}
      kicker={<><To href="/alarms">Alarms</To> · <RefLink to={spec.service} /></>}
      state={<><SeverityMark severity={spec.severity} /><State soft state={status?.state} /></>}
      actions={<LinkButton href={`/logs?query=${encodeURIComponent(spec.query)}&since=${since}`} leftSection={<Icon name="logs" size={14} />}>Its lines</LinkButton>}
    >
      {status?.reason && <p className="dim"><Words text={status.reason} />{status.since && <> · since <Time at={status.since} as="both" /></>}</p>}
      <Columns
        main={
          <>
            <Panel
              title="Lines per window"
              aside={
                <span className={css.spans} role="group" aria-label="Period">
                  {SPANS.map((span) => (
                    <button key={span} type="button" aria-pressed={span === since} onClick={() => void navigate({ search: { since: span } })}>{span}</button>
                  ))}
                </span>
              }
            >
              <Fetched query={evaluations} lines={5}>{(data) => <Chart alarm={alarm} data={data} />}</Fetched>
            </Panel>
            <Panel title="States" flush>
              <Fetched query={evaluations}>
                {(data) => (
                  <ol className={css.states}>
                    {[...data.states].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).map((entry, i) => (
                      <li key={i}>
                        <State state={entry.state} />
                        <span className="dim wrap"><Words text={entry.reason} /></span>
                        <Time at={entry.at} as="both" />
                      </li>
                    ))}
                    {data.states.length === 0 && <li className="dim">It has not changed its state in this time.</li>}
                  </ol>
                )}
              </Fetched>
            </Panel>
            <HistoryPanel plural="alarms" name={name} reference={refOf(alarm)} />
          </>
        }
        side={
          <Panel title="The question">
            <Facts
              items={[
                ['Query', <code className="wrap">{spec.query}</code>],
                ['Fires on', condition(alarm)],
                ['Clears after', `${spec.clearWindows ?? 2} fine windows`],
                ['Customers see', spec.customerSymptom ?? <span className="faint">not said</span>],
                ['Pulls the andon', spec.pullsAndon ? 'yes, on its service' : 'no'],
                ['Pages', spec.escalationPolicy ? <RefLink to={spec.escalationPolicy} kind="escalationpolicy" /> : 'its service’s owner'],
                ['Runbook', spec.runbook ? <a href={spec.runbook} rel="noreferrer" target="_blank" className="wrap">{spec.runbook}</a> : <span className="faint">none</span>],
                ['Fired', `${status?.firedCount ?? 0} times`],
                ['Last fired', <Time at={status?.lastFiredAt} as="both" />],
                ['Descriptor', <To href={`/catalog/alarms/${encodeURIComponent(name)}`}>YAML</To>],
              ]}
            />
          </Panel>
        }
      />
    </Page>
  )
}

function Chart({ alarm, data }: { alarm: Alarm; data: Evaluations }) {
  const go = useGo()
  if (data.startsUs.length === 0) return <p className="dim">It has not been evaluated in this time.</p>
  const threshold = data.threshold ?? alarm.spec.threshold
  const first = (data.startsUs[0] ?? 0) / 1e6
  const markers: Marker[] = data.states
    .filter((s) => s.state !== 'ok' && Date.parse(s.at) / 1_000 >= first)
    .map((s) => ({ at: Date.parse(s.at) / 1_000, label: s.state, tone: stateOf(s.state).tone }))
  return (
    <TimeSeries
      label={`Lines per window of ${alarm.spec.window}, threshold ${threshold}`}
      x={data.startsUs.map((us) => us / 1e6)}
      series={[{ label: 'lines', values: data.counts, color: '--band-info', type: 'bars' }]}
      bucket={data.bucketUs / 1e6}
      levels={[{ value: threshold, label: `threshold ${threshold}` }]}
      markers={markers}
      height={210}
      onZoom={(from, until) => go(`/logs?query=${encodeURIComponent(alarm.spec.query)}&since=${new Date(from * 1_000).toISOString()}&until=${new Date(until * 1_000).toISOString()}`)}
    />
  )
}
