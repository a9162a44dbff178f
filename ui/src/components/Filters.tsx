import { Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useEffect, useState, type ReactNode } from 'react'
import css from './Filters.module.css'
import { Icon } from './Icon'

export function Filters({ children }: { children: ReactNode }) {
  return <div className={css.filters}>{children}</div>
}

/** A search field whose text goes to the address a moment after the last key. */
export function SearchField({ value, onChange, label = 'Search', width = 240 }: { value: string | undefined; onChange: (value: string | undefined) => void; label?: string; width?: number }) {
  const [text, setText] = useState(value ?? '')
  useEffect(() => setText(value ?? ''), [value])
  const later = useDebouncedCallback((next: string) => onChange(next || undefined), 250)
  return (
    <TextInput
      data-page-search
      aria-label={label}
      placeholder={label}
      leftSection={<Icon name="search" size={13} />}
      value={text}
      w={width}
      maw="100%"
      onChange={(event) => {
        setText(event.currentTarget.value)
        later(event.currentTarget.value)
      }}
    />
  )
}

/** A choice of the address; empty means all. */
export function Choice({ label, value, options, onChange, width = 150, searchable = false }: {
  label: string
  value: string | undefined
  options: { value: string; label: string }[]
  onChange: (value: string | undefined) => void
  width?: number
  searchable?: boolean
}) {
  const known = !value || options.some((option) => option.value === value) ? options : [...options, { value, label: value }]
  return (
    <Select
      aria-label={label}
      placeholder={label}
      data={known}
      value={value ?? null}
      onChange={(next) => onChange(next ?? undefined)}
      clearable
      searchable={searchable}
      w={width}
      comboboxProps={{ shadow: 'md' }}
      clearButtonProps={{ 'aria-label': `Clear: ${label}` }}
    />
  )
}
