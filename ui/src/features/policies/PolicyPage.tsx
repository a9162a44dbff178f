import { Button, Modal } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { live, object } from '~/api/queries'
import { hrefOf, refOf, shortName } from '~/api/refs'
import type { LedgerEvent, Obj, Policy, PolicyTrial, TrialRefusal } from '~/api/types'
import { CopyButton } from '~/components/Command'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink, RefList, To, Who } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { count, percent, plural } from '~/lib/number'
import { Code } from './Code'
import css from './Policy.module.css'
import { Words } from '~/components/Words'

const PERIODS = ['7d', '30d', '90d', '365d']

export function PolicyPage() {
  const { name } = useParams({ from: '/policies/$name' })
  const query = useQuery(object<Policy>('policies', name))
  return query.data ? <PolicyView policy={query.data} name={name} /> : <Page title={name}><Fetched query={query}>{() => null}</Fetched></Page>
}

function PolicyView({ policy, name }: { policy: Policy; name: string }) {
  const { spec, status } = policy
  const search = useSearch({ from: '/policies/$name' })
  const navigate = useNavigate({ from: '/policies/$name' })
  const since = search.since ?? '90d'
  const [asking, setAsking] = useState(false)
  const queries = useQueryClient()
  const trial = useMutation({ onSuccess: () => queries.invalidateQueries({ queryKey: ['object', 'policies', name] }), mutationFn: () => answer(client.POST('/api/v1/policies/{name}/trial', { params: { path: { name }, query: { since } }, body: {} })) })
  const enforced = spec.enforcement === 'enforced'
  return (
    <Page
      title={policy.metadata.title ?? name}
      documentTitle={name}
      kicker={<><To href="/policies">Policies</To>{policy.metadata.description && <> · {policy.metadata.description}</>}</>}
      state={<State soft state={spec.enforcement} />}
      actions={<Button variant={enforced ? 'default' : 'filled'} onClick={() => setAsking(true)} leftSection={<Icon name="policy" size={14} />}>{enforced ? 'Take out of enforcement' : 'Enforce'}</Button>}
    >
      <Columns
        main={
          <>
            <Panel title="The rule" aside={<><span className="dim">Rego</span><CopyButton text={spec.rego} label="Copy the rule" /></>} flush>
              <Code text={spec.rego} />
            </Panel>
            <Panel
              title="Try on past changes"
              aside={
                <>
                  <select className={css.period} aria-label="Period" value={since} onChange={(e) => void navigate({ search: { since: e.target.value } })}>
                    {PERIODS.map((period) => <option key={period}>{period}</option>)}
                  </select>
                  <Button size="compact-xs" variant="filled" loading={trial.isPending} onClick={() => trial.mutate()} leftSection={<Icon name="play" size={11} />}>Try</Button>
                </>
              }
              flush
            >
              {trial.isError && <div style={{ padding: 12 }}><ProblemView error={trial.error} compact /></div>}
              {trial.data ? <Trial trial={trial.data} since={since} refused={refusedCount(trial.data, policy)} /> : (
                <p className="dim" style={{ padding: 14 }}>
                  {status?.triedAt ? <>Tried <Time at={status.triedAt} />: it would have refused {count(status.wouldRefuseCount)} of {count(status.triedCount)} changes.</> : 'Not tried yet.'} A trial changes nothing; it shows which changes the rule would have held back.
                </p>
              )}
            </Panel>
            <Refusals reference={refOf(policy)} />
            <HistoryPanel plural="policies" name={name} reference={refOf(policy)} />
          </>
        }
        side={
          <Panel title="Facts">
            <Facts
              items={[
                ['Lesson', spec.lesson ? <RefLink to={spec.lesson} /> : <span className="faint">cites no COE</span>],
                ['Owner', <RefLink to={spec.owner} kind="group" />],
                ['Applies to', spec.scope?.length ? spec.scope.map((s) => <div key={s}>{s.includes('*') ? <code>{s}</code> : <RefLink to={s} kind="component" />}</div>) : 'every component'],
                ['Remedy', spec.remedy ? <Words text={spec.remedy} /> : <span className="faint">none given</span>],
                ['Refused', `${plural(status?.refusedCount ?? 0, 'change')}`],
                ['Refused last', status?.lastRefused ? (status.lastRefused.includes(':') ? <RefLink to={status.lastRefused} /> : status.lastRefused) : <span className="faint">nothing yet</span>],
                ['Chain', <To href={`/trace/policies/${name}`}>from change to lesson</To>],
              ]}
            />
          </Panel>
        }
      />
      {asking && <Enforce policy={policy} name={name} trial={trial.data} close={() => setAsking(false)} />}
    </Page>
  )
}

const trialColumns: Column<TrialRefusal>[] = [
  { id: 'change', title: 'Change', tight: true, cell: (r) => <RefLink to={r.change} /> },
  { id: 'service', title: 'Service', tight: true, sort: (r) => r.service, cell: (r) => <RefLink to={r.service} /> },
  { id: 'reasons', title: 'It would have said', main: true, cell: (r) => <span className="wrap">{r.reasons.join('; ')}</span> },
  { id: 'at', title: 'Reached customers', tight: true, hide: 'phone', sort: (r) => r.at, cell: (r) => <Time at={r.at} /> },
]

