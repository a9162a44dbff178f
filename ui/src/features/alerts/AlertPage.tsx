import { Button, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { object } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { Alert, PageSummary } from '~/api/types'
import { Command } from '~/components/Command'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { RefLink, To, Who } from '~/components/Ref'
import { SeverityMark, State } from '~/components/State'
import { Elapsed, Time } from '~/components/Time'
import { Words } from '~/components/Words'
import { useAlertVerbs } from './verbs'

const columns: Column<PageSummary>[] = [
  { id: 'user', title: 'Whom', tight: true, cell: (p) => <RefLink to={p.user} kind="user" /> },
  { id: 'channel', title: 'How', tight: true, cell: (p) => p.channel },
  { id: 'state', title: 'State', tight: true, cell: (p) => <State state={p.state} /> },
  { id: 'why', title: '', hide: 'phone', cell: (p) => <span className="dim wrap">{p.failure}{p.attempts > 1 && ` (${p.attempts} tries)`}</span> },
  { id: 'at', title: 'Due', tight: true, cell: (p) => <Time at={p.dueAt} as="seconds" /> },
]

export function AlertPage() {
  const { name } = useParams({ from: '/alerts/$name' })
  const query = useQuery(object<Alert>('alerts', name))
  return query.data ? <AlertView alert={query.data} name={name} /> : <Page title={name}><Fetched query={query}>{() => null}</Fetched></Page>
}

function AlertView({ alert, name }: { alert: Alert; name: string }) {
  const { spec, status } = alert
  const { acknowledge, resolve } = useAlertVerbs(name)
  const over = status?.state === 'resolved'
  const texts = Object.entries(spec.annotations ?? {})
  return (
    <Page
      title={spec.title}
      documentTitle={`${name}: ${spec.title}`}
      kicker={<><To href="/alerts">Alerts</To> · {name}</>}
      state={<><SeverityMark severity={spec.severity} /><State soft state={status?.state} /></>}
      actions={
        !over && (
          <>
            <Tooltip label={status?.state === 'acknowledged' ? 'Somebody is on it already' : 'Stops the escalation'}>
              <Button variant={status?.state === 'triggered' ? 'filled' : 'default'} loading={acknowledge.isPending} onClick={() => acknowledge.mutate(undefined)} disabled={status?.state === 'acknowledged'} leftSection={<Icon name="check" size={14} />}>
                {status?.state === 'acknowledged' ? 'Acknowledged' : 'Acknowledge'}
              </Button>
            </Tooltip>
            <Button loading={resolve.isPending} onClick={() => resolve.mutate(undefined)}>Resolve</Button>
          </>
        )
      }
    >
      {status?.stalled && !over && (
        <Panel tone="stopped">
          <State tone="stopped" word="Nobody is being paged" /> <span className="dim"><Words text={status.stalled} /></span>
        </Panel>
      )}
      <Columns
        main={
          <>
            {texts.length > 0 && <Panel title="What the source says"><Facts items={texts.map(([key, text]) => [key, <span key={key} className="wrap">{text}</span>])} /></Panel>}
            <Panel title="Pages" aside={status?.nextDueAt && !over ? <>next step <Time at={status.nextDueAt} /></> : undefined} flush>
              <DataTable label="Pages of this alert" columns={columns} rows={status?.pages ?? []} rowKey={(p) => p.id} empty={<Empty title="Nobody was paged." command="andon explain EscalationPolicy">Its service’s owner has no escalation policy, or its severity does not page.</Empty>} />
            </Panel>
            <HistoryPanel plural="alerts" name={name} reference={refOf(alert)} />
          </>
        }
        side={
          <>
            <Panel title="Facts">
              <Facts
                items={[
                  ['Service', <RefLink to={spec.service} />],
                  ['Incident', <RefLink to={status?.incident} />],
                  ['From', <RefLink to={spec.source} />],
                  [over ? 'Lasted' : 'Lasts', <Elapsed from={status?.startedAt} until={status?.resolvedAt} />],
                  ['Answered by', <><Who who={status?.acknowledgedBy} /> {status?.acknowledgedAt && <Time at={status.acknowledgedAt} as="time" />}</>],
                  ['Events', status?.eventCount ?? 0],
                  ['Escalation', <RefLink to={spec.escalationPolicy} />],
                  ...Object.entries(spec.labels ?? {}).map(([k, v]) => [k, <span key={k} className="mono">{v}</span>] as [string, React.ReactNode]),
                ]}
              />
            </Panel>
            {!over && <Panel title="From a shell"><Command text={`andon ack ${name}`} /></Panel>}
          </>
        }
      />
    </Page>
  )
}
