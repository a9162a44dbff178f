// The mock's answers, by the contract. Each route: method, pattern, handler(context) -> body.
import { KINDS } from './kinds.mjs'
import { cutRow, fields, histogram, matcher, rowOf, search } from './logs.mjs'
import { bigFields, bigHistogram, bigPage, bigRow, bigSet } from './big.mjs'
import { DAY, HOUR, MINUTE, NOW, PEOPLE, SERVICES, TODAY, iso, makeChange, own, put, ref, table } from './world.mjs'
import { reviewPack, wheel } from './review.mjs'
import { demo, demoNext, demoReset } from './demo.mjs'

export const problem = (status, code, title, detail, more = {}) => ({ problem: { type: `/help/errors/${code}`, title, status, code, detail, requestId: 'req-7f3a', ...more } })
const notFound = (what) => problem(404, 'OBJ-0001', 'No such object', `No object of this kind has the name \`${what}\`.`, { hint: '`andon get <kind>` lists them.' })
const span = { s: 1_000, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY }
export function bound(text, fallback) {
  if (!text) return fallback
  const found = /^(\d+)([smhdw])$/.exec(text)
  return found ? Date.now() - Number(found[1]) * span[found[2]] : Date.parse(text)
}
const at = (o, pointer) => pointer.split('/').slice(1).reduce((v, k) => v?.[k], o)
const kindOf = (plural) => {
  const kind = KINDS.find((k) => k.plural === plural)
  if (!kind) throw problem(404, 'OBJ-0007', 'No such kind', `There is no kind \`${plural}\`.`, { hint: '`andon kinds` lists the kinds of this server.' })
  return kind
}
const get = (kind, name) => {
  const found = table(kind.toLowerCase()).get(name.replace(/^default\//, ''))
  if (!found) throw notFound(name)
  return found
}
const all = (kind) => [...table(kind).values()]
const createdOf = (o) => Date.parse(o.metadata.createdAt)

export const world = { events: [], sequence: 0, listeners: new Set(), empty: false, reader: false, tokens: [{ id: 'tok-1', user: 'user:default/maya', roles: ['engineer'], description: 'laptop', createdAt: iso(NOW - 40 * DAY), lastUsedAt: iso(NOW - HOUR) }] }

export function event(action, object, actor = 'user:default/maya', payload, when = Date.now()) {
  world.sequence += 1
  const e = { sequence: world.sequence, id: `evt-${world.sequence}`, at: iso(when), actor: { principal: actor, origin: '127.0.0.1' }, action, object, version: 1, rules: action.endsWith('.refused') ? [] : [actor.startsWith('system') ? 'policy:builtin/system' : 'policy:builtin/engineer-may-write'], payload, hash: 'c0ffee' }
  world.events.push(e)
  for (const listener of world.listeners) listener(e)
  return e
}

function touch(o, status, action, actor) {
  const before = { ...(o.status ?? {}) }
  o.status = { ...before, ...status }
  o.metadata.version += 1
  o.metadata.updatedAt = iso(Date.now())
  event(action, ref(o), actor, { difference: Object.fromEntries(Object.keys(status).map((k) => [`/status/${k}`, { from: before[k] ?? null, to: status[k] }])) })
  return o
}

function listing({ params, query }) {
  const kind = kindOf(params.plural)
  let items = all(kind.kind.toLowerCase())
  for (const index of kind.indexed) {
    const wanted = query.get(index.name)
    if (wanted) items = items.filter((o) => String(at(o, index.pointer) ?? '').toLowerCase() === wanted.toLowerCase())
  }
  const words = (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length) items = items.filter((o) => { const text = JSON.stringify([o.metadata.name, o.metadata.description, o.spec.title, o.spec.service, o.spec.version, o.spec.reason]).toLowerCase(); return words.every((w) => text.includes(w)) })
  const order = query.get('order') ?? '-created'
  items.sort((a, b) => (order === 'name' ? a.metadata.name.localeCompare(b.metadata.name) : order === 'created' ? createdOf(a) - createdOf(b) : createdOf(b) - createdOf(a) || b.metadata.name.localeCompare(a.metadata.name, 'en', { numeric: true })))
  const from = Number(query.get('cursor') ?? 0)
  const limit = Math.min(1_000, Number(query.get('limit') ?? 100))
  return { items: items.slice(from, from + limit), total: items.length, ...(from + limit < items.length ? { next: String(from + limit) } : {}) }
}

const quantile = (list, q) => { const s = [...list].sort((a, b) => a - b); return s[Math.max(0, Math.ceil(q * s.length) - 1)] }

function timeToValue({ query }) {
  const since = bound(query.get('since') ?? '30d')
  const service = query.get('service')
  const found = all('change').filter((c) => c.status.timeToValueMs && Date.parse(c.status.deployedAt) >= since && (!service || c.spec.service === service || c.spec.service.endsWith(`/${service}`)))
  const times = found.map((c) => c.status.timeToValueMs)
  const waits = ['review', 'deploy'].map((stage) => { const list = found.flatMap((c) => c.status.stages.filter((s) => s.name === stage).map((s) => s.waitedMs)); return { stage, p50Ms: quantile(list, 0.5) ?? 0, totalMs: list.reduce((a, b) => a + b, 0), share: list.reduce((a, b) => a + b, 0) / (times.reduce((a, b) => a + b, 0) || 1) } })
  return { count: times.length, p50Ms: quantile(times, 0.5), p90Ms: quantile(times, 0.9), points: found.slice(-600).map((c) => ({ change: ref(c), service: c.spec.service, at: c.status.deployedAt, timeToValueMs: c.status.timeToValueMs, commitCount: c.status.commitCount })), waits: times.length ? waits : [] }
}

function flowServices({ query }) {
  const since = bound(query.get('since') ?? '30d')
  if (world.empty) return { items: [] }
  return { items: Object.keys(SERVICES).map((name) => {
    const found = all('change').filter((c) => c.spec.service.endsWith(`/${name}`) && createdOf(c) >= since)
    const times = found.map((c) => c.status.timeToValueMs).filter(Boolean)
    return { service: `component:default/${name}`, owner: `group:default/${SERVICES[name].owner}`, changes: found.length, rollbacks: found.filter((c) => c.status.outcome === 'rolledBack').length, p50Ms: quantile(times, 0.5), p90Ms: quantile(times, 0.9), batchP50: quantile(found.map((c) => c.status.commitCount), 0.5), authors: new Set(found.flatMap((c) => c.status.authors)).size, lastChangeAt: found.map((c) => c.metadata.createdAt).sort().at(-1) }
  }) }
}

const openAndons = () => all('andon').filter((a) => a.status.state !== 'released')
const rota = (schedule) => schedule.spec.layers[0].members
const turn = (schedule, when) => rota(schedule)[Math.floor(when / (7 * DAY)) % rota(schedule).length]
const weekEnd = (when) => (Math.floor(when / (7 * DAY)) + 1) * 7 * DAY
const onCall = () => all('schedule').map((s) => ({ schedule: ref(s), owner: s.spec.owner, user: turn(s, Date.now()), until: iso(weekEnd(Date.now())) }))

function home() {
  if (world.empty) return { wrong: [], changed: [], waiting: [], timeToValue: { count: 0 } }
  const wrong = [
    ...openAndons().map((a) => ({ state: 'stopped', title: `The line is stopped: ${a.spec.scope.split('/').at(-1)} — ${a.spec.reason}`, object: ref(a), since: a.status.pulledAt })),
    ...all('incident').filter((i) => i.status.state !== 'resolved').map((i) => ({ state: i.status.state === 'mitigated' ? 'warning' : 'stopped', title: i.spec.title, object: ref(i), since: i.status.startedAt })),
    ...all('alert').filter((i) => i.status.state === 'triggered').map((i) => ({ state: 'warning', title: i.spec.title, object: ref(i), since: i.status.startedAt })),
    ...all('alarm').filter((i) => i.status.state === 'unknown').map((i) => ({ state: 'unknown', title: `Alarm ${i.metadata.name}: ${i.status.reason}`, object: ref(i), since: i.status.since })),
  ]
  const flow = timeToValue({ query: new URLSearchParams() })
  return { wrong, changed: listing({ params: { plural: 'changes' }, query: new URLSearchParams('limit=10') }).items, waiting: [
    { title: 'coe-8 is a draft: Customers are charged twice', object: 'coe:default/coe-8', dueAt: iso(NOW + 2 * DAY), kind: 'coe' },
    { title: 'act-22 is overdue: Another team is held back by the policy at least once', object: 'action:default/act-22', dueAt: iso(NOW - 6 * DAY), kind: 'action' },
    { title: 'and-42 waits for an answer', object: 'andon:default/and-42', dueAt: iso(NOW + MINUTE), kind: 'andon' },
  ], timeToValue: { p50Ms: flow.p50Ms, count: flow.count } }
}

function context({ params }) {
  const incident = get('incident', params.name)
  const since = Date.parse(incident.status.startedAt ?? incident.metadata.createdAt) - 20 * MINUTE
  const service = incident.spec.services[0]?.split('/').at(-1)
  const query = `service:${service} AND level:>=error`
  const h = histogram(query, since, Math.min(Date.now(), since + 90 * MINUTE), 70)
  return { alarm: table('alarm').get(`${service}-errors`), query, histogram: { startsUs: h.startsUs, counts: h.startsUs.map((_, i) => h.series.reduce((n, s) => n + s.counts[i], 0)), bucketUs: h.bucketUs, threshold: 5 }, failing: search(query, since, Date.now(), 20).rows, suspects: (incident.status.suspects ?? []).map((s) => ({ ...s, change: table('change').get(s.change.split('/').at(-1)) })).filter((s) => s.change), owner: `group:default/${SERVICES[service]?.owner}`, dependants: Object.keys(SERVICES).filter((n) => SERVICES[n].dependsOn.includes(service)).map((n) => `component:default/${n}`), onCall: onCall().filter((o) => o.owner === `group:default/${SERVICES[service]?.owner}`) }
}

function evaluations({ params, query }) {
  const alarm = get('alarm', params.name)
  const since = bound(query.get('since') ?? '6h')
  const h = histogram(alarm.spec.query, since, Date.now(), Math.min(360, Math.ceil((Date.now() - since) / MINUTE)))
  const firing = alarm.status.state === 'firing'
  return { bucketUs: h.bucketUs, startsUs: h.startsUs, counts: h.startsUs.map((_, i) => h.series.reduce((n, s) => n + s.counts[i], 0)), threshold: alarm.spec.threshold, states: [{ at: iso(NOW - 3 * DAY), state: 'ok', reason: '0 lines in the window' }, ...(firing ? [{ at: iso(NOW - 44 * MINUTE), state: 'firing', reason: alarm.status.reason }] : []), ...(alarm.status.state === 'unknown' ? [{ at: iso(NOW - 12 * MINUTE), state: 'unknown', reason: alarm.status.reason }] : [])] }
}

function shifts({ params, query }) {
  const schedule = get('schedule', params.name)
  const items = []
  for (let t = Date.parse(query.get('from')); t < Date.parse(query.get('until')); ) {
    const end = Math.min(weekEnd(t), Date.parse(query.get('until')))
    items.push({ user: turn(schedule, t), from: iso(t), until: iso(end) })
    t = end
  }
  return { items }
}

function trace({ params }) {
  const base = [
    { name: 'change', object: `change:default/${TODAY.bad}`, title: 'payments 2: Charge through the new acquirer', at: iso(NOW - 52 * MINUTE) },
    { name: 'alarm', object: 'alarm:default/payments-errors', title: 'payments-errors fired', at: iso(NOW - 44 * MINUTE) },
    { name: 'alert', object: 'alert:default/alt-88', title: 'payments-errors: more than 5 errors a minute', at: iso(NOW - 44 * MINUTE) },
    { name: 'andon', object: 'andon:default/and-41', title: 'Pulled by system:alarms, and by clara', at: iso(NOW - 44 * MINUTE) },
    { name: 'incident', object: 'incident:default/inc-12', title: 'Customers are charged twice', at: iso(NOW - 44 * MINUTE) },
  ]
  const rest = params.name === 'inc-12' ? [
    { name: 'coe', title: 'COE', missing: 'The incident is not resolved, so no COE was drafted yet.' }, { name: 'action', title: 'Corrective action', missing: 'There is no COE to hold one.' },
    { name: 'policy', title: 'Policy', missing: 'No action of the COE is a policy.' }, { name: 'refusal elsewhere', title: 'A refusal in another team', missing: 'No policy cites the COE.' }, { name: 'review', title: 'Weekly review', missing: 'The week is not frozen.' },
  ] : [
    { name: 'coe', object: 'coe:default/coe-7', title: 'Orders without a shipping label', at: iso(NOW - 22 * DAY) }, { name: 'action', object: 'action:default/act-21', title: 'A policy refuses deploys without a passed idempotency test', at: iso(NOW - 20 * DAY) },
    { name: 'policy', object: 'policy:default/idempotency-tested', title: 'idempotency-tested is enforced', at: iso(NOW - 6 * DAY) }, { name: 'refusal elsewhere', object: 'component:default/checkout', title: 'checkout of shopfront was refused', at: iso(NOW - 4 * DAY) }, { name: 'review', object: 'review:default/2026-11-09-acme', title: 'Week of 9 November, acme', at: iso(NOW - 2 * DAY) },
  ]
  return { complete: rest.every((h) => !h.missing), hops: [...base, ...rest] }
}

function sql({ body }) {
  const text = body.sql.trim()
  if (!/^(select|with|show|describe|explain)/i.test(text)) throw problem(400, 'LOG-0003', 'The SQL is refused', 'Only one reading statement is allowed; this one starts with another word.', { place: 'sql:1:1', hint: 'Start with SELECT or WITH.' })
  if (/frm /i.test(text)) throw problem(400, 'LOG-0003', 'The SQL is refused', 'Expected: end of statement, found: frm', { place: `sql:1:${text.indexOf('frm') + 1}` })
  if (/from changes/i.test(text)) return { columns: [{ name: 'name', type: 'text' }, { name: 'service', type: 'text' }, { name: 'version', type: 'text' }, { name: 'outcome', type: 'text' }, { name: 'created_at', type: 'timestamp' }], rows: listing({ params: { plural: 'changes' }, query: new URLSearchParams('limit=1000') }).items.map((c) => [c.metadata.name, c.spec.service, c.spec.version, c.status.outcome, c.metadata.createdAt]), truncated: true, elapsedUs: 18_422 }
  const { rows } = search('*', Date.now() - HOUR, Date.now(), 500)
  return { columns: [{ name: 'timestamp', type: 'timestamp' }, { name: 'service', type: 'text' }, { name: 'severity_number', type: 'integer' }, { name: 'message', type: 'text' }], rows: rows.map((r) => [r.timestamp, r.service, r.severityNumber, r.message]), truncated: false, elapsedUs: 42_017 }
}

function pull({ body }) {
  if (!body.scope) throw problem(422, 'DEL-0003', 'The andon cannot be pulled so', 'The scope is empty.', { place: 'scope', hint: 'Name a service, or * for the whole line.' })
  const scope = body.scope === '*' || body.scope.includes(':') ? body.scope : `component:default/${body.scope}`
  const open = openAndons().find((a) => a.spec.scope === scope)
  const one = { by: 'user:default/maya', at: iso(Date.now()), reason: body.reason, case: body.case }
  if (open) return touch(open, { pulls: [...(open.status.pulls ?? []), one] }, 'andon.pulled')
  const made = put(own('Andon', `and-${table('andon').size + 40}`, { scope, reason: body.reason, cases: body.case ? [body.case] : [], pulledBy: 'user:default/maya' }, { state: 'pulled', pulledAt: iso(Date.now()) }, Date.now()))
  event('andon.pulled', ref(made))
  return made
}

function release({ params, body }) {
  const andon = get('andon', params.name)
  if (!body.countermeasure?.trim()) throw problem(409, 'DEL-0004', 'The andon is not in a state for that', 'A release needs a countermeasure.', { place: 'countermeasure' })
  return touch(andon, { state: 'released', releasedAt: iso(Date.now()), releasedBy: 'user:default/maya', countermeasure: body.countermeasure }, 'andon.released')
}

function stateOfIncident({ params, body }) {
  const incident = get('incident', params.name)
  const stamps = { mitigated: 'mitigatedAt', resolved: 'resolvedAt' }
  const line = { at: iso(Date.now()), entryType: 'state', actor: 'user:default/maya', text: `${incident.status.state} → ${body.state}${body.note ? `: ${body.note}` : ''}` }
  return touch(incident, { state: body.state, timeline: [...incident.status.timeline, line], ...(stamps[body.state] ? { [stamps[body.state]]: iso(Date.now()) } : {}) }, 'incident.state-set')
}

function note({ params, body }) {
  const incident = get('incident', params.name)
  return touch(incident, { timeline: [...incident.status.timeline, { at: iso(Date.now()), entryType: 'note', actor: 'user:default/maya', text: body.text }] }, 'incident.noted')
}

function replace({ params, body }) {
  const kind = kindOf(params.plural)
  const old = get(kind.kind, params.name)
  if (body.metadata.version && body.metadata.version !== old.metadata.version) throw problem(409, 'OBJ-0005', 'The object has changed since you read it', `It is at version ${old.metadata.version}, you sent ${body.metadata.version}.`, { hint: 'Read it again, repeat your change on it, and send it with the new version.' })
  Object.assign(old.spec, body.spec)
  if (params.plural === 'coes') old.status.openGates = [!body.spec.summary && 'The summary is empty.', !body.spec.lessons?.length && 'There is no lesson.', !body.spec.factors?.some((f) => f.whys.length >= 5) && 'There is no factor with at least five whys.'].filter(Boolean)
  return touch(old, {}, `${kind.kind.toLowerCase()}.updated`)
}

/** A search is kept only if it could be run; the version, where sent, must be the stored one. */
function storeSearch({ params, body }) {
  const stored = table('savedsearch')
  const old = stored.get(params.name)
  if (old && body.metadata.version && body.metadata.version !== old.metadata.version) throw problem(409, 'OBJ-0005', 'The object has changed since you read it', `It is at version ${old.metadata.version}, you sent ${body.metadata.version}.`, { hint: 'Read it again, repeat your change on it, and send it with the new version.' })
  try {
    matcher(body.spec.query)
  } catch (error) {
    if (!error.problem) throw error
    const [, at] = /^query:(.*)$/.exec(error.problem.place)
    throw problem(422, 'SIG-0002', 'The saved search cannot be run', error.problem.detail, { place: `spec.query[${at}]`, hint: error.problem.hint })
  }
  if (!old) {
    const made = put(own('SavedSearch', params.name, body.spec, undefined, Date.now()))
    event('savedsearch.applied', ref(made))
    return made
  }
  old.spec = body.spec
  return touch(old, {}, 'savedsearch.applied')
}

function coeState({ params, body }) {
  const coe = get('COE', params.name)
  const missing = coe.status.openGates ?? []
  if (body.state !== 'draft' && missing.length) throw problem(409, 'LRN-0001', 'A gate of the COE is not met', `${missing.length} gates are open.`, { facts: { missing } })
  return touch(coe, { state: body.state }, 'coe.state-set')
}

function verify({ params }) {
  const action = get('Action', params.name)
  if (action.spec.verifier.type !== 'policyEnforced') throw problem(409, 'LRN-0002', 'The verifier does not pass', action.status.verdict ?? 'alarm shipping-errors has not fired yet', { hint: 'An action is closed by its verifier alone.' })
  return touch(action, { state: 'verified', verifiedAt: iso(Date.now()), closedAt: iso(Date.now()) }, 'action.verified')
}

function trial({ params, query }) {
  const policy = get('Policy', params.name)
  const since = bound(query.get('since') ?? '90d')
  const tried = all('change').filter((c) => createdOf(c) >= since && c.spec.changeType === 'deploy')
  const bad = tried.filter((c) => c.spec.tests?.idempotency !== 'passed').reverse()
  touch(policy, { triedAt: iso(Date.now()), triedCount: tried.length, wouldRefuseCount: bad.length }, 'policy.tried')
  return { tried: tried.length, refused: bad.slice(0, 300).map((c) => ({ change: ref(c), service: c.spec.service, at: c.metadata.createdAt, reasons: [`idempotency test of ${c.spec.service} is ${c.spec.tests?.idempotency ?? 'missing'}`] })), failed: [] }
}

function events({ query }) {
  const from = Number(query.get('cursor') ?? 0)
  const since = bound(query.get('since'), 0)
  const has = (name, text) => { const wanted = query.get(name); return !wanted || String(text ?? '').includes(wanted) }
  const found = world.events.filter((e) => Date.parse(e.at) >= since && has('object', e.object) && has('actor', e.actor.principal) && (!query.get('action') || e.action.startsWith(query.get('action')) || e.action.endsWith(query.get('action')))).reverse()
  const limit = Number(query.get('limit') ?? 100)
  return { items: found.slice(from, from + limit), ...(found.length > from + limit ? { next: String(from + limit) } : {}) }
}

function history({ params }) {
  const o = get(kindOf(params.plural).kind, params.name)
  const mine = world.events.filter((e) => e.object === ref(o)).map((e, i) => ({ version: i + 2, at: e.at, event: e.id, actor: e.actor, action: e.action, difference: e.payload?.difference }))
  return { items: [{ version: 1, at: o.metadata.createdAt, event: 'evt-0', actor: { principal: 'token:deploy', origin: '10.0.0.4' }, action: `${o.kind.toLowerCase()}.created`, difference: Object.fromEntries(Object.entries(o.spec).map(([k, v]) => [`/spec/${k}`, { from: null, to: v }])) }, ...mine] }
}

function applyYaml({ text, query }) {
  const bad = text.split('\n').findIndex((line) => line.includes('\t'))
  if (bad >= 0) throw problem(400, 'OBJ-0009', 'The YAML cannot be read', 'Tabs are not allowed for indentation.', { place: `stdin:${bad + 1}:${text.split('\n')[bad].indexOf('\t') + 1}`, hint: 'Use blanks.' })
  const names = [...text.matchAll(/kind:\s*(\S+)[\s\S]*?name:\s*(\S+)/g)]
  if (!names.length) throw problem(422, 'OBJ-0002', 'The object does not fit its kind', 'The document has no `kind`.', { place: 'stdin:1:1', hint: 'Run `andon kinds` for the kinds.' })
  return { results: names.map(([, kind, name]) => ({ object: `${kind.toLowerCase()}:default/${name}`, action: table(kind.toLowerCase()).has(name) ? 'updated' : 'created' })), dryRun: query.get('dryRun') === 'true' }
}

function logRange(query) {
  return [bound(query.get('since') ?? '1h'), bound(query.get('until'), Date.now())]
}

const micros = (text, fallback) => {
  const fraction = /\.(\d+)/.exec(text ?? '')?.[1] ?? ''
  return /^\d{4}-/.test(text ?? '') ? Math.floor(Date.parse(text) / 1_000) * 1e6 + Number(fraction.slice(0, 6).padEnd(6, '0')) : fallback * 1_000
}

/** The large sets lie in the day before the mock began, so that every page finds the same lines. */
const FRAME = [NOW - DAY, NOW]

function logs(call) {
  const found = foundLogs(call)
  const clip = Number(call.query.get('clip') ?? Infinity)
  return { ...found, rows: found.rows.map((row) => cutRow(row, clip)) }
}

function logLine({ params }) {
  const row = bigRow(params.id, FRAME) ?? rowOf(params.id)
  if (!row) throw problem(404, 'LOG-0010', 'No such log line', `There is no log line with the id \`${params.id}\`.`, { hint: 'It may have been deleted by the retention; search for its words, or look into the archive.' })
  return row
}

function foundLogs({ query }) {
  const empty = { rows: [], scannedRows: 0, elapsedUs: 300, complete: true, missing: [] }
  if (world.empty) return empty
  matcher(query.get('query'))
  const [since, until] = logRange(query)
  const limit = Number(query.get('limit') ?? 100)
  const order = query.get('order') ?? 'newest'
  const cursor = query.get('cursor')
  const big = bigSet(query.get('query'))
  if (big) return bigPage(big, FRAME, micros(query.get('since'), since), micros(query.get('until'), until), { order, limit, cursor })
  const [from, to] = [order === 'oldest' && cursor ? Number(cursor) + 1 : since, order === 'newest' && cursor ? Number(cursor) : until]
  const { rows, scanned } = search(query.get('query'), from, to, limit, order === 'newest')
  const last = rows.at(-1)
  const notes = notesOf(query.get('query') ?? '', since)
  const partial = /shard:lost/.test(query.get('query') ?? '')
  return { rows, notes, scannedRows: scanned, elapsedUs: 8_300, complete: !partial, missing: partial ? ['segment 000041 is damaged: 12,004 lines between 10:02 and 10:09'] : [], ...(last && rows.length >= limit ? { next: String(Date.parse(last.timestamp)) } : {}) }
}

/** Boosts mean nothing here, and what is older than a month lies in the archive. */
function notesOf(text, since) {
  const boost = /\^\d+/.exec(text)
  return [
    ...(boost ? [{ code: 'log-query-boost-ignored', message: 'the boost (^) is ignored: lines are not scored', line: 1, column: boost.index + 1 }] : []),
    ...(since < NOW - 20 * DAY ? [{ code: 'log-note', message: `1,204,331 lines between ${iso(NOW - 30 * DAY)} and ${iso(NOW - 20 * DAY)} are in the archive: \`andon telemetry restore --since ${iso(NOW - 30 * DAY)} --until ${iso(NOW - 20 * DAY)}\` brings them back` }] : []),
  ]
}

function logExport({ query }) {
  const { rows } = search(query.get('query'), ...logRange(query), 1_000)
  return { file: `logs.${query.get('format')}`, body: rows.map((row) => JSON.stringify(row)).join('\n') }
}

function logBars({ query }) {
  if (world.empty) return { bucketUs: 60e6, startsUs: [], series: [], total: 0 }
  const buckets = Number(query.get('buckets') ?? 60)
  const big = bigSet(query.get('query'))
  return big ? bigHistogram(big, FRAME, ...logRange(query), buckets) : { ...histogram(query.get('query'), ...logRange(query), buckets), elapsedUs: 12_000, complete: true, missing: [] }
}

function logFields({ query }) {
  if (world.empty) return { items: [], sampledRows: 0, complete: true }
  const big = bigSet(query.get('query'))
  return big ? bigFields(big, FRAME) : fields(query.get('query'), ...logRange(query))
}

const status = () => ({ version: '0.1.0', uptimeSeconds: 93_412, store: { engine: 'sqlite' }, mail: true, telemetry: { rows: 1_840_221, memory_rows: 12_004, memory_bytes: 2_900_000, segments: 41, segment_bytes: 88_123_004, log_bytes: 1_200_000, disk_cap_bytes: 21_474_836_480, retention_s: 2_592_000, dropped_by_cap_rows: 0, refused_rows: 12 }, listeners: [{ name: 'http', address: '127.0.0.1:4600', state: 'open' }, { name: 'otlp-grpc', address: '127.0.0.1:4317', state: 'failed', detail: 'address already in use' }, { name: 'otlp-http', address: '127.0.0.1:4318', state: 'listening' }], controllers: [{ name: 'alarms', lastRunAt: iso(Date.now() - 2_000), runs: 18_210 }, { name: 'escalation', lastRunAt: iso(Date.now() - 1_000), runs: 93_001 }, { name: 'outbox', lastRunAt: iso(Date.now() - 900), lastError: 'smtp: connection refused', runs: 92_811 }], outbox: { pending: 2, oldestDueSeconds: 14 }, overduePages: 0 })

const ROUTES = [
  ['GET', '/api/v1/me', () => ({ user: 'user:default/maya', principal: 'user:default/maya', roles: world.reader ? ['reader'] : ['administrator'], groups: ['group:default/payments'], permissions: world.reader ? ['object.read', 'telemetry.read'] : ['*'], demo: true, instance: { version: '0.1.0' } })],
  ['GET', '/api/v1/home', home], ['GET', '/api/v1/status', status], ['GET', '/api/v1/kinds', () => ({ items: KINDS })],
  ['GET', '/api/v1/line', () => ({ stopped: openAndons().length > 0, andons: openAndons() })],
  ['GET', '/api/v1/repositories', () => ({ items: [] })],
  ['GET', '/api/v1/flow/time-to-value', timeToValue], ['GET', '/api/v1/flow/services', flowServices],
  ['GET', '/api/v1/events', events], ['GET', '/api/v1/audit/verify', () => ({ ok: true, events: world.sequence, head: '9f31c2aa70', erased: 0 })],
  ['GET', '/api/v1/on-call', () => ({ items: onCall() })], ['GET', '/api/v1/schedules/:name/shifts', shifts],
  ['GET', '/api/v1/logs', logs],
  ['GET', '/api/v1/logs/export', logExport], ['GET', '/api/v1/logs/histogram', logBars], ['GET', '/api/v1/logs/fields', logFields],
  ['GET', '/api/v1/logs/:id', logLine],
  ['POST', '/api/v1/sql', sql],
  ['GET', '/api/v1/alarms/:name/evaluations', evaluations],
  ['POST', '/api/v1/andons', pull],
  ['POST', '/api/v1/andons/:name/acknowledge', ({ params }) => touch(get('andon', params.name), { state: 'acknowledged', acknowledgedAt: iso(Date.now()), acknowledgedBy: 'user:default/maya' }, 'andon.acknowledged')],
  ['POST', '/api/v1/andons/:name/release', release],
  ['POST', '/api/v1/alerts/:name/acknowledge', ({ params }) => touch(get('alert', params.name), { state: 'acknowledged', acknowledgedAt: iso(Date.now()), acknowledgedBy: 'user:default/maya' }, 'alert.acknowledged')],
  ['POST', '/api/v1/alerts/:name/resolve', ({ params }) => touch(get('alert', params.name), { state: 'resolved', resolvedAt: iso(Date.now()) }, 'alert.resolved')],
  ['POST', '/api/v1/incidents', ({ body }) => { const made = put(own('Incident', `inc-${table('incident').size + 10}`, body, { state: 'investigating', alerts: [], andons: [], startedAt: iso(Date.now()), detectedAt: iso(Date.now()), suspects: [], timeline: [] }, Date.now())); event('incident.opened', ref(made)); return made }],
  ['POST', '/api/v1/incidents/:name/notes', note], ['POST', '/api/v1/incidents/:name/state', stateOfIncident],
  ['POST', '/api/v1/incidents/:name/commander', ({ params, body }) => { const i = get('incident', params.name); i.spec.commander = body.user; return touch(i, {}, 'incident.commander-set') }],
  ['GET', '/api/v1/incidents/:name/context', context],
  ['POST', '/api/v1/incidents/:name/coe', () => get('coe', 'coe-8')],
  ['POST', '/api/v1/coes/:name/state', coeState],
  ['POST', '/api/v1/actions', ({ body }) => { const made = put(own('Action', `act-${table('action').size + 21}`, body, { state: 'open', reopened: 0 }, Date.now())); event('action.created', ref(made)); return made }],
  ['POST', '/api/v1/actions/:name/verify', verify],
  ['GET', '/api/v1/review', ({ query }) => reviewPack(query, world.empty)],
  ['POST', '/api/v1/reviews', ({ body }) => { const group = body.group.split('/').at(-1); const made = put(own('Review', `${body.week}-${group}`, { week: body.week, group: `group:default/${group}` }, { frozenAt: iso(Date.now()), packDigest: '7be1'.repeat(16), pack: reviewPack(new URLSearchParams({ week: body.week, group }), false) }, Date.now())); event('review.frozen', ref(made)); return made }],
  ['POST', '/api/v1/reviews/:name/spin', ({ params }) => touch(get('review', params.name), { draw: wheel(params.name) }, 'review.drawn')],
  ['GET', '/api/v1/reviews/:name/verify', () => ({ packOk: true, drawOk: true })],
  ['POST', '/api/v1/policies/:name/trial', trial],
  ['GET', '/api/v1/trace/:plural/:name', trace],
  ['GET', '/api/v1/demo', demo], ['POST', '/api/v1/demo/next', demoNext], ['POST', '/api/v1/demo/reset', demoReset],
  ['GET', '/api/v1/tokens', () => ({ items: world.tokens })],
  ['POST', '/api/v1/tokens', ({ body }) => { const id = `tok-${world.tokens.length + 1}`; world.tokens.push({ id, ...body, createdAt: iso(Date.now()) }); return { id, token: 'andon_4fJq9XlR2c7mVtB0sKz8' } }],
  ['DELETE', '/api/v1/tokens/:id', ({ params }) => { world.tokens = world.tokens.filter((t) => t.id !== params.id); return {} }],
  ['POST', '/api/v1/apply', applyYaml],
  ['GET', '/api/v1/:plural', listing],
  ['GET', '/api/v1/:plural/:name', ({ params }) => get(kindOf(params.plural).kind, params.name)],
  ['PUT', '/api/v1/saved-searches/:name', storeSearch],
  ['PUT', '/api/v1/:plural/:name', replace],
  ['DELETE', '/api/v1/:plural/:name', ({ params }) => {
    const kind = kindOf(params.plural).kind.toLowerCase()
    table(kind).delete(params.name)
    event(`${kind}.deleted`, `${kind}:default/${params.name}`)
    return {}
  }],
  ['GET', '/api/v1/:plural/:name/history', history],
].map(([method, path, handler]) => ({ method, parts: path.split('/'), handler }))

export function find(method, path) {
  const parts = path.split('/')
  for (const route of ROUTES) {
    if (route.method !== method || route.parts.length !== parts.length) continue
    const params = {}
    const fits = route.parts.every((part, i) => (part.startsWith(':') ? ((params[part.slice(1)] = decodeURIComponent(parts[i])), true) : part === parts[i]))
    if (fits) return { handler: route.handler, params }
  }
  return undefined
}

export function pastEvents() {
  const newest = all('change').slice(-120)
  for (const c of newest) event('change.recorded', ref(c), 'token:deploy', { difference: { '/status/outcome': { from: null, to: c.status.outcome } } }, createdOf(c))
  event('check.refused', 'component:default/checkout', 'token:deploy', { scope: 'component:default/checkout', reasons: [{ code: 'DEL-0002', text: 'idempotency test of component:default/checkout is missing', object: 'policy:default/idempotency-tested', lesson: 'coe:default/coe-7' }] }, NOW - 4 * DAY)
  event('andon.pulled', 'andon:default/and-41', 'system:alarms', undefined, NOW - 44 * MINUTE)
  event('andon.acknowledged', 'andon:default/and-41', 'user:default/maya', { difference: { '/status/state': { from: 'pulled', to: 'acknowledged' } } }, NOW - 41 * MINUTE)
  event('check.refused', 'component:default/payments', 'token:deploy', { scope: 'component:default/payments', reasons: [{ code: 'DEL-0001', text: 'The andon is pulled', object: 'andon:default/and-41' }] }, NOW - 30 * MINUTE)
  event('policy.updated', 'policy:default/idempotency-tested', 'user:default/maya', { difference: { '/spec/enforcement': { from: 'trial', to: 'enforced' } } }, NOW - 6 * DAY)
  world.events.sort((a, b) => a.at.localeCompare(b.at))
  world.events.forEach((e, i) => (e.sequence = i + 1))
}

export function sparkChange() {
  const n = table('change').size + 1
  const made = put(makeChange(n, Object.keys(SERVICES)[n % 12], Date.now(), { outcome: 'succeeded' }))
  event('change.recorded', ref(made), 'token:deploy')
}

export { matcher, search, PEOPLE }
