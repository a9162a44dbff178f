import { useQuery } from '@tanstack/react-query'
import { history } from '~/api/queries'
import type { HistoryItem } from '~/api/types'
import { differences, inline, listChange, type Difference } from '~/lib/pointer'
import { Empty } from './Empty'
import { Fetched } from './Fetched'
import css from './History.module.css'
import { Panel } from './Page'
import { To, Who } from './Ref'
import { Time } from './Time'

/** Who did what to an object, version by version. */
export function HistoryPanel({ plural, name, reference }: { plural: string; name: string; reference: string }) {
  const query = useQuery(history(plural, name))
  return (
    <Panel title="History" aside={<To href={`/audit?object=${encodeURIComponent(reference)}`}>In the audit</To>} flush>
      <Fetched query={query}>
        {(items) =>
          items.length === 0 ? (
            <Empty title="No history yet." />
          ) : (
            <ol className={css.list}>
              {[...items].sort((a, b) => b.version - a.version).map((item) => (
                <Entry key={`${item.version}-${item.event ?? ''}`} item={item} />
              ))}
            </ol>
          )
        }
      </Fetched>
    </Panel>
  )
}

function Entry({ item }: { item: HistoryItem }) {
  return (
    <li className={css.entry}>
      <div className={css.head}>
        <span className="strong">{item.action ?? (item.deleted ? 'deleted' : 'stored')}</span>
        <span className="dim">by <Who who={item.actor ?? undefined} /></span>
        <span className="faint"><Time at={item.at} as="both" /></span>
        <span className="faint num">v{item.version}</span>
      </div>
      {item.version === 1 ? (
        <details className={css.first}>
          <summary>What it began with</summary>
          <DifferenceView difference={item.difference} all />
        </details>
      ) : (
        <DifferenceView difference={item.difference} />
      )}
    </li>
  )
}

const SHOWN = 8
/** What names the object, which the page says anyway. */
const ENVELOPE = new Set(['/apiVersion', '/kind', '/metadata/name', '/metadata/namespace'])

/** The fields that changed, before and after. */
export function DifferenceView({ difference, all = false }: { difference: unknown; all?: boolean }) {
  const entries = differences(difference).filter((entry) => !ENVELOPE.has(entry.path))
  if (entries.length === 0) return null
  const shown = all ? entries : entries.slice(0, SHOWN)
  return (
    <ul className={css.difference}>
      {shown.map((entry, i) => <Change key={i} entry={entry} />)}
      {entries.length > shown.length && <li className="faint">and {entries.length - shown.length} more</li>}
    </ul>
  )
}

function Change({ entry }: { entry: Difference }) {
  const list = listChange(entry.before, entry.after)
  const lost = list ? list.lost : known(entry.before)
  const gained = list ? list.gained : known(entry.after)
  return (
    <li>
      {entry.path && <code className={css.path}>{entry.path}</code>}
      {lost.map((value, i) => <del key={i}>{short(value)}</del>)}
      {gained.map((value, i) => <ins key={i}>{short(value)}</ins>)}
      {lost.length + gained.length === 0 && <span className="faint">in another order</span>}
    </li>
  )
}

function known(value: unknown): unknown[] {
  return value === undefined || value === null || value === '' ? [] : [value]
}

function short(value: unknown): string {
  const words = value && typeof value === 'object' && 'text' in value ? (value as { text: unknown }).text : undefined
  const text = typeof words === 'string' ? words : inline(value)
  return text.length > 240 ? `${text.slice(0, 240)}…` : text
}
