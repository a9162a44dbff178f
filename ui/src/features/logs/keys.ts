import { useEffect, useRef } from 'react'
import { plain, typing } from '~/app/shortcuts'
import type { SlimRow } from './protocol'

interface Keys {
  rows: SlimRow[]
  active: string | undefined
  select: (id: string) => void
  toggle: (id: string) => void
  reveal: (index: number) => void
  json: () => void
  context: () => void
  tail: () => void
  /** Keeps the search under a name. */
  save: () => void
  /** Shows the searches that are kept. */
  saved: () => void
  escape: () => void
}

/** What the keys of the log page do, for the list of all keys. */
export const LOG_KEYS: [string[], string][] = [
  [['j'], 'Next line'],
  [['k'], 'The line before'],
  [['Enter'], 'Open or close the line'],
  [['e'], 'The line as JSON'],
  [['c'], 'Surrounding lines of the same service and host'],
  [['t'], 'Follow new lines, or stop'],
  [['s'], 'Saved searches'],
  [['Ctrl', 'S'], 'Save the search'],
  [['Esc'], 'Close the line; back to the range before'],
]

/** The keys of the log page; they follow the line, not its number, while others come above it. */
export function useLogKeys(keys: Keys) {
  const latest = useRef(keys)
  latest.current = keys
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { rows, active, ...act } = latest.current
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 's') {
        // The browser would save the page as a file.
        event.preventDefault()
        if (!document.querySelector('[role="dialog"][aria-modal="true"]')) act.save()
        return
      }
      if (event.key === 'Escape' && !document.querySelector('[role="dialog"]') && !typing(event)) return act.escape()
      if (typing(event) || !plain(event)) return
      const at = active ? rows.findIndex((row) => row.id === active) : -1
      const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0
      if (step !== 0 && rows.length > 0) {
        const next = Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))
        const row = rows[next]
        if (row) act.select(row.id)
        act.reveal(next)
      } else if ((event.key === 'Enter' || event.key === 'o') && active && at >= 0) {
        if ((event.target as HTMLElement).closest('a,button,summary')) return
        event.preventDefault()
        act.toggle(active)
      } else if (event.key === 'e') act.json()
      else if (event.key === 'c') act.context()
      else if (event.key === 't') act.tail()
      else if (event.key === 's') {
        // The field that opens must not take the letter.
        event.preventDefault()
        act.saved()
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}
