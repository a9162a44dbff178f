import { Button, Menu, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, client } from '~/api/client'
import { live, me, object } from '~/api/queries'
import { hrefOf, refOf, shortName } from '~/api/refs'
import type { Incident, IncidentContext, IncidentState } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Figure, Figures, Page, Panel } from '~/components/Page'
import { RefLink, RefList, To, useGo } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Elapsed, Time } from '~/components/Time'
import { duration } from '~/lib/time'
import { Evidence } from './Evidence'
import { Suspects } from './Suspects'
import { Timeline } from './Timeline'

const STATES: IncidentState[] = ['investigating', 'identified', 'mitigated', 'resolved']

export function IncidentPage() {
  const { name } = useParams({ from: '/incidents/$name' })
  const query = useQuery(object<Incident>('incidents', name))
  if (!query.data) {
    return (
      <Page title={name}>
        <Fetched query={query} lines={8}>{() => null}</Fetched>
      </Page>
    )
  }
  return <IncidentView incident={query.data} name={name} />
}

function IncidentView({ incident, name }: { incident: Incident; name: string }) {
  const { spec, status } = incident
  const ref = refOf(incident)
  const context = useQuery(
    live(['incident-context', name], ['incident', 'change', 'alarm', 'andon'], () => answer(client.GET('/api/v1/incidents/{name}/context', { params: { path: { name } } }))),
  )
  return (
    <Page
      title={spec.title}
      documentTitle={`${name}: ${spec.title}`}
      kicker={<><To href="/incidents">Incidents</To> · {name} · <RefList refs={spec.services} kind="component" /></>}
      state={<><SeverityMark severity={spec.severity} /><State soft state={status?.state} /></>}
      actions={<StateMenu name={name} state={status?.state} />}
    >
      <Figures>
        <Figure label={status?.resolvedAt ? 'Lasted' : 'Lasts'} note={<>since <Time at={status?.startedAt} as="time" /></>}>
          <Elapsed from={status?.startedAt} until={status?.resolvedAt} />
        </Figure>
        <Figure label="Commander"><Commander name={name} commander={spec.commander} /></Figure>
        <Figure label="Detected after">{gap(status?.startedAt, status?.detectedAt)}</Figure>
        <Figure label="Acknowledged after">{gap(status?.detectedAt, status?.acknowledgedAt)}</Figure>
        <Figure label="Mitigated after">{gap(status?.detectedAt, status?.mitigatedAt)}</Figure>
      </Figures>
      <Columns
        main={
          <>
            <Suspects incident={incident} context={context.data} failed={context.error} />
            <Evidence incident={incident} context={context} />
            <Timeline incident={incident} name={name} />
            <HistoryPanel plural="incidents" name={name} reference={ref} />
          </>
        }
        side={
          <>
            <Panel title="Who">
              <People context={context.data} />
            </Panel>
            <Panel title="What hangs on it">
              <Facts
                items={[
                  ['Andons', <RefList refs={status?.andons} />],
                  ['Alerts', <RefList refs={status?.alerts} />],
                  ['Alarm', context.data?.alarm ? <RefLink to={typeof context.data.alarm === 'string' ? context.data.alarm : refOf(context.data.alarm)} /> : <span className="faint">none</span>],
                  ['Dependants', <RefList refs={context.data?.dependants} kind="component" empty="nothing depends on it" />],
                  ['Chain', <To href={`/trace/incidents/${name}`}>from change to lesson</To>],
                ]}
              />
            </Panel>
            <Panel title="Lesson">
              <Lesson incident={incident} name={name} />
            </Panel>
          </>
        }
      />
    </Page>
  )
}

function gap(from: string | undefined, until: string | undefined): string {
  return from && until ? duration(Math.max(0, Date.parse(until) - Date.parse(from))) : '–'
}

function StateMenu({ name, state }: { name: string; state: IncidentState | undefined }) {
  const write = useWrite((next: IncidentState) => answer(client.POST('/api/v1/incidents/{name}/state', { params: { path: { name } }, body: { state: next } })), { done: 'The state is set' })
  const at = STATES.indexOf(state ?? 'investigating')
  const next = STATES[at + 1]
  return (
    <>
      <Menu position="bottom-end" width={190}>
        <Menu.Target>
          <Button rightSection={<Icon name="down" size={12} />}>Set state</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {STATES.map((option) => (
            <Menu.Item key={option} disabled={option === state} onClick={() => write.mutate(option)}>
              <State state={option} />
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {next && (
        <Tooltip label={HELP[next]}>
          <Button variant="filled" loading={write.isPending} onClick={() => write.mutate(next)}>
            Now {next}
          </Button>
        </Tooltip>
      )}
    </>
  )
}

const HELP: Record<IncidentState, string> = {
  investigating: 'Nobody knows the cause',
  identified: 'The cause is known',
  mitigated: 'Customers are no longer hurt',
  resolved: 'It is over; a COE draft is made for severity 1 and 2',
}

function Commander({ name, commander }: { name: string; commander: string | undefined }) {
  const self = useQuery(me).data
  const write = useWrite((user: string) => answer(client.POST('/api/v1/incidents/{name}/commander', { params: { path: { name } }, body: { user } })), { done: 'You command' })
  const mine = self?.user
  return (
    <>
      {commander ? <RefLink to={commander} kind="user" /> : <span className="dim">nobody</span>}{' '}
      {mine && mine !== commander && (
        <Button size="compact-xs" loading={write.isPending} onClick={() => write.mutate(mine)}>Take over</Button>
      )}
    </>
  )
}

function People({ context }: { context: IncidentContext | undefined }) {
  if (!context) return <p className="dim">…</p>
  return (
    <Facts
      items={[
        ['Owner', context.owner ? <RefLink to={context.owner} kind="group" /> : <span className="faint">unknown</span>],
        ['On call', context.onCall.length ? context.onCall.map((turn) => <div key={turn.schedule}><RefLink to={turn.user} kind="user" /> <span className="faint">until <Time at={turn.until} as="time" /></span></div>) : <State tone="warning" word="nobody" />],
      ]}
    />
  )
}

function Lesson({ incident, name }: { incident: Incident; name: string }) {
  const go = useGo()
  const write = useWrite(() => answer(client.POST('/api/v1/incidents/{name}/coe', { params: { path: { name } }, body: {} })), {
    done: 'The draft stands', after: (coe) => go(hrefOf(refOf(coe))),
  })
  if (incident.status?.coe) {
    return <p>The COE is <RefLink to={incident.status.coe}>{shortName(incident.status.coe)}</RefLink>.</p>
  }
  return (
    <div style={{ display: 'grid', gap: 8, justifyItems: 'start' }}>
      <p className="dim">A COE draft is made by itself when an incident of severity 1 or 2 is resolved: timeline, impact, graph and change are filled in.</p>
      <Button onClick={() => write.mutate(undefined)} loading={write.isPending} leftSection={<Icon name="coe" size={14} />}>Draft it now</Button>
    </div>
  )
}
