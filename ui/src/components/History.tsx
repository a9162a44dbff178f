import { useQuery } from '@tanstack/react-query'
import { history } from '~/api/queries'
import type { HistoryItem } from '~/api/types'
import { differences, inline } from '~/lib/pointer'
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
      <DifferenceView difference={item.difference} />
    </li>
  )
}

const SHOWN = 8

/** The fields that changed, before and after. */
export function DifferenceView({ difference, all = false }: { difference: unknown; all?: boolean }) {
  const entries = differences(difference)
  if (entries.length === 0) return null
  const shown = all ? entries : entries.slice(0, SHOWN)
  return (
    <ul className={css.difference}>
      {shown.map((entry, i) => (
        <li key={i}>
          {entry.path && <code className={css.path}>{entry.path}</code>}
          {entry.before !== undefined && entry.before !== null && <del>{short(entry.before)}</del>}
          {entry.after !== undefined && entry.after !== null && <ins>{short(entry.after)}</ins>}
        </li>
      ))}
      {entries.length > shown.length && <li className="faint">and {entries.length - shown.length} more</li>}
    </ul>
  )
}

function short(value: unknown): string {
  const text = inline(value)
  return text.length > 240 ? `${text.slice(0, 240)}…` : text
}
