/** Alarms over telemetry, and searches that are kept. */
import type { Obj, Ref, Timestamp } from './core'

export type Severity = 'sev1' | 'sev2' | 'sev3' | 'sev4' | 'sev5'
export type AlarmState = 'unknown' | 'ok' | 'firing'
export interface AlarmSpec {
  service: Ref
  query: string
  window: string
  comparison?: 'above' | 'below'
  threshold: number
  breachingWindows?: number
  clearWindows?: number
  severity?: Severity
  pullsAndon?: boolean
  escalationPolicy?: string
  runbook?: string
  customerSymptom?: string
}
export interface AlarmStatus {
  state: AlarmState
  since?: Timestamp
  reason?: string
  value?: number
  lastFiredAt?: Timestamp
  firedCount?: number
}
export type Alarm = Obj<AlarmSpec, AlarmStatus>
/** A search of logs under a name. */
export interface SavedSearchSpec {
  title: string
  query: string
  since?: string
  until?: string
  columns?: string[]
  order?: 'newest' | 'oldest'
  description?: string
}
export type SavedSearch = Obj<SavedSearchSpec>
export interface Evaluations {
  bucketUs: number
  startsUs: number[]
  counts: (number | null)[]
  threshold?: number
  states: { at: Timestamp; state: AlarmState; reason?: string }[]
}
