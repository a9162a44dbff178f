import { useQuery } from '@tanstack/react-query'
import { answer, client } from '~/api/client'
import { live, me } from '~/api/queries'
import type { ServerStatus } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { Facts, Page, Panel, Stack } from '~/components/Page'
import { RefList } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { bytes, count, plural } from '~/lib/number'
import { duration } from '~/lib/time'
import css from './Settings.module.css'
import { Tokens } from './Tokens'

export function SettingsPage() {
  const self = useQuery(me)
  const status = useQuery({ ...live(['status'], [], () => answer(client.GET('/api/v1/status'))), refetchInterval: 5_000 })
  return (
    <Page title="Settings" kicker="Who you are here, tokens for programs, and how the server does.">
      <Stack>
        <Panel title="You">
          <Fetched query={self}>
            {(data) => (
              <Facts items={[
                ['Principal', <code>{data.principal}</code>],
                ['Roles', data.roles.join(', ') || <span className="faint">none</span>],
                ['Groups', <RefList refs={data.groups} kind="group" />],
              ]} />
            )}
          </Fetched>
        </Panel>
        <Tokens />
        <Panel title="The server" flush>
          <Fetched query={status} lines={6}>{(data) => <Status status={data} />}</Fetched>
        </Panel>
      </Stack>
    </Page>
  )
}

const OPEN = ['open', 'listening']

function Status({ status }: { status: ServerStatus }) {
  const overdue = typeof status.overduePages === 'number' ? status.overduePages : status.overduePages?.count ?? 0
  return (
    <>
      <div style={{ padding: '12px 14px' }}>
        <Facts
          items={[
            ['Version', status.version],
            ['Runs for', duration(status.uptimeSeconds * 1_000)],
            ['Store', status.store.engine],
            ['Outbox', status.outbox.pending > 0 ? <State wrap tone={(status.outbox.oldestDueSeconds ?? 0) > 60 ? 'warning' : 'moving'} word={`${plural(status.outbox.pending, 'message')} to be sent, the oldest due for ${duration((status.outbox.oldestDueSeconds ?? 0) * 1_000)}`} /> : <State tone="ok" word="empty" />],
            ['Pages overdue', overdue > 0 ? <State tone="stopped" word={plural(overdue, 'page')} /> : <State tone="ok" word="none" />],
            ...(status.mail === undefined ? [] : [['Mail', status.mail ? <State tone="ok" word="set up" /> : <State wrap tone="warning" word="no SMTP server is set: --smtp smtp://host:port" />] as [string, React.ReactNode]]),
            ...telemetryFacts(status.telemetry),
          ]}
        />
      </div>
      <div className={css.tables}>
      <table className={css.table} aria-label="Listeners">
        <thead><tr><th scope="col">Listener</th><th scope="col">Address</th><th scope="col">State</th></tr></thead>
        <tbody>
          {status.listeners.map((listener) => (
            <tr key={listener.name}>
              <td>{listener.name}</td>
              <td className="mono">{listener.address}</td>
              <td><State state={listener.state} tone={OPEN.includes(listener.state) ? 'ok' : 'warning'} /> <span className="dim">{listener.detail}</span></td>
            </tr>
          ))}
        </tbody>
      </table>
      <table className={css.table} aria-label="Controllers">
        <thead><tr><th scope="col">Controller</th><th scope="col">Last run</th><th scope="col" className="hide-phone">Runs</th><th scope="col">State</th></tr></thead>
        <tbody>
          {status.controllers.map((controller) => (
            <tr key={controller.name}>
              <td>{controller.name}</td>
              <td><Time at={controller.lastRunAt} /></td>
              <td className="num hide-phone">{count(controller.runs)}</td>
              <td>{controller.lastError ? <State wrap tone="warning" word={controller.lastError} /> : controller.lastRunAt ? <State tone="ok" word="ok" /> : <State tone="unknown" word="not run yet" />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </>
  )
}

/** What the log store says of itself, in words; what is not known is left out. */
function telemetryFacts(telemetry: Record<string, unknown>): [string, React.ReactNode][] {
  const of = (key: string) => (typeof telemetry[key] === 'number' ? (telemetry[key] as number) : undefined)
  const facts: [string, React.ReactNode][] = []
  const add = (name: string, key: string, show: (value: number) => React.ReactNode) => {
    const value = of(key)
    if (value !== undefined) facts.push([name, show(value)])
  }
  add('Log lines', 'rows', (n) => <span className="num">{count(n)}</span>)
  add('Of these in memory', 'memory_rows', (n) => <span className="num">{count(n)}, {bytes(of('memory_bytes') ?? 0)}</span>)
  add('On the disk', 'segment_bytes', (n) => <span className="num">{bytes(n + (of('log_bytes') ?? 0))} of at most {bytes(of('disk_cap_bytes') ?? 0)}, in {plural(of('segments') ?? 0, 'segment')}</span>)
  add('Kept for', 'retention_s', (n) => duration(n * 1_000))
  add('Dropped for room', 'dropped_by_cap_rows', (n) => (n > 0 ? <State tone="warning" word={plural(n, 'line')} /> : 'none'))
  add('Refused', 'refused_rows', (n) => (n > 0 ? <State tone="warning" word={plural(n, 'line')} /> : 'none'))
  return facts
}
