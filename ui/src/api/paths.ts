/**
 * The paths that the pages call, in the form openapi-fetch reads. `test/paths.test.ts` compares this
 * list with the server's own `spec/openapi.json`, so that a renamed path is found before a person finds it.
 */
import type * as t from './types'

type Params<P, Q> = P extends undefined
  ? { path?: never; query?: Q; header?: never; cookie?: never }
  : { path: P; query?: Q; header?: never; cookie?: never }
type Reply<R> = { 200: { content: { 'application/json': R } } }
type Read<R, P = undefined, Q = Record<string, unknown>> = { parameters: Params<P, Q>; responses: Reply<R> }
type Write<R, B, P = undefined, Q = Record<string, unknown>> = {
  parameters: Params<P, Q>
  requestBody: { content: { 'application/json': B } }
  responses: Reply<R>
}
type Name = { name: string }
type PluralName = { plural: string; name: string }
type Nothing = Record<string, never>
type Any = t.Obj

export interface paths {
  '/api/v1/me': { get: Read<t.Me> }
  '/api/v1/home': { get: Read<t.HomeSummary> }
  '/api/v1/status': { get: Read<t.ServerStatus> }
  '/api/v1/kinds': { get: Read<{ items: t.KindInfo[] }> }
  '/api/v1/{plural}': { get: Read<t.Listing<Any>, { plural: string }, t.ListQuery> }
  '/api/v1/{plural}/{name}': {
    get: Read<Any, PluralName, { asOf?: string }>
    put: Write<Any, Any, PluralName>
    delete: Read<Nothing, PluralName>
  }
  '/api/v1/{plural}/{name}/history': { get: Read<{ items: t.HistoryItem[] }, PluralName> }
  '/api/v1/events': { get: Read<{ items: t.LedgerEvent[]; next?: string }, undefined, t.EventsQuery> }
  '/api/v1/audit/verify': { get: Read<t.Verification> }
  '/api/v1/trace/{plural}/{name}': { get: Read<{ complete: boolean; hops: t.TraceHop[] }, PluralName> }
  '/api/v1/tokens': {
    get: Read<{ items: t.TokenInfo[] }>
    post: Write<{ token: string; id: string }, { user: string; roles: string[]; description: string; expiresIn?: string }>
  }
  '/api/v1/tokens/{id}': { delete: Read<Nothing, { id: string }> }

  '/api/v1/andons': { post: Write<t.Andon, { scope: string; reason: string; case?: string }> }
  '/api/v1/andons/{name}/acknowledge': { post: Write<t.Andon, Nothing, Name> }
  '/api/v1/andons/{name}/release': { post: Write<t.Andon, { countermeasure: string }, Name> }
  '/api/v1/line': { get: Read<t.LineState, undefined, { scope?: string }> }
  '/api/v1/repositories': { get: Read<{ items: t.Repository[] }> }

  '/api/v1/flow/time-to-value': { get: Read<t.TimeToValue, undefined, { service?: string; group?: string; since?: string }> }
  '/api/v1/flow/services': { get: Read<{ items: t.ServiceFlow[] }, undefined, { since?: string }> }

  '/api/v1/logs': { get: Read<t.LogPage, undefined, t.LogsQuery> }
  '/api/v1/logs/{id}': { get: Read<t.LogRow> }
  '/api/v1/logs/histogram': { get: Read<t.LogHistogram, undefined, t.LogsQuery & { buckets?: number; by?: string }> }
  '/api/v1/logs/fields': { get: Read<t.LogFields, undefined, t.LogsQuery> }
  '/api/v1/sql': { post: Write<t.SqlResult, { sql: string; limit?: number; timeoutMs?: number }> }

  '/api/v1/alarms/{name}/evaluations': { get: Read<t.Evaluations, Name, { since?: string }> }
  '/api/v1/alerts/{name}/acknowledge': { post: Write<t.Alert, Nothing, Name> }
  '/api/v1/alerts/{name}/resolve': { post: Write<t.Alert, Nothing, Name> }
  '/api/v1/on-call': { get: Read<{ items: t.OnCallNow[] }> }
  '/api/v1/schedules/{name}/shifts': { get: Read<{ items: t.Shift[] }, Name, { from: string; until: string }> }
  '/api/v1/incidents': { post: Write<t.Incident, { title: string; severity: t.Severity; services: string[] }> }
  '/api/v1/incidents/{name}/notes': { post: Write<t.Incident, { text: string }, Name> }
  '/api/v1/incidents/{name}/state': { post: Write<t.Incident, { state: t.IncidentState; note?: string }, Name> }
  '/api/v1/incidents/{name}/commander': { post: Write<t.Incident, { user: string }, Name> }
  '/api/v1/incidents/{name}/context': { get: Read<t.IncidentContext, Name> }
  '/api/v1/incidents/{name}/coe': { post: Write<t.Coe, Nothing, Name> }

  '/api/v1/coes/{name}/state': { post: Write<t.Coe, { state: t.CoeState }, Name> }
  '/api/v1/actions': { post: Write<t.Action, t.ActionSpec> }
  '/api/v1/actions/{name}/verify': { post: Write<t.Action, Nothing, Name> }
  '/api/v1/review': { get: Read<t.ReviewPack, undefined, { week?: string; group?: string }> }
  '/api/v1/reviews': { post: Write<t.Review, { week: string; group: string }> }
  '/api/v1/reviews/{name}/spin': { post: Write<t.Review, Nothing, Name> }

  '/api/v1/reviews/{name}/verify': { get: Read<{ packOk: boolean; drawOk?: boolean | null }, Name> }

  '/api/v1/policies/{name}/trial': { post: Write<t.PolicyTrial, Nothing, Name, { since?: string }> }
  '/api/v1/demo': { get: Read<{ steps: t.DemoStep[]; next?: string }> }
  '/api/v1/demo/next': { post: Write<unknown, Nothing> }
  '/api/v1/demo/reset': { post: Write<unknown, Nothing> }
}
