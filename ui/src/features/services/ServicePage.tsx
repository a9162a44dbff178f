import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { line, list, object, onCall, timeToValue } from '~/api/queries'
import { fullRef, hrefOf, refOf } from '~/api/refs'
import type { Change, Component, Incident } from '~/api/types'
import { Neighbours } from '~/charts/Neighbours'
import { ValueChart, Waits } from '~/charts/ValueChart'
import { DataTable } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Figure, Figures, Page, Panel, Stack } from '~/components/Page'
import { LinkButton, RefLink, RefList, To } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Time } from '~/components/Time'
import { changeColumns } from '~/features/changes/columns'
import { count } from '~/lib/number'
import { duration } from '~/lib/time'
import { neighbours, useServices } from './data'
import { Words } from '~/components/Words'

const PullDialog = lazy(() => import('~/features/andon/PullDialog').then((m) => ({ default: m.PullDialog })))

export function ServicePage() {
  const { name } = useParams({ from: '/services/$name' })
  const query = useQuery(object<Component>('components', name))
  if (!query.data) {
    return (
      <Page title={name}>
        <Fetched query={query} lines={8}>{() => null}</Fetched>
      </Page>
    )
  }
  return <Service component={query.data} name={name} />
}

function Service({ component, name }: { component: Component; name: string }) {
  const [pulling, setPulling] = useState(false)
  const ref = refOf(component)
  const owner = fullRef(component.spec.owner, 'group')
  const { rows } = useServices()
  const row = rows.find((r) => r.ref === ref)
  const flow = useQuery(timeToValue({ service: ref, since: '30d' }))
  const changes = useQuery(list<Change>('changes', { service: ref, limit: 15 }))
  const incidents = useQuery(list<Incident>('incidents', { limit: 200 }))
  const andons = useQuery(line).data?.andons ?? []
  const open = (incidents.data?.items ?? []).filter((i) => i.status?.state !== 'resolved' && i.spec.services.includes(ref))
  const stopped = row?.andons ?? []
  const { dependsOn, dependants } = neighbours(component, rows.map((r) => r.component))
  const toneOf = (other: string) => (andons.some((a) => fullRef(a.spec.scope, 'component') === other) ? ('stopped' as const) : undefined)

  return (
    <Page
      title={component.metadata.title ?? name}
      documentTitle={name}
      kicker={component.metadata.description ?? component.spec.type}
      state={<State soft state={stopped.length ? 'stopped' : 'ok'} word={stopped.length ? 'line stopped' : 'line runs'} />}
      actions={
        <>
          <LinkButton href={`/logs?query=${encodeURIComponent(`service:${component.metadata.name}`)}&since=1h`} leftSection={<Icon name="logs" size={14} />}>Logs</LinkButton>
          <Button color="stop" variant="filled" onClick={() => setPulling(true)} leftSection={<Icon name="andon" size={14} />}>Pull on {name}</Button>
        </>
      }
    >
      {(stopped.length > 0 || open.length > 0) && (
        <Panel tone="stopped" flush>
          {stopped.map((andon) => (
            <Notice key={andon.metadata.name} href={hrefOf(refOf(andon))} mark={<State tone="stopped" word={andon.status?.state} />} text={andon.spec.reason ? <Words text={andon.spec.reason} /> : 'no words given'} at={andon.status?.pulledAt} />
          ))}
          {open.map((incident) => (
            <Notice key={incident.metadata.name} href={hrefOf(refOf(incident))} mark={<State state={incident.status?.state} />} text={<>{incident.spec.title} <SeverityMark severity={incident.spec.severity} /></>} at={incident.status?.startedAt} />
          ))}
        </Panel>
      )}
      <Figures>
        <Figure label="Time to value, median" note="last 30 days">{duration(row?.flow?.p50Ms)}</Figure>
        <Figure label="90th percentile">{duration(row?.flow?.p90Ms)}</Figure>
        <Figure label="Changes" note={row?.flow ? `${row.flow.rollbacks} rolled back` : undefined}>{count(row?.flow?.changes)}</Figure>
        <Figure label="Commits a change" note="median">{count(row?.flow?.batchP50)}</Figure>
        <Figure label="Last change"><Time at={row?.flow?.lastChangeAt} /></Figure>
      </Figures>
      <Columns
        main={
          <>
            <Panel title="Time to value" aside="each point is a change; click it">
              <Fetched query={flow}>
                {(data) => data.points.length === 0
                  ? <Empty title="No change reached customers in 30 days." command={`andon change record --service ${name} --version …`} />
                  : <Stack><ValueChart flow={data} /><Waits waits={data.waits} /></Stack>}
              </Fetched>
            </Panel>
            <Panel title="Changes" aside={<To href={`/changes?service=${encodeURIComponent(ref)}`}>All of {name}</To>} flush>
              <Fetched query={changes}>
                {(data) => (
                  <DataTable label={`Changes of ${name}`} columns={changeColumns.filter((c) => !['service', 'commits', 'who'].includes(c.id))} rows={data.items} rowKey={(c) => c.metadata.name} href={(c) => hrefOf(refOf(c))}
                    empty={<Empty title="No change is recorded." command={`andon import git PATH --service ${ref}`}>Import the repository’s history, or let the deploy script record each change.</Empty>} />
                )}
              </Fetched>
            </Panel>
            <HistoryPanel plural="components" name={name} reference={ref} />
          </>
        }
        side={
          <>
            <Panel title="Who and what">
              <OwnerFacts component={component} owner={owner} />
            </Panel>
            <Panel title="Neighbours">
              <Neighbours name={component.metadata.name} dependants={dependants} dependsOn={dependsOn} toneOf={toneOf} />
            </Panel>
            <Panel title="Alarms" flush>
              {(row?.alarms.length ?? 0) === 0 ? (
                <Empty title="No alarm watches it." command="andon explain Alarm" />
              ) : (
                row?.alarms.map((alarm) => (
                  <Notice key={alarm.metadata.name} href={hrefOf(refOf(alarm))} mark={<State state={alarm.status?.state} />} text={alarm.metadata.name} at={alarm.status?.since} />
                ))
              )}
            </Panel>
          </>
        }
      />
      {pulling && (
        <Suspense>
          <PullDialog close={() => setPulling(false)} scope={ref} />
        </Suspense>
      )}
    </Page>
  )
}

