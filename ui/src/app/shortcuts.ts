import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'

/** Pages that `g` and a letter lead to. */
export const GO: { key: string; to: string; label: string }[] = [
  { key: 'h', to: '/', label: 'Home' },
  { key: 'a', to: '/andon', label: 'Andon' },
  { key: 'i', to: '/incidents', label: 'Incidents' },
  { key: 't', to: '/alerts', label: 'Alerts' },
  { key: 'o', to: '/on-call', label: 'On call' },
  { key: 's', to: '/services', label: 'Services' },
  { key: 'c', to: '/changes', label: 'Changes' },
  { key: 'm', to: '/alarms', label: 'Alarms' },
  { key: 'l', to: '/logs', label: 'Logs' },
  { key: 'q', to: '/sql', label: 'SQL' },
  { key: 'e', to: '/coes', label: 'COEs' },
  { key: 'r', to: '/review', label: 'Weekly review' },
  { key: 'p', to: '/policies', label: 'Policies' },
  { key: 'u', to: '/audit', label: 'Audit' },
  { key: 'k', to: '/catalog', label: 'Catalog' },
  { key: 'd', to: '/demo', label: 'Demo' },
]

const CHORD_MS = 1_200

export function typing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null
  return Boolean(target?.closest('input, textarea, select, [contenteditable="true"], [role="combobox"], [role="dialog"]'))
}

export function plain(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey
}

/** The keys that work everywhere. */
export function useGlobalKeys(actions: { palette: () => void; help: () => void; pull: () => void }) {
  const navigate = useNavigate()
  const latest = useRef(actions)
  latest.current = actions
  useEffect(() => {
    let chordUntil = 0
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        latest.current.palette()
        return
      }
      if (typing(event) || !plain(event)) return
      // The time of the key itself: on a busy machine it is heard later than it was pressed.
      const inChord = event.timeStamp < chordUntil
      chordUntil = 0
      if (inChord) {
        const target = GO.find((go) => go.key === event.key)
        if (target) {
          event.preventDefault()
          event.stopImmediatePropagation()
          void navigate({ to: target.to as never })
        }
        return
      }
      if (event.key === 'g') chordUntil = event.timeStamp + CHORD_MS
      else if (event.key === '?') latest.current.help()
      else if (event.key === '!') latest.current.pull()
      else if (event.key === '/') focusSearch(event)
    }
    document.addEventListener('keydown', onKey, true)
    return () => document.removeEventListener('keydown', onKey, true)
  }, [navigate])
}

function focusSearch(event: KeyboardEvent) {
  const field = document.querySelector<HTMLElement>('main [data-page-search]')
  if (!field) return
  event.preventDefault()
  field.focus()
}

/** j and k move in a list, Enter opens. */
export function useListKeys({ enabled, count, open, reveal }: { enabled: boolean; count: number; open: (i: number) => void; reveal: (i: number) => void }) {
  const [active, setActive] = useState(-1)
  const latest = useRef({ active, count, open, reveal })
  latest.current = { active, count, open, reveal }
  useEffect(() => {
    if (!enabled) return
    const onKey = (event: KeyboardEvent) => {
      if (typing(event) || !plain(event)) return
      const { active: at, count: n } = latest.current
      if (n === 0) return
      const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0
      if (step !== 0) {
        const next = Math.min(n - 1, Math.max(0, at + step))
        setActive(next)
        latest.current.reveal(next)
      } else if ((event.key === 'Enter' || event.key === 'o') && at >= 0 && at < n) {
        if ((event.target as HTMLElement).closest('a,button')) return
        event.preventDefault()
        latest.current.open(at)
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [enabled])
  return [active, setActive] as const
}
