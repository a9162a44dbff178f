import { useState, type ReactNode } from 'react'
import type { LedgerEvent } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { DifferenceView } from '~/components/History'
import { RefLink, Who } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { differences } from '~/lib/pointer'
import css from './Audit.module.css'

/** Entries of the ledger: what happened, who, allowed by which rule, what changed. */
export function EventList({ events, more, empty }: { events: LedgerEvent[]; more: { has: boolean; loading: boolean; load: () => void }; empty: ReactNode }) {
  const columns: Column<LedgerEvent>[] = [
    { id: 'sequence', title: '#', align: 'right', tight: true, hide: 'phone', cell: (e) => <span className="faint num">{e.sequence}</span> },
    { id: 'at', title: 'When', tight: true, cell: (e) => <Time at={e.at} as="seconds" /> },
    { id: 'action', title: 'What', cell: (e) => (e.action.endsWith('.refused') ? <State tone="stopped" word={e.action} /> : <span className="strong nowrap">{e.action}</span>) },
    { id: 'object', title: 'Object', cell: (e) => (e.object ? <RefLink to={e.object}>{e.object.replace(':default/', ' ')}</RefLink> : <span className="faint">–</span>) },
    { id: 'who', title: 'Who', hide: 'phone', cell: (e) => <span className="wrap"><Who who={e.actor} /> {e.actor.origin && <span className="faint small nowrap">from {e.actor.origin}</span>}</span> },
    { id: 'rules', title: 'Allowed by', hide: 'narrow', cell: (e) => (e.rules?.length ? <span className="mono small wrap">{e.rules.join(', ')}</span> : <span className="faint">{e.action.endsWith('.refused') ? 'no rule' : '–'}</span>) },
    { id: 'difference', title: 'Difference', main: true, cell: (e) => <Payload event={e} /> },
  ]
  return (
    <DataTable label="Events of the ledger" columns={columns} rows={events} rowKey={(e) => e.id} empty={empty} keys={false} height="68vh"
      more={{ ...more, total: more.has ? undefined : events.length }} />
  )
}

const SHORT = 120
const FIELDS = 3

/** What changed, and the other facts of an event. */
function partsOf(payload: unknown): { difference: unknown; facts: unknown } {
  if (Array.isArray(payload)) return { difference: payload, facts: undefined }
  if (!payload || typeof payload !== 'object') return { difference: undefined, facts: payload }
  const { difference, ...facts } = payload as Record<string, unknown>
  return { difference, facts: Object.keys(facts).length > 0 ? facts : undefined }
}

function firstFields(difference: unknown): unknown {
  return differences(difference).slice(0, FIELDS)
}

function Payload({ event }: { event: LedgerEvent }) {
  const [open, setOpen] = useState(false)
  if (event.payload === undefined || event.payload === null) return <span className="faint">–</span>
  const { difference, facts } = partsOf(event.payload)
  const text = facts === undefined ? '' : JSON.stringify(facts)
  const long = text.length > SHORT || differences(difference).length > FIELDS
  return (
    <>
      {difference !== undefined && !open && <DifferenceView difference={firstFields(difference)} />}
      {text && !open && <span className="mono small wrap">{text.length > SHORT ? `${text.slice(0, SHORT)}…` : text}</span>}
      {open && <pre className={css.payload}>{JSON.stringify(event.payload, null, 2)}</pre>}
      {long && <button type="button" className={css.more} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Less' : 'All of it'}</button>}
    </>
  )
}