/** The answer lists at most so many; the policy's status knows how many there were. */
function refusedCount(trial: PolicyTrial, policy: Policy): number {
  const { triedCount, wouldRefuseCount } = policy.status ?? {}
  return triedCount === trial.tried ? Math.max(wouldRefuseCount ?? 0, trial.refused.length) : trial.refused.length
}

function Trial({ trial, since, refused }: { trial: PolicyTrial; since: string; refused: number }) {
  const services = [...new Set(trial.refused.map((r) => r.service))]
  return (
    <>
      <p style={{ padding: '12px 14px' }}>
        Of {plural(trial.tried, 'change')} in {since} it would have refused <strong>{count(refused)}</strong>
        {trial.tried > 0 && <span className="dim"> ({percent(refused / trial.tried)}{refused > trial.refused.length && `, the newest ${trial.refused.length} are listed`})</span>}
        {services.length > 0 && <span className="dim">, of <RefList refs={services.slice(0, 6)} />{services.length > 6 && ` and ${services.length - 6} more`}</span>}.
        {trial.failed.length > 0 && <> <State tone="warning" word={`${trial.failed.length} could not be judged`} />: enforced, it would refuse those too.</>}
      </p>
      {trial.refused.length > 0 && <DataTable label="Changes it would have refused" columns={trialColumns} rows={trial.refused} rowKey={(r) => r.change} href={(r) => hrefOf(r.change)} height="340px" keys={false} />}
      {trial.failed.length > 0 && <DataTable label="Changes it could not judge" columns={trialColumns} rows={trial.failed} rowKey={(r) => r.change} height="200px" keys={false} />}
    </>
  )
}

/** What it has refused, out of the ledger. */
function Refusals({ reference }: { reference: string }) {
  const query = useQuery(live(['refusals'], ['*'], () => answer(client.GET('/api/v1/events', { params: { query: { action: 'check.refused', limit: 500 } } }))))
  const about = (event: LedgerEvent) => {
    const reasons = reasonsOf(event)
    return reasons.some((reason) => reason.object === reference)
  }
  return (
    <Panel title="What it refused" flush>
      <Fetched query={query}>
        {(data) => {
          const mine = data.items.filter(about)
          if (mine.length === 0) return <Empty title="It has refused nothing yet." />
          return (
            <ul className={css.refusals}>
              {mine.slice(0, 50).map((event) => (
                <li key={event.id}>
                  <State tone="stopped" word="refused" />
                  <span className="wrap">{event.object ? <RefLink to={event.object}>{shortName(event.object)}</RefLink> : '–'} <span className="dim">asked by <Who who={event.actor} />{why(event, reference) && `: ${why(event, reference)}`}</span></span>
                  <Time at={event.at} as="both" />
                </li>
              ))}
            </ul>
          )
        }}
      </Fetched>
    </Panel>
  )
}

/** The policy's own words among the reasons of a refusal. */
function why(event: LedgerEvent, reference: string): string | undefined {
  return reasonsOf(event).find((reason) => reason.object === reference)?.text
}

function reasonsOf(event: LedgerEvent): { text?: string; object?: string }[] {
  const reasons = (event.payload as { reasons?: { text?: string; object?: string }[] } | undefined)?.reasons
  return Array.isArray(reasons) ? reasons : []
}

function Enforce({ policy, name, trial, close }: { policy: Policy; name: string; trial: PolicyTrial | undefined; close: () => void }) {
  const enforced = policy.spec.enforcement === 'enforced'
  const write = useWrite(
    () => answer(client.PUT('/api/v1/{plural}/{name}', { params: { path: { plural: 'policies', name } }, body: { ...policy, spec: { ...policy.spec, enforcement: enforced ? 'trial' : 'enforced' } } as unknown as Obj })),
    { done: enforced ? 'It refuses nothing any more' : 'It refuses from now on', quiet: true, after: close },
  )
  return (
    <Modal opened onClose={close} title={enforced ? `Take ${name} out of enforcement?` : `Enforce ${name}?`}>
      <div style={{ display: 'grid', gap: 12 }}>
        {enforced ? (
          <p>Changes that it would refuse will pass. Actions whose verifier asks for it are opened again.</p>
        ) : (
          <>
            <p>From now on every <code>andon check</code> in its scope that breaks the rule is refused, in all teams, with the lesson it comes from.</p>
            {trial ? (
              <p>In the trial it would have refused <strong>{count(refusedCount(trial, policy))}</strong> of {plural(trial.tried, 'change')}.</p>
            ) : (
              <State tone="warning" word="You have not tried it on past changes in this visit." />
            )}
            {!policy.spec.lesson && <State tone="warning" word="It cites no COE: refused teams will not see why." />}
          </>
        )}
        {write.isError && <ProblemView error={write.error} compact />}
        <div style={{ display: 'flex', gap: 8 }}>
          <Button variant="filled" color={enforced ? 'stop' : undefined} loading={write.isPending} onClick={() => write.mutate(undefined)}>{enforced ? 'Take it out' : 'Enforce'}</Button>
          <Button onClick={close}>Leave it</Button>
        </div>
      </div>
    </Modal>
  )
}
