import { useQuery } from '@tanstack/react-query'
import { answer, client } from '~/api/client'
import { live, me } from '~/api/queries'
import type { ServerStatus } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { Facts, Page, Panel, Stack } from '~/components/Page'
import { RefList } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { count, plural } from '~/lib/number'
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
            ...Object.entries(status.telemetry).filter(([, v]) => typeof v !== 'object' || v === null).map(([k, v]) => [words(k), typeof v === 'number' ? <span className="num">{count(v)}</span> : String(v)] as [string, React.ReactNode]),
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
              <td><State state={listener.state} tone={listener.state === 'listening' ? 'ok' : 'warning'} /> <span className="dim">{listener.detail}</span></td>
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

function words(key: string): string {
  const spaced = key.replace(/([A-Z])/g, ' $1').replaceAll('_', ' ').toLowerCase()
  return `Telemetry ${spaced}`
}
