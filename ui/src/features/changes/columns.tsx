import { shortName } from '~/api/refs'
import type { Change } from '~/api/types'
import type { Column } from '~/components/DataTable'
import { RefLink, Who } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { duration } from '~/lib/time'

/** What happened last to it: the deployer is who a responder asks. */
export function deployer(change: Change): string | undefined {
  const stages = change.status?.stages ?? []
  return stages.find((s) => s.name === 'deploy')?.actor ?? stages[stages.length - 1]?.actor
}

export function changeTitle(change: Change): string {
  if (change.spec.title) return change.spec.title
  return `${change.spec.changeType === 'rollback' ? 'Back to ' : ''}${shortName(change.spec.service)} ${change.spec.version}`
}

export const changeColumns: Column<Change>[] = [
  { id: 'name', title: 'Change', tight: true, hide: 'phone', cell: (c) => <RefLink to={`change:default/${c.metadata.name}`} /> },
  { id: 'service', title: 'Service', tight: true, cell: (c) => <RefLink to={c.spec.service}>{shortName(c.spec.service)}</RefLink> },
  { id: 'version', title: 'Version', tight: true, cell: (c) => <span className="mono">{c.spec.version}</span> },
  {
    id: 'title', title: 'What', main: true,
    cell: (c) => (
      <span className="wrap">
        {c.spec.changeType !== 'deploy' && <span className="faint">{c.spec.changeType} · </span>}
        {c.spec.title || <span className="faint">no title</span>}
      </span>
    ),
  },
  { id: 'outcome', title: 'Outcome', tight: true, cell: (c) => <State state={c.status?.outcome} /> },
  { id: 'value', title: 'Time to value', align: 'right', hide: 'phone', cell: (c) => duration(c.status?.timeToValueMs) },
  { id: 'commits', title: 'Commits', align: 'right', hide: 'narrow', cell: (c) => c.status?.commitCount ?? '–' },
  { id: 'who', title: 'By', hide: 'narrow', tight: true, cell: (c) => <Who who={deployer(c)} /> },
  { id: 'when', title: 'Reached customers', tight: true, cell: (c) => <Time at={c.status?.deployedAt ?? c.metadata.createdAt} /> },
]
