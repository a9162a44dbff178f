import { ActionIcon } from '@mantine/core'
import type { LogRow } from '~/api/types'
import { CopyButton } from '~/components/Command'
import { Icon } from '~/components/Icon'
import { LinkButton } from '~/components/Ref'
import { inline } from '~/lib/pointer'
import { term } from '~/lib/lucene'
import { bandOf } from '~/lib/state'
import { fullTime } from '~/lib/time'
import css from './Logs.module.css'

const AROUND_MS = 30_000

/** Every field of a line, each with the way to more or fewer of its kind. */
export function RowDetail({ row, filter }: { row: LogRow; filter: (field: string, value: unknown, without: boolean) => void }) {
  const at = Date.parse(row.timestamp)
  const iso = (ms: number) => new Date(ms).toISOString()
  const around = (query: string) => `/logs?query=${encodeURIComponent(query)}&since=${iso(at - AROUND_MS)}&until=${iso(at + AROUND_MS)}&focus=${encodeURIComponent(row.id)}`
  const fixed: [string, unknown][] = [
    ['service', row.service], ['level', bandOf(row.severityNumber, row.severity)], ['trace_id', row.traceId], ['span_id', row.spanId], ['scope', row.scope],
  ]
  const groups: [string, [string, unknown][]][] = [
    ['Line', fixed.filter(([, v]) => v !== undefined && v !== '')],
    ['Attributes', Object.entries(row.attributes ?? {})],
    ['Resource', Object.entries(row.resource ?? {})],
  ]
  return (
    <div className={css.detail}>
      <p className={css.full}>{row.message}</p>
      <div className={css.detailActions}>
        <LinkButton href={around(row.service ? term('service', row.service) : '*')} size="compact-xs">Surrounding lines</LinkButton>
        {row.traceId && <LinkButton href={around(term('trace_id', row.traceId))} size="compact-xs">The whole trace</LinkButton>}
        <span className="dim small">{fullTime(at)}{row.receivedAt && `, received ${Math.max(0, Date.parse(row.receivedAt) - at)} ms later`}</span>
        <CopyButton text={JSON.stringify(row, null, 2)} label="Copy as JSON" />
      </div>
      {groups.filter(([, entries]) => entries.length > 0).map(([title, entries]) => (
        <table key={title} className={css.detailTable} aria-label={title}>
          <tbody>
            {entries.map(([name, value]) => (
              <tr key={name}>
                <td className={css.detailActionsCell}>
                  <ActionIcon size="xs" aria-label={`Only ${name}`} title="Only lines like this" onClick={() => filter(name, value, false)}><Icon name="plus" size={11} /></ActionIcon>
                  <ActionIcon size="xs" aria-label={`Without ${name}`} title="Without lines like this" onClick={() => filter(name, value, true)}><Icon name="minus" size={11} /></ActionIcon>
                </td>
                <th scope="row">{name}</th>
                <td>{inline(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </div>
  )
}
