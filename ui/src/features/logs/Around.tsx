import { Icon } from '~/components/Icon'
import { LinkButton } from '~/components/Ref'
import { logTime } from '~/lib/time'
import { aroundHref } from './links'
import css from './Logs.module.css'
import type { RowAnswer } from './protocol'

/** Says that these are the lines around one, and lets one widen or narrow what counts as around. */
export function Around({ row, columns }: { row: RowAnswer | undefined; columns: string | undefined }) {
  const service = row?.service ? { field: 'service', value: row.service } : undefined
  const here = typeof window === 'undefined' ? '' : window.location.search
  const ways: [string, { field: string; value: string }[]][] = row
    ? [
        ...(service && row.host ? [['same service and host', [service, row.host]] as [string, { field: string; value: string }[]]] : []),
        ...(service ? [['same service', [service]] as [string, { field: string; value: string }[]]] : []),
        ...(row.host ? [['same host', [row.host]] as [string, { field: string; value: string }[]]] : []),
        ...(row.traceId ? [['same trace', [{ field: 'trace_id', value: row.traceId }]] as [string, { field: string; value: string }[]]] : []),
        ['all lines', []],
      ]
    : []
  return (
    <div className={css.around} role="note">
      <Icon name="logs" size={14} />
      <span>{row ? <>Around the line of <span className="num">{logTime(row.us / 1_000)}</span></> : 'Around one line'}</span>
      {ways.map(([label, conditions]) => {
        const href = row ? aroundHref(row, conditions, columns) : ''
        const isThis = new URLSearchParams(href.slice(href.indexOf('?'))).get('query') === new URLSearchParams(here).get('query')
        return <LinkButton key={label} href={href} size="compact-xs" variant={isThis ? 'light' : 'default'} aria-current={isThis || undefined}>{label}</LinkButton>
      })}
      <button type="button" className={css.return} onClick={() => window.history.back()}>Back</button>
    </div>
  )
}