function OwnerFacts({ component, owner }: { component: Component; owner: string }) {
  const turns = useQuery(onCall).data?.filter((turn) => turn.owner !== undefined && fullRef(turn.owner, 'group') === owner) ?? []
  return (
    <Facts
      items={[
        ['Owner', <RefLink to={owner} />],
        ['On call now', turns.length ? turns.map((t) => <div key={t.schedule}><RefLink to={t.user} kind="user" /> <span className="faint">until <Time at={t.until} as="time" /></span></div>) : <State tone="warning" word="nobody" />],
        ['System', component.spec.system ? <RefLink to={fullRef(component.spec.system, 'system')} /> : <span className="faint">none</span>],
        ['Type', `${component.spec.type}, ${component.spec.lifecycle}`],
        ['Provides', <RefList refs={component.spec.providesApis} kind="api" />],
        ['Links', (component.metadata.links ?? []).length ? component.metadata.links?.map((l) => <div key={l.url}><a href={l.url} rel="noreferrer" target="_blank">{l.title ?? l.url}</a></div>) : <span className="faint">none</span>],
        ['Descriptor', <To href={`/catalog/components/${encodeURIComponent(component.metadata.name)}`}>YAML</To>],
      ]}
    />
  )
}

function Notice({ href, mark, text, at }: { href: string; mark: React.ReactNode; text: React.ReactNode; at: string | undefined }) {
  return (
    <To href={href} className="notice">
      {mark}
      <span>{text}</span>
      <Time at={at} />
    </To>
  )
}
