import { useSyncExternalStore } from 'react'
import { asProblem } from '~/api/problem'
import { Icon } from './Icon'
import css from './toast.module.css'

interface Toast {
  id: number
  text: string
  bad: boolean
}

let toasts: Toast[] = []
let serial = 0
const listeners = new Set<() => void>()

function set(next: Toast[]) {
  toasts = next
  listeners.forEach((wake) => wake())
}

function show(text: string, bad: boolean) {
  const id = ++serial
  set([...toasts.slice(-3), { id, text, bad }])
  setTimeout(() => set(toasts.filter((t) => t.id !== id)), bad ? 9_000 : 4_000)
}

/** Says shortly that something was done. */
export const say = (text: string) => show(text, false)

/** Says that something failed, where there is no form to show it in. */
export function sayProblem(error: unknown): void {
  const problem = asProblem(error)
  show(`${problem.code} ${problem.detail}${problem.hint ? ` ${problem.hint}` : ''}`, true)
}

export function Toasts() {
  const list = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {list.map((toast) => (
        <div key={toast.id} className={css.toast} data-bad={toast.bad || undefined}>
          <Icon name={toast.bad ? 'incident' : 'check'} />
          <span>{toast.text}</span>
          <button type="button" aria-label="Dismiss" onClick={() => set(toasts.filter((t) => t.id !== toast.id))}>
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  )
}
