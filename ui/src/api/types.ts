/** The wire types of Andon, mirroring crates/api/src/kinds. Times are RFC 3339 in UTC, references `kind:namespace/name`. */

export type Timestamp = string
export type Ref = string

export interface Metadata {
  name: string
  namespace: string
  title?: string
  description?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  tags?: string[]
  links?: { url: string; title?: string }[]
  uid?: string
  version?: number
  createdAt?: Timestamp
  updatedAt?: Timestamp
}

export interface Obj<Spec = Record<string, unknown>, Status = Record<string, unknown>> {
  apiVersion: string
  kind: string
  metadata: Metadata
  spec: Spec
  status?: Status
}

export interface Listing<T> {
  items: T[]
  next?: string
  total: number
}

// Catalog
export interface ComponentSpec {
  type: string
  lifecycle: string
  owner: string
  system?: string
  dependsOn?: string[]
  dependencyOf?: string[]
  providesApis?: string[]
  consumesApis?: string[]
}
export type Component = Obj<ComponentSpec>
export interface GroupSpec {
  type: string
  parent?: string
  children?: string[]
  members?: string[]
  profile?: { displayName?: string; email?: string }
}
export type Group = Obj<GroupSpec>

// Delivery
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

// Flow
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
  waits: { stage: string; p50Ms: number; share: number }[]
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

// Signals
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

// Response
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

// Telemetry
export interface LogRow {
  id: string
  timestamp: Timestamp
  receivedAt?: Timestamp
  severity?: string
  severityNumber?: number
  service?: string
  message: string
  traceId?: string
  spanId?: string
  scope?: string
  attributes?: Record<string, unknown>
  resource?: Record<string, unknown>
}
export interface LogPage {
  rows: LogRow[]
  next?: string
  scannedRows?: number
  elapsedUs?: number
  complete?: boolean
  missing?: string[]
}
export interface LogHistogram {
  bucketUs: number
  startsUs: number[]
  series: { name: string; counts: number[] }[]
  total: number
}
export interface LogField {
  name: string
  type: string
  count: number
  top: { value: unknown; count: number }[]
}
export interface SqlResult {
  columns: { name: string; type: string }[]
  rows: unknown[][]
  truncated?: boolean
  elapsedUs?: number
}

// Learning
export type CoeState = 'draft' | 'inReview' | 'published' | 'verified'
export interface Factor {
  whys: string[]
  category: string
  evidence?: string
}
export interface CoeSpec {
  title: string
  incident?: Ref
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

// Governance
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

// Platform
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
  onCall: OnCallNow[]
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
