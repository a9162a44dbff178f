import { Modal, useMantineColorScheme } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQueries } from '@tanstack/react-query'
import { useEffect, useId, useMemo, useRef, useState } from 'react'
import { list } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Obj } from '~/api/types'
import { Icon, type IconName } from '~/components/Icon'
import { useGo } from '~/components/Ref'
import css from './Palette.module.css'
import { GO } from './shortcuts'

interface Item {
  id: string
  group: string
  icon: IconName
  label: string
  note?: string
  keys?: string
  run: () => void
}

const SEARCHED: { plural: string; icon: IconName }[] = [
  { plural: 'components', icon: 'services' },
  { plural: 'incidents', icon: 'incident' },
  { plural: 'changes', icon: 'change' },
  { plural: 'andons', icon: 'andon' },
  { plural: 'alarms', icon: 'alarm' },
  { plural: 'coes', icon: 'coe' },
  { plural: 'policies', icon: 'policy' },
  { plural: 'saved-searches', icon: 'bookmark' },
  { plural: 'groups', icon: 'user' },
  { plural: 'users', icon: 'user' },
]

/** One field to go anywhere, find any object by name, or do what can be done from everywhere. */
export function Palette({ close, pull }: { close: () => void; pull: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const visit = useGo()
  const { setColorScheme } = useMantineColorScheme()
  const listId = useId()
  const listRef = useRef<HTMLDivElement>(null)
  const found = useObjects(text)

  const items = useMemo<Item[]>(() => {
    const go = (to: string) => () => {
      close()
      visit(to)
    }
    const words = text.trim().toLowerCase()
    const matches = (label: string) => words.split(/\s+/).every((word) => label.toLowerCase().includes(word))
    const pages: Item[] = [
      ...GO.map((g) => ({ id: g.to, group: 'Go to', icon: 'chevron' as const, label: g.label, keys: `g ${g.key}`, run: go(g.to) })),
      { id: '/apply', group: 'Go to', icon: 'chevron', label: 'Apply YAML', run: go('/apply') },
      { id: '/settings', group: 'Go to', icon: 'chevron', label: 'Settings: tokens, status of the server', run: go('/settings') },
    ]
    const scheme = (value: 'auto' | 'light' | 'dark') => () => {
      setColorScheme(value)
      close()
    }
    const actions: Item[] = [
      { id: 'pull', group: 'Do', icon: 'andon', label: 'Pull the andon', keys: '!', run: pull },
      { id: 'dark', group: 'Do', icon: 'moon', label: 'Theme: dark', run: scheme('dark') },
      { id: 'light', group: 'Do', icon: 'sun', label: 'Theme: light', run: scheme('light') },
      { id: 'auto', group: 'Do', icon: 'system', label: 'Theme: like the system', run: scheme('auto') },
    ]
    const objects: Item[] = found.map(({ object, icon }) => {
      const ref = refOf(object)
      const title = (object.spec as { title?: string }).title ?? object.metadata.title ?? object.metadata.description
      return { id: ref, group: object.kind, icon, label: object.metadata.name, note: title, run: go(hrefOf(ref)) }
    })
    const search: Item[] = words
      ? [{ id: 'logs', group: 'Search', icon: 'logs', label: `Search logs for “${text.trim()}”`, run: go(`/logs?query=${encodeURIComponent(text.trim())}&since=1h`) }]
      : []
    const plain = [...actions.slice(0, 1), ...pages, ...actions.slice(1)].filter((item) => !words || matches(item.label))
    return words ? [...objects, ...plain, ...search] : plain
  }, [text, found, close, pull, visit, setColorScheme])

  useEffect(() => setAt(0), [text])
  useEffect(() => {
    listRef.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [at])

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'ArrowDown' || (event.ctrlKey && event.key === 'n')) setAt((i) => Math.min(items.length - 1, i + 1))
    else if (event.key === 'ArrowUp' || (event.ctrlKey && event.key === 'p')) setAt((i) => Math.max(0, i - 1))
    else if (event.key === 'Enter') items[at]?.run()
    else return
    event.preventDefault()
  }

  return (
    <Modal opened onClose={close} withCloseButton={false} padding={0} size={560} transitionProps={{ duration: 0 }} aria-label="Search and commands">
      <div className={css.field}>
        <Icon name="search" />
        <input
          data-autofocus
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          placeholder="Page, object by name, or action"
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={items[at] ? `${listId}-${at}` : undefined}
          aria-label="Page, object by name, or action"
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      <div className={css.list} id={listId} role="listbox" aria-label="Results" ref={listRef}>
        {items.map((item, i) => (
          <div key={item.id} role="presentation">
            {items[i - 1]?.group !== item.group && <div className={css.group} role="presentation">{item.group}</div>}
            <div
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === at}
              className={css.item}
              onMouseMove={() => setAt(i)}
              onClick={item.run}
            >
              <Icon name={item.icon} size={14} />
              <span className={css.label}>{item.label}</span>
              {item.note && <span className={css.note}>{item.note}</span>}
              {item.keys && <kbd>{item.keys}</kbd>}
            </div>
          </div>
        ))}
        {items.length === 0 && <p className={css.none}>Nothing has this name.</p>}
      </div>
    </Modal>
  )
}

function useObjects(text: string): { object: Obj; icon: IconName }[] {
  const [words] = useDebouncedValue(text.trim(), 120)
  const results = useQueries({
    queries: SEARCHED.map(({ plural }) => ({ ...list(plural, { q: words, limit: 4 }), enabled: words.length > 0, staleTime: 30_000 })),
    combine: (all) => all.map((result) => result.data?.items ?? []),
  })
  return useMemo(
    () => (words ? results.flatMap((items, i) => items.map((object) => ({ object, icon: SEARCHED[i]?.icon ?? 'catalog' }))) : []),
    [words, results],
  )
}
