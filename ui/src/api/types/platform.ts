/** The ledger, kinds, the caller, the server. */
import type { Obj, Ref, Timestamp } from './core'
import type { Change } from './delivery'

export interface Actor {
  principal: string
  onBehalfOf?: string
  origin?: string
}
export interface LedgerEvent {
  sequence: number
  id: string
  at: Timestamp
  actor: Actor
  action: string
  object?: Ref
  version?: number
  rules?: string[]
  payload?: unknown
  hash?: string
}
export interface HistoryItem {
  version: number
  deleted?: boolean
  at: Timestamp
  event?: string
  actor?: Actor | string | null
  action?: string | null
  difference?: unknown
}
export interface KindInfo {
  kind: string
  plural: string
  apiVersion: string
  capability: string
  nature: 'resource' | 'record'
  summary: string
  indexed: { name: string; pointer: string; columnType: string }[]
  columns: { title: string; pointer: string }[]
  references?: { pointer: string; defaultKind: string }[]
  example?: string
}
export interface Me {
  user?: Ref
  principal: string
  roles: string[]
  groups: Ref[]
  permissions: string[]
  demo: boolean
  instance: { version: string }
}
export interface HomeSummary {
  wrong: { state: 'stopped' | 'warning' | 'unknown'; title: string; object: Ref; since?: Timestamp }[]
  changed: Change[]
  waiting: { title: string; object: Ref; dueAt?: Timestamp; kind: string }[]
  timeToValue: { p50Ms?: number; count: number }
}
export interface TraceHop {
  name: string
  object?: Ref
  title: string
  at?: Timestamp
  missing?: string
}
export interface ServerStatus {
  version: string
  uptimeSeconds: number
  store: { engine: string }
  telemetry: Record<string, unknown>
  listeners: { name: string; address: string; state: string; detail?: string }[]
  controllers: { name: string; lastRunAt?: Timestamp; lastError?: string; runs: number }[]
  outbox: { pending: number; oldestDueSeconds?: number }
  mail?: boolean
  overduePages: number | { count: number; oldestDueAt?: Timestamp }
}
export interface TokenInfo {
  id: string
  user?: Ref
  roles: string[]
  description?: string
  purpose?: string
  createdAt?: Timestamp
  expiresAt?: Timestamp | null
  revokedAt?: Timestamp | null
}
export interface DemoStep {
  id: string
  title: string
  text: string
  state: 'waiting' | 'running' | 'done' | 'failed'
  detail?: string
  link?: string
}
export interface ApplyResult {
  object: Ref | Obj
  action: 'created' | 'updated' | 'unchanged'
}
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  place?: string
  hint?: string
  requestId?: string
  facts?: unknown
}

export interface Repository {
  repository: string
  service?: Ref
  commits: number
  merges: number
  authors: number
  firstAt?: Timestamp
  lastAt?: Timestamp
}
export interface Verification {
  ok: boolean
  events: number
  head?: string
  erased?: number
  checkpoints?: number
  firstBad?: number
  reason?: string
}
export interface ListQuery {
  [filter: string]: string | number | undefined
  q?: string
  limit?: number
  cursor?: string
  order?: string
  asOf?: string
}
export interface EventsQuery {
  object?: string
  action?: string
  actor?: string
  since?: string
  until?: string
  limit?: number
  cursor?: string
}
export interface LogsQuery {
  query?: string
  since?: string
  until?: string
  limit?: number
  cursor?: string
  order?: string
}
