/** COEs, actions, reviews, policies. */
import type { Obj, Ref, Timestamp } from './core'
import type { TimelineEntry } from './response'
import type { Severity } from './signals'

export type CoeState = 'draft' | 'inReview' | 'published' | 'verified'
export interface Factor {
  whys: string[]
  category: string
  evidence?: string
}
export interface CoeSpec {
  title: string
  incident?: Ref
  andon?: Ref | null
  owner: string
  severity: Severity
  summary: string
  impactNote: string
  detection: string
  diagnosis: string
  mitigation: string
  factors: Factor[]
  lessons: string[]
  wentWell?: string[]
  wentBadly?: string[]
  lucky?: string[]
}
export interface Impact {
  startedAt?: Timestamp
  endedAt?: Timestamp
  durationMs?: number
  failingLines?: number
  timeToDetectMs?: number
  timeToAcknowledgeMs?: number
  timeToMitigateMs?: number
  cases?: string[]
  services?: Ref[]
}
export interface Graph {
  query: string
  bucketUs: number
  startsUs: number[]
  counts: number[]
  threshold?: number
}
export interface CoeStatus {
  state: CoeState
  timeline?: TimelineEntry[]
  impact?: Impact
  graph?: Graph
  change?: Ref
  related?: Ref[]
  openGates?: string[]
  publishedAt?: Timestamp
}
export type Coe = Obj<CoeSpec, CoeStatus>
export type Verifier =
  | { type: 'policyEnforced'; policy: string }
  | { type: 'policyRefused'; policy: string }
  | { type: 'alarmFired'; alarm: string }
  | { type: 'testPassed'; service: Ref; test: string }
export type ActionPurpose = 'prevent' | 'detect' | 'mitigate'
export interface ActionSpec {
  title: string
  coe: Ref
  purpose: ActionPurpose
  owner: string
  due: string
  verifier: Verifier
}
export interface ActionStatus {
  state: 'open' | 'verified'
  verdict?: string
  verifiedAt?: Timestamp
  closedAt?: Timestamp
  reopened?: number
}
export type Action = Obj<ActionSpec, ActionStatus>
export interface ReviewRow {
  group: string
  parent?: string
  depth: number
  changes: number
  rollbacks: number
  timeToValueP50Ms?: number
  timeToValueP90Ms?: number
  pages: number
  incidents: number
  andonPulls: number
  openCoes: number
  overdueActions: number
  refusals: number
}
export interface Adoption {
  mechanism: string
  group: string
  adopters: number
  population: number
}
export interface ReviewPack {
  from?: Timestamp
  until?: Timestamp
  rows: ReviewRow[]
  adoption: Adoption[]
  overdueActions: Ref[]
  coes: Ref[]
  incidents: Ref[]
}
export interface WheelDraw {
  seed: string
  previousSeed?: string
  weights: Record<string, number>
  team: string
  rule?: string
  drawnAt?: Timestamp
}
export interface ReviewStatus {
  frozenAt?: Timestamp
  packDigest?: string
  pack?: ReviewPack
  draw?: WheelDraw
}
export type Review = Obj<{ week: string; group: Ref }, ReviewStatus>

export interface PolicySpec {
  owner: string
  rego: string
  enforcement: 'trial' | 'enforced'
  scope?: string[]
  lesson?: Ref
  remedy?: string
}
export interface PolicyStatus {
  triedAt?: Timestamp
  triedCount?: number
  wouldRefuseCount?: number
  refusedCount?: number
  lastRefused?: string
}
export type Policy = Obj<PolicySpec, PolicyStatus>
export interface TrialRefusal {
  change: Ref
  service: Ref
  at?: Timestamp
  reasons: string[]
}
export interface PolicyTrial {
  tried: number
  refused: TrialRefusal[]
  failed: TrialRefusal[]
}
