// Answers that are too large to be made beforehand, as functions of a place: a million hits, lines from
// ten bytes to megabytes, thousands of fields. They are asked for by a condition: `dataset:million`,
// `dataset:huge`, `dataset:fields`.
import { random } from './random.mjs'

const iso = (us) => `${new Date(Math.floor(us / 1_000)).toISOString().slice(0, -1)}${String(us % 1_000).padStart(3, '0')}Z`
const SERVICES = ['payments', 'checkout', 'gateway', 'ledger', 'search']
const LEVELS = [['INFO', 9, 0.82], ['DEBUG', 5, 0.9], ['WARN', 13, 0.97], ['ERROR', 17, 1]]
const TEXTS = ['request served in 12 ms', 'card charged', 'retrying in 200 ms: the acquirer is slow', 'pool has 12 idle connections', 'GET /basket 200', 'session opened for customer', 'upstream timed out after 3000 ms']

const SETS = {
  million: { name: 'big', total: 1_000_000, row: plain },
  huge: { name: 'huge', total: 60, row: huge },
  fields: { name: 'wide', total: 500, row: wide },
}

export function bigSet(query) {
  return SETS[/dataset:(\w+)/.exec(query ?? '')?.[1]]
}

/** Row 0 is the oldest. Only errors come in the middle tenth, so that there is something to see. */
function levelOf(i, total) {
  const rng = random(i * 7 + 1)
  const roll = i > total * 0.45 && i < total * 0.5 ? 0.9 + rng.next() * 0.1 : rng.next()
  return LEVELS.find(([, , until]) => roll < until) ?? LEVELS[0]
}

function base(i, us, total) {
  const rng = random(i)
  const [severity, severityNumber] = levelOf(i, total)
  return {
    id: `big-${i}`, timestamp: iso(us), receivedAt: iso(us + 21_000), severity, severityNumber, service: rng.pick(SERVICES), message: '', traceId: rng.hex(32), spanId: rng.hex(16), scope: 'http',
    attributes: { 'http.response.status_code': severity === 'ERROR' ? 504 : 200, duration_ms: rng.int(1, 900), line: i, order_id: `90071992547409${String(10_000 + (i % 90_000))}` }, resource: { 'host.name': `node-${i % 4}`, 'service.version': '1' },
  }
}

function plain(i, us, total) {
  const row = base(i, us, total)
  row.message = `${TEXTS[i % TEXTS.length]} #${i}`
  return row
}

const SIZES = [10, 80, 300, 2_000, 40_000, 1_000_000, 120, 1_500_000, 24, 600_000]

function huge(i, us, total) {
  const row = base(i, us, total)
  const size = SIZES[i % SIZES.length]
  if (i % 20 === 9) {
    const items = []
    for (let n = 0, length = 0; length < size; n++) {
      items.push({ sku: `sku-${n}`, quantity: n % 7, price: n * 3 + 99, note: 'packed with care' })
      length += 70
    }
    row.message = JSON.stringify({ event: 'basket', customer: 4711, items })
  } else {
    const words = `line ${i} begins `
    row.message = size <= 24 ? 'x'.repeat(size) : (words + 'lorem ipsum dolor sit amet consectetur '.repeat(Math.ceil(size / 39))).slice(0, size - 30) + ' NEEDLE-7f3a9c41 is at the end'
  }
  return row
}

function wide(i, us, total) {
  const row = base(i, us, total)
  row.message = `a line with thousands of fields #${i}`
  for (let n = 0; n < 5_000; n++) row.attributes[`measure.group_${n % 50}.value_${n}`] = (i * n) % 1_000
  return row
}

function place({ total }, since, until) {
  // Times are exact in microseconds, and no two lines share one.
  const from = since * 1_000
  const step = Math.max(1, Math.floor(((until - since) * 1_000) / (total + 1)))
  return { timeOf: (i) => from + step * (i + 1), countBefore: (us) => Math.min(total, Math.max(0, Math.ceil((us - from) / step) - 1)) }
}

