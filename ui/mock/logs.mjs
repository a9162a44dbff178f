// Log lines as a function of time: the same lines for the same range, without storing any.
import { random } from './random.mjs'
import { NOW, MINUTE, SERVICES, iso } from './world.mjs'

const STEP = 4_000
const names = Object.keys(SERVICES)
const BAD_FROM = NOW - 50 * MINUTE

const MESSAGES = {
  info: ['request served', 'order placed', 'cache refreshed', 'card charged', 'session opened', 'stock reserved'],
  debug: ['pool has 12 idle connections, and 4 that serve what was let in before the last deploy, as long as these go on to drain', 'flag new-acquirer is on'],
  warn: ['slow answer from the acquirer', 'retrying in 200 ms', 'queue above its watermark'],
  error: ['charge failed: acquirer answered 409 duplicate', 'upstream timed out after 3000 ms'],
}
const NUMBER = { debug: 5, info: 9, warn: 13, error: 17 }

function rowsAt(tick) {
  const rng = random(tick)
  const at = tick * STEP
  const bad = at > BAD_FROM
  const rows = Array.from({ length: rng.int(1, 4) }, (_, i) => {
    const service = rng.next() < 0.3 ? 'payments' : rng.pick(names)
    const roll = rng.next()
    const hurt = bad && service === 'payments' && roll < 0.55
    const band = hurt ? 'error' : roll < 0.012 ? 'error' : roll < 0.06 ? 'warn' : roll < 0.15 ? 'debug' : 'info'
    const status = band === 'error' ? (hurt ? 409 : 504) : 200
    const time = at + rng.int(0, STEP - 1)
    return {
      id: `${tick}-${i}`, timestamp: iso(time), receivedAt: iso(time + 30), severity: band.toUpperCase(), severityNumber: NUMBER[band], service,
      message: hurt ? MESSAGES.error[0] : rng.pick(MESSAGES[band]), traceId: rng.hex(32), spanId: rng.hex(16), scope: 'http',
      attributes: { 'http.request.method': rng.pick(['GET', 'POST']), 'http.response.status_code': status, 'http.route': rng.pick(['/charge', '/order', '/basket', '/search']), duration_ms: rng.int(3, 900), order: `ord-${rng.int(10_000, 99_999)}`, ...(hurt ? { 'error.type': 'DuplicateCharge', acquirer: 'nova' } : {}) },
      resource: { 'service.version': service === 'payments' && bad ? '2' : '1', 'host.name': `node-${rng.int(1, 4)}` },
    }
  })
  return rows.sort((a, b) => a.timestamp.localeCompare(b.timestamp))
}

export const rowOf = (id) => (/^\d+-\d+$/.test(id) ? rowsAt(Number(id.split('-')[0])).find((row) => row.id === id) : undefined)

/** A line with its long texts cut, as lists have it: what was cut is named with its length. */
export function cutRow(row, chars) {
  const clipped = {}
  const cut = (place, text) => {
    if (typeof text !== 'string' || text.length <= chars) return text
    clipped[place] = text.length
    return text.slice(0, chars)
  }
  const less = { ...row, message: cut('message', row.message), attributes: Object.fromEntries(Object.entries(row.attributes).map(([name, one]) => [name, cut(`attributes.${name}`, one)])) }
  return Object.keys(clipped).length > 0 ? { ...less, clipped } : row
}

export function search(query, since, until, limit, newestFirst = true) {
  const match = matcher(query)
  const rows = []
  let scanned = 0
  const from = Math.floor(since / STEP)
  const to = Math.ceil(until / STEP)
  for (let n = 0; n <= to - from && rows.length < limit; n++) {
    const tick = newestFirst ? to - n : from + n
    const batch = rowsAt(tick)
    scanned += batch.length
    for (const row of newestFirst ? batch.reverse() : batch) {
      const t = Date.parse(row.timestamp)
      if (t >= since && t < until && match(row) && rows.length < limit) rows.push(row)
    }
  }
  return { rows, scanned }
}

export function value(row, field) {
  if (field === 'level' || field === 'severity') return row.severity.toLowerCase()
  if (field === 'trace_id') return row.traceId
  if (field in row) return row[field]
  return row.attributes[field] ?? row.resource[field]
}

