// The mock's organisation: catalog, changes, and what happened today. Times count back from the start.
import { random } from './random.mjs'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const NOW = Date.now()
export const iso = (ms) => new Date(ms).toISOString()
const rng = random(7)

const API = 'andon.dev/v1'
const CATALOG = 'backstage.io/v1alpha1'
let uid = 0

export function object(apiVersion, kind, name, spec, status, at = NOW - 90 * DAY, extra = {}) {
  uid += 1
  return {
    apiVersion, kind,
    metadata: { name, namespace: 'default', uid: `0192a0-${uid}`, version: 1, createdAt: iso(at), updatedAt: iso(at), ...extra },
    spec, ...(status ? { status } : {}),
  }
}
export const own = (kind, name, spec, status, at, extra) => object(API, kind, name, spec, status, at, extra)
const cat = (kind, name, spec, extra) => object(CATALOG, kind, name, spec, undefined, NOW - 200 * DAY, extra)

export const TEAMS = ['shopfront', 'payments', 'fulfilment', 'platform']
export const SERVICES = {
  storefront: { owner: 'shopfront', dependsOn: ['checkout', 'search', 'identity'], title: 'The shop as customers see it' },
  checkout: { owner: 'shopfront', dependsOn: ['payments', 'inventory', 'identity'], title: 'Basket and order' },
  search: { owner: 'shopfront', dependsOn: [], title: 'Product search' },
  recommendations: { owner: 'shopfront', dependsOn: ['search'], title: 'You may also like' },
  payments: { owner: 'payments', dependsOn: ['ledger', 'fraud-check'], title: 'Charges cards and accounts' },
  ledger: { owner: 'payments', dependsOn: [], title: 'Double-entry bookkeeping' },
  'fraud-check': { owner: 'payments', dependsOn: ['identity'], title: 'Scores a payment' },
  inventory: { owner: 'fulfilment', dependsOn: [], title: 'Stock by warehouse' },
  shipping: { owner: 'fulfilment', dependsOn: ['inventory', 'notifications'], title: 'Labels and tracking' },
  notifications: { owner: 'platform', dependsOn: [], title: 'Mail and push to customers' },
  identity: { owner: 'platform', dependsOn: [], title: 'Sign-in and sessions' },
  gateway: { owner: 'platform', dependsOn: ['storefront', 'checkout', 'identity'], title: 'The edge' },
}
export const PEOPLE = {
  maya: ['Maya Lindqvist', 'payments'], tomas: ['Tomás Rivera', 'payments'], ines: ['Inès Moreau', 'payments'],
  omar: ['Omar Haddad', 'shopfront'], lena: ['Lena Vogt', 'shopfront'], jun: ['Jun Watanabe', 'fulfilment'],
  priya: ['Priya Raman', 'fulfilment'], sam: ['Sam Okafor', 'platform'], clara: ['Clara Jensen', 'customer-service'],
}

const store = new Map()
export const table = (kind) => {
  if (!store.has(kind)) store.set(kind, new Map())
  return store.get(kind)
}
export const put = (o) => {
  table(o.kind.toLowerCase()).set(o.metadata.name, o)
  return o
}
export const ref = (o) => `${o.kind}:default/${o.metadata.name}`.toLowerCase()

function catalog() {
  put(cat('Group', 'acme', { type: 'company', children: ['commerce', 'core'], profile: { displayName: 'Acme' } }))
  put(cat('Group', 'commerce', { type: 'group', parent: 'group:default/acme', children: ['shopfront', 'payments', 'customer-service'] }))
  put(cat('Group', 'core', { type: 'group', parent: 'group:default/acme', children: ['fulfilment', 'platform'] }))
  for (const team of TEAMS) {
    const parent = team === 'shopfront' || team === 'payments' ? 'commerce' : 'core'
    put(cat('Group', team, { type: 'team', parent: `group:default/${parent}`, children: [], members: Object.keys(PEOPLE).filter((p) => PEOPLE[p][1] === team) }))
  }
  put(cat('Group', 'customer-service', { type: 'team', parent: 'group:default/commerce', children: [], members: ['clara'] }))
  for (const [name, [display, team]] of Object.entries(PEOPLE)) {
    put(cat('User', name, { profile: { displayName: display, email: `${name}@acme.example` }, memberOf: [team] }))
  }
  put(cat('System', 'shop', { owner: 'group:default/commerce' }))
  for (const [name, service] of Object.entries(SERVICES)) {
    put(cat('Component', name, {
      type: 'service', lifecycle: 'production', owner: `group:default/${service.owner}`, system: 'shop',
      dependsOn: service.dependsOn.map((d) => `component:default/${d}`),
    }, { description: service.title, tags: ['node'], links: [{ url: `https://git.acme.example/${name}`, title: 'Source' }] }))
  }
}

