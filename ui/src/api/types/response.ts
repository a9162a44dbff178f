/** On call, alerts, incidents. */
import type { Obj, Ref, Timestamp } from './core'
import type { Change } from './delivery'
import type { Alarm, Severity } from './signals'
import type { LogRow } from './telemetry'

export type Channel = 'email' | 'webhook' | 'slack'
export interface ScheduleSpec {
  owner: string
  timeZone: string
  layers: { anchor: string; every?: string; count?: number; members: string[] }[]
  overrides?: { user: string; from: Timestamp; until: Timestamp }[]
}
export type Schedule = Obj<ScheduleSpec>
export interface Shift {
  user: string
  from: Timestamp
  until: Timestamp
}
export interface OnCallNow {
  schedule: Ref
  owner?: Ref
  user?: Ref
  until?: Timestamp
}
export type AlertState = 'triggered' | 'acknowledged' | 'resolved'
export interface PageSummary {
  id: string
  user: Ref
  channel: Channel
  dueAt: Timestamp
  state: 'pending' | 'accepted' | 'cancelled' | 'failed'
  acceptedAt?: Timestamp
  attempts: number
  failure?: string
}
export interface AlertSpec {
  title: string
  source: string
  dedupKey: string
  service?: Ref
  severity?: Severity
  labels?: Record<string, string>
  annotations?: Record<string, string>
  escalationPolicy?: Ref
}
export interface AlertStatus {
  state: AlertState
  eventCount: number
  startedAt?: Timestamp
  acknowledgedAt?: Timestamp
  acknowledgedBy?: string
  resolvedAt?: Timestamp
  step?: number
  round?: number
  /** Why nobody is being paged, where it wants an answer and nobody is. */
  stalled?: string | null
  nextDueAt?: Timestamp
  incident?: Ref
  pages?: PageSummary[]
}
export type Alert = Obj<AlertSpec, AlertStatus>
export type IncidentState = 'investigating' | 'identified' | 'mitigated' | 'resolved'
export interface TimelineEntry {
  at: Timestamp
  entryType: string
  actor: string
  text: string
  object?: Ref
  event?: string
}
export interface IncidentSpec {
  title: string
  severity: Severity
  services: Ref[]
  commander?: string
}
export interface IncidentStatus {
  state: IncidentState
  alerts?: Ref[]
  andons?: Ref[]
  startedAt?: Timestamp
  detectedAt?: Timestamp
  acknowledgedAt?: Timestamp
  mitigatedAt?: Timestamp
  resolvedAt?: Timestamp
  suspects?: { change: Ref; score: number; reasons: string[] }[]
  timeline?: TimelineEntry[]
  coe?: Ref
}
export type Incident = Obj<IncidentSpec, IncidentStatus>
export interface IncidentContext {
  alarm?: Alarm | Ref
  query?: string
  histogram?: { startsUs: number[]; counts: number[]; bucketUs: number; threshold?: number }
  failing: LogRow[]
  suspects: { change: Change; score: number; reasons: string[] }[]
  owner?: Ref
  dependants: Ref[]
  onCall: OnCallNow[]
  /** What could not be read, and why. */
  missing?: string[]
}
