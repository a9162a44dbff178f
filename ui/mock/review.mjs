// The weekly review of the mock: sums per team, rolled up.
import { TEAMS, iso } from './world.mjs'
import { random } from './random.mjs'

const LEAVES = [...TEAMS, 'customer-service']
const PARENT = { shopfront: 'commerce', payments: 'commerce', 'customer-service': 'commerce', fulfilment: 'core', platform: 'core', commerce: 'acme', core: 'acme' }
const SUMS = ['changes', 'rollbacks', 'pages', 'incidents', 'andonPulls', 'openCoes', 'overdueActions', 'refusals']

function leaf(group, rng) {
  const busy = group !== 'customer-service'
  return { group: `group:default/${group}`, changes: busy ? rng.int(12, 70) : 0, rollbacks: busy ? rng.int(0, 4) : 0, timeToValueP50Ms: busy ? rng.int(2, 20) * 3_600_000 : undefined, timeToValueP90Ms: busy ? rng.int(20, 90) * 3_600_000 : undefined, pages: busy ? rng.int(0, 9) : 0, incidents: rng.int(0, busy ? 2 : 0), andonPulls: rng.int(0, 3), openCoes: rng.int(0, busy ? 2 : 0), overdueActions: busy ? rng.int(0, 3) : 0, refusals: busy ? rng.int(0, 4) : 0 }
}

export function reviewPack(query, empty) {
  const week = query.get('week') ?? '2026-11-16'
  const from = new Date(`${week}T00:00:00Z`)
  const group = (query.get('group') ?? 'acme').split('/').at(-1)
  const pack = { from: iso(+from), until: iso(+from + 7 * 86_400_000), rows: [], adoption: [], overdueActions: [], coes: [], incidents: [] }
  if (empty) return pack
  const rng = random(+from / 1e6)
  const made = Object.fromEntries(LEAVES.map((name) => [name, leaf(name, rng)]))
  const within = (name) => name === group || (PARENT[name] !== undefined && within(PARENT[name]))
  const add = (name, depth, parent) => {
    const children = Object.keys(PARENT).filter((n) => PARENT[n] === name)
    const leaves = LEAVES.filter((l) => l === name || PARENT[l] === name || PARENT[PARENT[l]] === name)
    const row = { group: `group:default/${name}`, depth, ...(parent ? { parent: `group:default/${parent}` } : {}) }
    for (const key of SUMS) row[key] = leaves.reduce((n, l) => n + made[l][key], 0)
    const p50 = leaves.map((l) => made[l].timeToValueP50Ms).filter(Boolean).sort((a, b) => a - b)
    row.timeToValueP50Ms = p50[Math.floor((p50.length - 1) / 2)]
    row.timeToValueP90Ms = Math.max(0, ...leaves.map((l) => made[l].timeToValueP90Ms ?? 0)) || undefined
    pack.rows.push(row)
    children.forEach((child) => add(child, depth + 1, name))
  }
  add(group, 0)
  for (const mechanism of ['changes-recorded', 'alarms', 'on-call', 'coe', 'verified-actions', 'andon']) {
    for (const name of LEAVES.filter(within)) {
      const population = mechanism === 'coe' ? rng.int(0, 2) : rng.int(1, 6)
      pack.adoption.push({ mechanism, group: `group:default/${name}`, population, adopters: rng.int(Math.floor(population / 2), population) })
    }
  }
  pack.overdueActions = ['action:default/act-22']
  pack.coes = ['coe:default/coe-7', 'coe:default/coe-8']
  pack.incidents = ['incident:default/inc-12']
  return pack
}

export function wheel(seedText) {
  const rng = random([...seedText].reduce((n, c) => n * 31 + c.charCodeAt(0), 7) + Date.now())
  const weights = Object.fromEntries(LEAVES.map((name) => [`group:default/${name}`, +(0.1 + rng.next() * 2.4).toFixed(2)]))
  let at = rng.next() * Object.values(weights).reduce((a, b) => a + b, 0)
  const team = Object.keys(weights).find((name) => (at -= weights[name]) <= 0) ?? LEAVES[0]
  return { seed: rng.hex(64), weights, team, drawnAt: iso(Date.now()) }
}
