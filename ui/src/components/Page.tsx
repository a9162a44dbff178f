import { useEffect, type ReactNode } from 'react'
import css from './Page.module.css'

/** The frame of every page: what it is, how it stands, what can be done. */
export function Page({
  title, kicker, state, actions, children, wide = false, fill = false, documentTitle,
}: {
  title: ReactNode
  kicker?: ReactNode
  state?: ReactNode
  actions?: ReactNode
  children: ReactNode
  wide?: boolean
  fill?: boolean
  documentTitle?: string
}) {
  const name = documentTitle ?? (typeof title === 'string' ? title : undefined)
  useEffect(() => {
    document.title = name ? `${name} · Andon` : 'Andon'
  }, [name])
  return (
    <div className={css.page} data-wide={wide || undefined} data-fill={fill || undefined}>
      <header className={css.head}>
        <div className={css.titles}>
          {kicker && <div className={css.kicker} data-kicker>{kicker}</div>}
          <div className={css.titleRow}>
            <h1 className={css.title}>{title}</h1>
            {state}
          </div>
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}

/** A card with a heading. */
export function Panel({
  title, aside, children, flush = false, tone, id, className,
}: {
  title?: ReactNode
  aside?: ReactNode
  children: ReactNode
  flush?: boolean
  tone?: 'machine' | 'stopped'
  id?: string
  className?: string
}) {
  return (
    <section className={`${css.panel} ${className ?? ''}`} data-tone={tone} id={id}>
      {(title || aside) && (
        <div className={css.panelHead}>
          {title && <h2 className={css.panelTitle}>{title}</h2>}
          {aside && <div className={css.aside}>{aside}</div>}
        </div>
      )}
      <div className={flush ? css.flush : css.body}>{children}</div>
    </section>
  )
}

export function Columns({ main, side }: { main: ReactNode; side: ReactNode }) {
  return (
    <div className={css.columns}>
      <div className={css.stack}>{main}</div>
      <div className={css.stack}>{side}</div>
    </div>
  )
}

export function Stack({ children }: { children: ReactNode }) {
  return <div className={css.stack}>{children}</div>
}

export function Row({ children, between = false }: { children: ReactNode; between?: boolean }) {
  return <div className={css.row} data-between={between || undefined}>{children}</div>
}

/** A number with its name. */
export function Figure({ label, children, note }: { label: ReactNode; children: ReactNode; note?: ReactNode }) {
  return (
    <div className={css.figure}>
      <div className={css.figureLabel}>{label}</div>
      <div className={css.figureValue}>{children}</div>
      {note && <div className={css.figureNote}>{note}</div>}
    </div>
  )
}

export function Figures({ children }: { children: ReactNode }) {
  return <div className={css.figures}>{children}</div>
}

/** Names and values. */
export function Facts({ items }: { items: [ReactNode, ReactNode][] }) {
  return (
    <dl className={css.facts}>
      {items.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