const named = (set, i, us) => ({ ...set.row(i, us, set.total), id: `${set.name}-${i}` })

/** The line of an id, at the time that it had in the search of `frame`. */
export function bigRow(id, frame) {
  const [name, i] = id.split('-')
  const set = Object.values(SETS).find((one) => one.name === name)
  return set && named(set, Number(i), place(set, ...frame).timeOf(Number(i)))
}

/** A page by the rules of the server: since is in, until is not, a cursor is where the page before ended. */
export function bigPage(set, frame, sinceUs, untilUs, { order, limit, cursor }) {
  const { timeOf, countBefore } = place(set, ...frame)
  let low = countBefore(sinceUs)
  let high = countBefore(untilUs) - 1
  if (cursor && order === 'oldest') low = Math.max(low, Number(cursor) + 1)
  else if (cursor) high = Math.min(high, Number(cursor) - 1)
  const rows = []
  for (let n = 0; n < limit && low + n <= high; n++) {
    const i = order === 'oldest' ? low + n : high - n
    rows.push(named(set, i, timeOf(i)))
  }
  const last = rows.at(-1)
  const left = high - low + 1 - rows.length
  return { rows, scannedRows: Math.max(0, high - low + 1), elapsedUs: 14_200, complete: true, missing: [], ...(last && left > 0 ? { next: last.id.split('-')[1] } : {}) }
}

export function bigHistogram(set, frame, since, until, buckets = 100) {
  const { countBefore } = place(set, ...frame)
  const width = Math.max(1_000, Math.ceil((until - since) / buckets / 1_000) * 1_000)
  const start = Math.floor(since / width) * width
  const startsUs = []
  const series = Object.fromEntries(LEVELS.map(([name]) => [name.toLowerCase(), []]))
  let total = 0
  for (let at = start; at < until; at += width) {
    const from = countBefore(Math.max(at, since) * 1_000)
    const n = countBefore(Math.min(at + width, until) * 1_000) - from
    startsUs.push(at * 1_000)
    const bad = from > set.total * 0.44 && from < set.total * 0.5
    const shares = bad ? [0, 0, 0.7, 0.3] : [0.82, 0.08, 0.07, 0.03]
    let rest = n
    LEVELS.forEach(([name], i) => {
      const part = i === LEVELS.length - 1 ? rest : Math.min(rest, Math.round(n * shares[i]))
      rest -= part
      series[name.toLowerCase()].push(part)
    })
    total += n
  }
  return { bucketUs: width * 1_000, startsUs, series: Object.entries(series).map(([name, counts]) => ({ name, counts })), total, elapsedUs: 31_000, complete: true, missing: [] }
}

export function bigFields(set, frame) {
  const { timeOf } = place(set, ...frame)
  const n = Math.min(set.total, set === SETS.million ? 300 : 3)
  const seen = new Map()
  const add = (name, value) => {
    const field = seen.get(name) ?? seen.set(name, { name, type: typeof value === 'number' ? 'number' : 'text', count: 0, values: new Map() }).get(name)
    field.count++
    field.values.set(String(value), (field.values.get(String(value)) ?? 0) + 1)
  }
  for (let i = 0; i < n; i++) {
    const row = set.row(i, timeOf(i), set.total)
    add('level', row.severity.toLowerCase())
    add('service', row.service)
    for (const [name, value] of Object.entries({ ...row.attributes, ...row.resource })) add(name, value)
  }
  const scale = Math.min(10_000, set.total) / n
  return { sampledRows: Math.min(10_000, set.total), complete: set.total <= 10_000, items: [...seen.values()].map((f) => ({ name: f.name, type: f.type, count: Math.round(f.count * scale), distinct: f.values.size, top: [...f.values].sort((a, b) => b[1] - a[1]).slice(0, 10).map(([value, count]) => ({ value, count: Math.round(count * scale) })) })) }
}
