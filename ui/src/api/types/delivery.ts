/** Changes, the andon, and how changes flow. */
import type { Obj, Ref, Timestamp } from './core'

export type Outcome = 'inProgress' | 'succeeded' | 'failed' | 'rolledBack'
export type ChangeType = 'deploy' | 'rollback' | 'configuration' | 'flag'
export type TestResult = 'passed' | 'failed' | 'missing'
export interface Stage {
  name: string
  startedAt: Timestamp
  finishedAt?: Timestamp
  actor?: string
  waitedMs?: number
  waitReason?: string
}
export interface ChangeSpec {
  service: Ref
  version: string
  environment: string
  changeType: ChangeType
  commit?: string
  repository?: string
  title?: string
  rollsBack?: Ref
  tests?: Record<string, TestResult>
}
export interface ChangeStatus {
  outcome: Outcome
  stages: Stage[]
  commitCount: number
  authors?: string[]
  firstCommitAt?: Timestamp
  deployedAt?: Timestamp
  timeToValueMs?: number
  rolledBackBy?: Ref
  check?: string
}
export type Change = Obj<ChangeSpec, ChangeStatus>

export type AndonState = 'pulled' | 'acknowledged' | 'released'
export interface Pull {
  by: string
  at: Timestamp
  reason?: string
  case?: string
}
export interface AndonSpec {
  scope: string
  reason: string
  cases?: string[]
  pulledBy: string
  alarm?: Ref
}
export interface AndonStatus {
  state: AndonState
  pulls?: Pull[]
  pulledAt?: Timestamp
  acknowledgedAt?: Timestamp
  acknowledgedBy?: string
  releasedAt?: Timestamp
  releasedBy?: string
  countermeasure?: string
  incident?: Ref
}
export type Andon = Obj<AndonSpec, AndonStatus>
export interface LineState {
  stopped: boolean
  andons: Andon[]
}

export interface FlowPoint {
  change: Ref
  service: Ref
  at: Timestamp
  timeToValueMs: number
  commitCount: number
}
export interface TimeToValue {
  count: number
  p50Ms?: number
  p90Ms?: number
  points: FlowPoint[]
  waits: { stage: string; p50Ms: number; totalMs: number; share: number }[]
}
export interface ServiceFlow {
  service: Ref
  owner?: Ref
  changes: number
  rollbacks: number
  p50Ms?: number
  p90Ms?: number
  batchP50?: number
  authors: number
  lastChangeAt?: Timestamp
}
