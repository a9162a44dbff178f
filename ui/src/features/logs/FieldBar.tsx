import { ActionIcon, TextInput } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import type { LogField } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { Icon } from '~/components/Icon'
import { compact } from '~/lib/number'
import css from './Logs.module.css'

const SHOWN = 60

/** The fields that occur, each with its most frequent values to filter by. */
export function FieldBar({ fields, filter }: { fields: UseQueryResult<LogField[]>; filter: (field: string, value: unknown, without: boolean) => void }) {
  const [words, setWords] = useState('')
  const [open, setOpen] = useState<string | undefined>('level')
  return (
    <aside className={css.fields} aria-label="Fields">
      <TextInput aria-label="Find a field" placeholder="Find a field" value={words} onChange={(e) => setWords(e.currentTarget.value)} />
      <Fetched query={fields} lines={6}>
        {(items) => {
          const shown = items.filter((f) => f.name.toLowerCase().includes(words.toLowerCase())).slice(0, SHOWN)
          if (shown.length === 0) return <p className="dim small" style={{ padding: '8px 4px' }}>{items.length ? 'No field matches.' : 'Fields show here when there are lines.'}</p>
          return (
            <ul className={css.fieldList}>
              {shown.map((field) => (
                <li key={field.name}>
                  <button type="button" className={css.fieldName} aria-expanded={open === field.name} onClick={() => setOpen(open === field.name ? undefined : field.name)}>
                    <Icon name={open === field.name ? 'down' : 'chevron'} size={10} />
                    <span className="truncate" title={`${field.name} (${field.type})`}>{field.name}</span>
                    <span className="faint num">{compact(field.count)}</span>
                  </button>
                  {open === field.name && <Values field={field} filter={filter} />}
                </li>
              ))}
            </ul>
          )
        }}
      </Fetched>
    </aside>
  )
}

function Values({ field, filter }: { field: LogField; filter: (field: string, value: unknown, without: boolean) => void }) {
  return (
    <ul className={css.values}>
      {field.top.map((top) => {
        const text = String(top.value)
        return (
          <li key={text}>
            <span className={css.valueBar} style={{ width: `${(top.count / Math.max(1, field.count)) * 100}%` }} />
            <span className="truncate" title={text}>{text || '(empty)'}</span>
            <span className="faint num">{compact(top.count)}</span>
            <span className={css.valueActions}>
              <ActionIcon size="xs" aria-label={`Only ${field.name} ${text}`} title="Only these" onClick={() => filter(field.name, top.value, false)}><Icon name="plus" size={11} /></ActionIcon>
              <ActionIcon size="xs" aria-label={`Without ${field.name} ${text}`} title="Without these" onClick={() => filter(field.name, top.value, true)}><Icon name="minus" size={11} /></ActionIcon>
            </span>
          </li>
        )
      })}
    </ul>
  )
}