/** Understands what the pages build: words, phrases, field:value, NOT, AND, OR at the top. */
export function matcher(query) {
  const text = (query ?? '').trim().replace(/\^\d+/g, '')
  if (!text || text === '*') return () => true
  if ((text.match(/"/g) ?? []).length % 2 === 1) throw syntax(text, text.lastIndexOf('"'), 'the quotation mark is not closed')
  if (/[(:]$/.test(text)) throw syntax(text, text.length - 1, 'something is missing here')
  const ors = text.split(/ OR /)
  if (ors.length > 1) {
    const all = ors.map(matcher)
    return (row) => all.some((m) => m(row))
  }
  const parts = text.replace(/[()]/g, '').split(/ AND | (?=NOT )|(?<!NOT|"[^"]*) (?!(?:[^"]*"[^"]*")*[^"]*"[^"]*$)/).filter(Boolean).map(one)
  return (row) => parts.every((m) => m(row))
}

function one(part) {
  if (/^(dataset|shard):/.test(part)) return () => true
  const not = /^(NOT |-)/.test(part)
  const body = part.replace(/^(NOT |-)/, '').trim()
  const field = /^([\w.]+):(.*)$/.exec(body)
  let test
  if (!field) test = (row) => row.message.toLowerCase().includes(body.replaceAll('"', '').toLowerCase())
  else {
    const [, name, raw] = field
    const wanted = raw.replaceAll('"', '').toLowerCase()
    const compare = /^(>=|<=|>|<)(.*)$/.exec(wanted)
    const rank = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
    test = (row) => {
      const v = value(row, name)
      if (wanted === '*') return v !== undefined
      if (compare) {
        const a = rank.includes(String(v)) ? rank.indexOf(v) : Number(v)
        const b = rank.includes(compare[2]) ? rank.indexOf(compare[2]) : Number(compare[2])
        return compare[1] === '>=' ? a >= b : compare[1] === '<=' ? a <= b : compare[1] === '>' ? a > b : a < b
      }
      return String(v ?? '').toLowerCase() === wanted
    }
  }
  return not ? (row) => !test(row) : test
}

function syntax(text, offset, why) {
  return { problem: { type: '/help/errors/LOG-0001', title: 'The query cannot be read', status: 400, code: 'LOG-0001', detail: `The query cannot be read: ${why}.`, place: `query:1:${offset + 1}`, hint: 'Words, "phrases", field:value, field:[a TO b], AND OR NOT and groups are understood.' } }
}

export function histogram(query, since, until, buckets = 60) {
  const width = Math.max(1_000, Math.ceil((until - since) / buckets / 1_000) * 1_000)
  const start = Math.floor(since / width) * width
  const n = Math.ceil((until - start) / width)
  const match = matcher(query)
  const series = {}
  let total = 0
  const every = Math.max(1, Math.floor((until - since) / STEP / 4_000))
  for (let tick = Math.floor(since / STEP); tick <= Math.ceil(until / STEP); tick += every) {
    for (const row of rowsAt(tick)) {
      const t = Date.parse(row.timestamp)
      if (t < since || t >= until || !match(row)) continue
      const list = (series[row.severity.toLowerCase()] ??= new Array(n).fill(0))
      const i = Math.floor((t - start) / width)
      if (i >= 0 && i < n) list[i] += every
      total += every
    }
  }
  return { bucketUs: width * 1_000, startsUs: Array.from({ length: n }, (_, i) => (start + i * width) * 1_000), series: Object.entries(series).map(([name, counts]) => ({ name, counts })), total }
}

export function fields(query, since, until) {
  const { rows } = search(query, since, until, 1_000)
  const complete = rows.length < 1_000
  const seen = new Map()
  const add = (name, v) => {
    const f = seen.get(name) ?? seen.set(name, { name, type: typeof v === 'number' ? 'number' : 'text', count: 0, values: new Map() }).get(name)
    f.count += 1
    f.values.set(String(v), (f.values.get(String(v)) ?? 0) + 1)
  }
  for (const row of rows) {
    add('service', row.service)
    add('level', row.severity.toLowerCase())
    for (const [k, v] of Object.entries({ ...row.attributes, ...row.resource })) add(k, v)
  }
  return { sampledRows: rows.length, complete, items: [...seen.values()].map((f) => ({ name: f.name, type: f.type, count: f.count, distinct: f.values.size, top: [...f.values].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([v, count]) => ({ value: v, count })) })) }
}
