import { Button, type ButtonProps } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { hrefOf, parseRef, shortName } from '~/api/refs'
import type { Ref } from '~/api/types'
import { parseSearch } from '~/app/search'

/** An address in the parts that the router takes. */
function target(href: string): { to: never; search: never } {
  const cut = href.indexOf('?')
  const path = cut < 0 ? href : href.slice(0, cut)
  return { to: path as never, search: (cut < 0 ? {} : parseSearch(href.slice(cut + 1))) as never }
}

/** Goes to an address of these pages. */
export function useGo(): (href: string) => void {
  const navigate = useNavigate()
  return useCallback((href: string) => void navigate(target(href)), [navigate])
}

const PLAIN = {}

/** A link by address; every view is one. */
export function To({ href, children, className, title }: { href: string; children: React.ReactNode; className?: string; title?: string }) {
  return (
    <Link {...target(href)} className={className} title={title} activeProps={PLAIN}>
      {children}
    </Link>
  )
}

/** A button that leads to another page. */
export function LinkButton({ href, children, ...rest }: ButtonProps & { href: string; children: React.ReactNode }) {
  return (
    <Button component={Link} {...target(href)} {...rest}>
      {children}
    </Button>
  )
}

/** The name of an object, as a link to its page. People and programs without a page stay plain. */
export function RefLink({ to, kind, children }: { to: Ref | undefined; kind?: string; children?: React.ReactNode }) {
  if (!to) return <span className="faint">–</span>
  const parts = parseRef(to)
  const known = parts.kind || kind
  if (to === '*') return <span>the whole line</span>
  if (!known || known === 'system' && to.startsWith('system:') && !to.includes('/')) return <span className="wrap">{children ?? to}</span>
  if (known === 'token') return <span className="wrap">{children ?? to}</span>
  const full = `${known}:${parts.namespace}/${parts.name}`
  return (
    <To href={hrefOf(full)} title={full}>
      {children ?? shortName(to)}
    </To>
  )
}

/** Who did something: a person as a name, a program by what it is. */
export function Who({ who }: { who: string | { principal: string; onBehalfOf?: string } | undefined }) {
  if (!who) return <span className="faint">–</span>
  const principal = typeof who === 'string' ? who : who.principal
  const behind = typeof who === 'string' ? undefined : who.onBehalfOf
  if (principal.startsWith('user:')) return <RefLink to={principal} />
  return (
    <span className="wrap">
      {principal}
      {behind && (
        <>
          {' '}
          for <RefLink to={behind} kind="user" />
        </>
      )}
    </span>
  )
}

export function RefList({ refs, kind, empty = 'none' }: { refs: Ref[] | undefined; kind?: string; empty?: string }) {
  if (!refs || refs.length === 0) return <span className="faint">{empty}</span>
  return (
    <span>
      {refs.map((ref, i) => (
        <span key={ref}>
          {i > 0 && ', '}
          <RefLink to={ref} kind={kind} />
        </span>
      ))}
    </span>
  )
}
