/** Alarms over telemetry. */
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
export interface Evaluations {
  bucketUs: number
  startsUs: number[]
  counts: (number | null)[]
  threshold?: number
  states: { at: Timestamp; state: AlarmState; reason?: string }[]
}