const TITLES = ['Cache product pictures at the edge', 'Retry timeouts to the acquirer', 'Round tax per line', 'Show delivery day before checkout', 'Drop unused index', 'Take voucher codes in lower case', 'Raise pool size', 'Log the order number', 'Upgrade TLS library', 'Move session store', 'Show stock per shop', 'Fix typo on receipt', 'Stream the export', 'Split the nightly job']

export function makeChange(n, service, at, options = {}) {
  const people = Object.keys(PEOPLE).filter((p) => PEOPLE[p][1] === SERVICES[service].owner)
  const author = options.author ?? rng.pick(people)
  const rollback = options.changeType === 'rollback'
  const deployMs = options.deployMs ?? rng.skewed(4 * MINUTE, 0.8)
  const buildMs = rng.skewed(6 * MINUTE, 0.7)
  const testMs = rng.skewed(9 * MINUTE, 0.7)
  const reviewWait = options.reviewWait ?? rng.skewed(90 * MINUTE, 2.2)
  const deployWait = options.deployWait ?? rng.skewed(35 * MINUTE, 2.4)
  const end = at
  const deployAt = end - deployMs
  const testAt = deployAt - deployWait - testMs
  const buildAt = testAt - buildMs
  const reviewAt = buildAt - 12 * MINUTE
  const commitAt = reviewAt - reviewWait - 25 * MINUTE
  const running = options.outcome === 'inProgress'
  const stages = rollback
    ? [{ name: 'deploy', startedAt: iso(deployAt), finishedAt: iso(end), actor: `user:default/${author}`, waitedMs: 0 }]
    : [
        { name: 'commit', startedAt: iso(commitAt), finishedAt: iso(commitAt + 25 * MINUTE), actor: `user:default/${author}`, waitedMs: 0 },
        { name: 'review', startedAt: iso(reviewAt), finishedAt: iso(buildAt), actor: `user:default/${rng.pick(people)}`, waitedMs: Math.round(reviewWait), waitReason: 'waiting for a reviewer' },
        { name: 'build', startedAt: iso(buildAt), finishedAt: iso(testAt), actor: 'token:ci', waitedMs: 0 },
        { name: 'test', startedAt: iso(testAt), finishedAt: iso(testAt + testMs), actor: 'token:ci', waitedMs: 0 },
        { name: 'deploy', startedAt: iso(deployAt), ...(running ? {} : { finishedAt: iso(end) }), actor: 'token:deploy', waitedMs: Math.round(deployWait), waitReason: 'deploy window' },
      ]
  const version = options.version ?? `${1 + (n % 4)}.${n % 90}.${n % 7}`
  const spec = {
    service: `component:default/${service}`, version, environment: 'production', changeType: options.changeType ?? 'deploy',
    commit: rng.hex(40), repository: `https://git.acme.example/${service}`, title: options.title ?? rng.pick(TITLES),
    ...(options.rollsBack ? { rollsBack: options.rollsBack } : {}),
    ...(rollback ? {} : { tests: options.tests ?? { unit: 'passed', idempotency: rng.next() < 0.85 ? 'passed' : rng.next() < 0.5 ? 'failed' : 'missing' } }),
  }
  const outcome = options.outcome ?? (rng.next() < 0.93 ? 'succeeded' : rng.next() < 0.5 ? 'rolledBack' : 'failed')
  const status = {
    outcome, stages, commitCount: rollback ? 0 : rng.int(1, 9), authors: rollback ? [] : [PEOPLE[author][0]],
    ...(rollback ? {} : { firstCommitAt: iso(commitAt) }),
    ...(running ? {} : { deployedAt: iso(end) }),
    ...(rollback || running || outcome === 'failed' ? {} : { timeToValueMs: Math.round(end - commitAt) }),
    check: `chk-${n}`,
    ...(options.status ?? {}),
  }
  return own('Change', `chg-${n}`, spec, status, end)
}

function changes(count) {
  const names = Object.keys(SERVICES)
  for (let i = 1; i <= count; i++) {
    const age = ((count - i) / count) * 300 * DAY + rng.next() * 2 * HOUR + 6 * HOUR
    put(makeChange(i, rng.pick(names), NOW - age))
  }
}

export const TODAY = { bad: 0, rollback: 0 }

export function build(count) {
  catalog()
  changes(count)
  const n = count
  TODAY.bad = `chg-${n + 1}`
  put(makeChange(n + 1, 'payments', NOW - 52 * MINUTE, { version: '2', title: 'Charge through the new acquirer', author: 'tomas', outcome: 'succeeded', tests: { unit: 'passed', idempotency: 'missing' } }))
  put(makeChange(n + 2, 'search', NOW - 40 * MINUTE, { version: '5.12.0', title: 'Rank by margin', outcome: 'succeeded' }))
  put(makeChange(n + 3, 'identity', NOW - 25 * MINUTE, { version: '3.4.1', title: 'Longer sessions for apps', outcome: 'failed' }))
  put(makeChange(n + 4, 'checkout', NOW - 2 * MINUTE, { version: '1.9.0', title: 'Show delivery day before checkout', outcome: 'inProgress', deployMs: 3 * MINUTE }))
  return rng
}
