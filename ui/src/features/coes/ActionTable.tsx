import { Button } from '@mantine/core'
import { answer, client } from '~/api/client'
import { refOf } from '~/api/refs'
import type { Action, Verifier } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { useWrite } from '~/components/form'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { Words } from '~/components/Words'

/** What proves an action done, in words. */
export function VerifierWords({ verifier }: { verifier: Verifier }) {
  switch (verifier.type) {
    case 'policyEnforced':
      return <>policy <RefLink to={verifier.policy} kind="policy" /> is enforced and cites the COE</>
    case 'policyRefused':
      return <>policy <RefLink to={verifier.policy} kind="policy" /> has refused a change of another team</>
    case 'alarmFired':
      return <>alarm <RefLink to={verifier.alarm} kind="alarm" /> has fired</>
    case 'testPassed':
      return <>test <code>{verifier.test}</code> passed in the latest change of <RefLink to={verifier.service} kind="component" /></>
  }
}

export function isOverdue(action: Action, now = Date.now()): boolean {
  return action.status?.state !== 'verified' && Date.parse(`${action.spec.due}T23:59:59Z`) < now
}

export function ActionTable({ actions, withCoe = false, empty }: { actions: Action[]; withCoe?: boolean; empty: React.ReactNode }) {
  const columns: Column<Action>[] = [
    { id: 'name', title: 'Action', tight: true, cell: (a) => <RefLink to={refOf(a)} /> },
    { id: 'state', title: 'State', tight: true, sort: (a) => a.status?.state, cell: (a) => <State state={isOverdue(a) ? 'overdue' : a.status?.state ?? 'open'} /> },
    {
      id: 'title', title: 'What', main: true, cell: (a) => (
        <div className="wrap">
          {a.spec.title}
          <div className="dim small">{a.spec.purpose}: done when <VerifierWords verifier={a.spec.verifier} /></div>
          {a.status?.verdict && <div className="faint small">Last seen: <Words text={a.status.verdict} /> {a.status.verifiedAt && <>(<Time at={a.status.verifiedAt} />)</>}</div>}
          {(a.status?.reopened ?? 0) > 0 && <div className="small"><State tone="warning" word={`opened again ${a.status?.reopened} times`} /></div>}
        </div>
      ),
    },
    ...(withCoe ? [{ id: 'coe', title: 'COE', tight: true, hide: 'phone', cell: (a: Action) => <RefLink to={a.spec.coe} kind="coe" /> } as Column<Action>] : []),
    { id: 'owner', title: 'Owner', tight: true, hide: 'phone', cell: (a) => <RefLink to={a.spec.owner} kind="user" /> },
    { id: 'due', title: 'Due', tight: true, sort: (a) => a.spec.due, cell: (a) => <span className="num nowrap">{a.spec.due}</span> },
    { id: 'verify', title: '', tight: true, cell: (a) => <Verify action={a} /> },
  ]
  return <DataTable label="Corrective actions" columns={columns} rows={actions} rowKey={(a) => a.metadata.name} empty={empty} keys={false} />
}

/** Runs the verifier now; it alone can close the action. */
function Verify({ action }: { action: Action }) {
  const write = useWrite(() => answer(client.POST('/api/v1/actions/{name}/verify', { params: { path: { name: action.metadata.name } }, body: {} })), {
    done: 'The verifier passes: the action is closed',
  })
  return (
    <Button size="compact-xs" loading={write.isPending} onClick={() => write.mutate(undefined)}>
      Verify
    </Button>
  )
}
