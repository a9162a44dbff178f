import type { ReactNode } from 'react'
import { Command } from './Command'
import css from './Empty.module.css'

/** An empty place that says what would stand here and how to fill it. */
export function Empty({ title, children, command, action }: { title: string; children?: ReactNode; command?: string; action?: ReactNode }) {
  return (
    <div className={css.empty}>
      <p className={css.title}>{title}</p>
      {children && <div className={`${css.text} dim`}>{children}</div>}
      {command && <Command text={command} />}
      {action}
    </div>
  )
}

export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div className={css.loading} role="status" aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} style={{ width: `${88 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  )
}
