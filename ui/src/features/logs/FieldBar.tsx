import { ActionIcon, TextInput } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState } from 'react'
import type { LogField, LogFields } from '~/api/types'
import { Loading } from '~/components/Empty'
import { Icon, type IconName } from '~/components/Icon'
import { compact, count, percent, plural } from '~/lib/number'
import css from './Fields.module.css'
import type { FieldActions } from './RowDetail'

const FIELD_PX = 26
const ICONS: Record<string, [IconName, string]> = {
  text: ['text', 'text'], number: ['hash', 'numbers'], boolean: ['toggle', 'true or false'], structure: ['braces', 'lists or objects'], mixed: ['mixed', 'values of several types'],
}

/** The fields that occur, with their types and most frequent values, each a way to narrow the search or to a column. */
export function FieldBar({ fields, actions, open, close }: { fields: UseQueryResult<LogFields>; actions: FieldActions; open: boolean; close: () => void }) {
  return (
    <>
      {open && <button type="button" className={css.shade} aria-label="Close the fields" onClick={close} />}
      <aside className={css.fields} aria-label="Fields" data-open={open || undefined}>
        {fields.data
          ? <List data={fields.data} actions={actions} stale={fields.isPlaceholderData} close={close} />
          : fields.isError ? <p className={css.note}>No fields: the search was not answered.</p> : <Loading lines={8} />}
      </aside>
    </>
  )
}

function List({ data, actions, stale, close }: { data: LogFields; actions: FieldActions; stale: boolean; close: () => void }) {
  const [words, setWords] = useState('')
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(['level', 'service']))
  const scroll = useRef<HTMLDivElement>(null)
  const shown = useMemo(() => ordered(data.items, actions.columns, words), [data.items, actions.columns, words])
  const sampled = data.sampledRows ?? shown.reduce((most, field) => Math.max(most, field.count), 0)
  const virtualizer = useVirtualizer({
    count: shown.length, getScrollElement: () => scroll.current, estimateSize: () => FIELD_PX, overscan: 10, getItemKey: (i) => shown[i]?.name ?? i,
  })
  const toggle = (name: string) => setOpen((before) => {
    const next = new Set(before)
    if (!next.delete(name)) next.add(name)
    return next
  })
  return (
    <>
      <div className={css.head}>
        <TextInput aria-label="Find a field" placeholder={`Find in ${plural(data.items.length, 'field')}`} value={words} onChange={(e) => setWords(e.currentTarget.value)} leftSection={<Icon name="search" size={12} />} />
        <ActionIcon className={css.close} aria-label="Close" onClick={close}><Icon name="close" /></ActionIcon>
      </div>
      {sampled > 0 && <p className={css.note}>{data.complete === false ? `from the newest ${count(sampled)} lines` : `from all ${count(sampled)} lines`}</p>}
      {shown.length === 0 && <p className={css.note}>{data.items.length ? 'No field matches.' : 'Fields show here when there are lines.'}</p>}
      <div ref={scroll} className={css.scroll} data-stale={stale || undefined} tabIndex={0} role="region" aria-label="Fields that occur">
        <ul style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => {
            const field = shown[item.index]
            return field && (
              <li key={item.key} ref={virtualizer.measureElement} data-index={item.index} style={{ transform: `translateY(${item.start}px)` }}>
                <Field field={field} sampled={sampled} open={open.has(field.name)} toggle={toggle} actions={actions} />
              </li>
            )
          })}
        </ul>
      </div>
    </>
  )
}

/** Columns first, then as the server orders them. */
function ordered(items: LogField[], columns: string[], words: string): LogField[] {
  const wanted = words.trim().toLowerCase()
  const matching = wanted ? items.filter((f) => f.name.toLowerCase().includes(wanted)) : items
  const chosen = matching.filter((f) => columns.includes(f.name) && f.name !== 'service')
  return [...chosen, ...matching.filter((f) => !chosen.includes(f))]
}

function Field({ field, sampled, open, toggle, actions }: { field: LogField; sampled: number; open: boolean; toggle: (name: string) => void; actions: FieldActions }) {
  const [icon, words] = ICONS[field.type] ?? ['text', field.type]
  const isColumn = actions.columns.includes(field.name)
  return (
    <div className={css.field} data-column={isColumn || undefined}>
      <div className={css.row}>
        <button type="button" className={css.name} aria-expanded={open} onClick={() => toggle(field.name)} title={`${field.name}: ${words}, in ${percent(sampled ? field.count / sampled : 0)} of the lines`}>
          <span className={css.type} title={words}><Icon name={icon} size={12} /></span>
          <span className="truncate">{field.name}</span>
          <span className={css.count}>{sampled > 0 && field.count >= sampled ? '' : percentOf(field.count, sampled)}</span>
        </button>
        <span className={css.tools}>
          <ActionIcon size="xs" aria-label={`Lines that have ${field.name}`} title="Lines that have the field" onClick={() => actions.exists(field.name, false)}><Icon name="check" size={11} /></ActionIcon>
          <ActionIcon size="xs" aria-label={`Lines without ${field.name}`} title="Lines that do not have it" onClick={() => actions.exists(field.name, true)}><Icon name="close" size={11} /></ActionIcon>
          <ActionIcon size="xs" aria-pressed={isColumn} aria-label={`${field.name} as a column`} title={isColumn ? 'Take the column away' : 'Show as a column'} onClick={() => actions.column(field.name)}><Icon name="column" size={11} /></ActionIcon>
        </span>
      </div>
      {open && <Values field={field} actions={actions} />}
    </div>
  )
}

function percentOf(part: number, whole: number): string {
  if (!whole) return ''
  const share = part / whole
  return share < 0.01 ? '<1 %' : percent(share)
}

function Values({ field, actions }: { field: LogField; actions: FieldActions }) {
  const { top, distinct } = field
  const most = Math.max(1, ...top.map((t) => t.count))
  return (
    <div className={css.values}>
      <ul>
        {top.map(({ value, count: n }) => {
          const text = String(value)
          return (
            <li key={text}>
              <span className={css.bar} style={{ width: `${(n / most) * 100}%` }} data-level={field.name === 'level' ? text : undefined} />
              <button type="button" className={css.value} title={`${text}: ${count(n)} lines, ${percentOf(n, field.count)}. Show only these.`} onClick={() => actions.filter(field.name, value, false)}>{text || '(empty)'}</button>
              <span className={css.share}>{percentOf(n, field.count)}</span>
              <span className={css.valueTools}>
                <ActionIcon size="xs" aria-label={`Only ${field.name} ${text}`} title="Only these" onClick={() => actions.filter(field.name, value, false)}><Icon name="plus" size={11} /></ActionIcon>
                <ActionIcon size="xs" aria-label={`Without ${field.name} ${text}`} title="Without these" onClick={() => actions.filter(field.name, value, true)}><Icon name="minus" size={11} /></ActionIcon>
              </span>
            </li>
          )
        })}
      </ul>
      {distinct !== undefined && distinct > top.length && <p>{distinct >= 1_000 ? '1,000 or more' : compact(distinct)} different values</p>}
    </div>
  )
}
