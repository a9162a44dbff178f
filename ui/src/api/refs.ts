import type { Obj, Ref } from './types'

export interface RefParts {
  kind: string
  namespace: string
  name: string
}

/** Splits `[kind:][namespace/]name`; the parts that are left out are empty kind and `default`. */
export function parseRef(ref: Ref): RefParts {
  const colon = ref.indexOf(':')
  const slash = ref.indexOf('/')
  const hasKind = colon >= 0 && (slash < 0 || colon < slash)
  const kind = hasKind ? ref.slice(0, colon) : ''
  const rest = hasKind ? ref.slice(colon + 1) : ref
  const cut = rest.indexOf('/')
  return cut < 0
    ? { kind, namespace: 'default', name: rest }
    : { kind, namespace: rest.slice(0, cut), name: rest.slice(cut + 1) }
}

/** The reference of an object, in canonical lower case. */
export function refOf(object: Obj<unknown, unknown>): Ref {
  return `${object.kind}:${object.metadata.namespace || 'default'}/${object.metadata.name}`.toLowerCase()
}

/** A reference completed with the kind that its place means. */
export function fullRef(ref: Ref, kind: string): Ref {
  const parts = parseRef(ref)
  return `${parts.kind || kind}:${parts.namespace}/${parts.name}`.toLowerCase()
}

/** The short name that people say. */
export function shortName(ref: Ref | undefined): string {
  if (!ref) return ''
  if (ref === '*') return 'the whole line'
  const { namespace, name } = parseRef(ref)
  return namespace === 'default' ? name : `${namespace}/${name}`
}

/** A text of the server in which references of the default namespace read as names. */
export function plainRefs(text: string): string {
  return text.replace(/\b(component|system|group|user|change|andon|incident|policy|coe|alarm|alert):default\//g, '')
}

/** The name as it stands in a path: plain in the default namespace. */
export function pathName(ref: Ref): string {
  const { namespace, name } = parseRef(ref)
  return namespace === 'default' ? name : `${namespace}/${name}`
}

/** Kinds and the plural of their paths; what is not here has an `s` added. */
const PLURALS: Record<string, string> = {
  policy: 'policies',
  'escalation-policy': 'escalation-policies',
  escalationpolicy: 'escalation-policies',
  contactmethod: 'contact-methods',
  savedsearch: 'saved-searches',
}

export function pluralOf(kind: string): string {
  const lower = kind.toLowerCase()
  return PLURALS[lower] ?? `${lower}s`
}

/** Kinds that have a page of their own, by the path before the name. */
const PAGES: Record<string, string> = {
  component: '/services',
  change: '/changes',
  andon: '/andon',
  alert: '/alerts',
  incident: '/incidents',
  alarm: '/alarms',
  coe: '/coes',
  policy: '/policies',
}

/** The page of an object. */
export function hrefOf(ref: Ref): string {
  const { kind } = parseRef(ref)
  const name = encodeURIComponent(pathName(ref))
  if (kind === 'schedule') return `/on-call?schedule=${name}`
  if (kind === 'savedsearch') return `/logs?saved=${name}`
  if (kind === 'review') return reviewHref(pathName(ref))
  const page = PAGES[kind]
  if (page) return `${page}/${name}`
  return kind ? `/catalog/${pluralOf(kind)}/${name}` : `/catalog`
}

function reviewHref(name: string): string {
  const found = /^(\d{4}-\d{2}-\d{2})-(.+)$/.exec(name)
  return found ? `/review?week=${found[1]}&group=${encodeURIComponent(found[2] ?? '')}` : '/review'
}
