// A server for developing and testing the pages: the contract's paths with made-up data, and ui/dist.
// MOCK=empty has no data, MOCK=reader a caller who may only read, MOCK=broken answers 500 to every read, MOCK=restarting 503 to what concerns logs
// (until POST /mock/recover); PORT chooses the port (default 4600).
import { createReadStream, existsSync, statSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { event, find, pastEvents, problem, search, sparkChange, world } from './routes.mjs'
import { today } from './today.mjs'
import { build } from './world.mjs'

const DIST = path.resolve(import.meta.dirname, '../dist')
let MODE = process.env.MOCK ?? 'full'
const CHANGES = Number(process.env.MOCK_CHANGES ?? 10_000)
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }
export const CSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

world.empty = MODE === 'empty'
world.reader = MODE === 'reader'
if (!world.empty) {
  build(CHANGES)
  today()
  pastEvents()
}

function send(res, status, body, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  res.end(text)
}

function stream(req, res, start) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  res.write(': hello\n\n')
  const stop = start((name, data) => res.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`))
  const beat = setInterval(() => res.write(': beat\n\n'), 10_000)
  req.on('close', () => {
    clearInterval(beat)
    stop()
  })
}

function watch(emit) {
  const listener = (e) => emit('change', { sequence: e.sequence, action: e.action, object: e.object, at: e.at })
  world.listeners.add(listener)
  return () => world.listeners.delete(listener)
}

function tail(query) {
  return (emit) => {
    let from = Date.now() - 4_000
    const timer = setInterval(() => {
      const until = Date.now() - 4_000 + 4_000
      for (const row of search(query, from, until, 50, false).rows) emit('row', row)
      from = until
    }, 1_000)
    return () => clearInterval(timer)
  }
}

function file(res, pathname) {
  const wanted = path.join(DIST, pathname)
  const found = wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile()
  if (!found && /\.\w+$/.test(pathname)) return send(res, 404, 'not found', 'text/plain')
  const target = found ? wanted : path.join(DIST, 'index.html')
  if (!existsSync(target)) return send(res, 503, 'Run `npm run build` first.', 'text/plain')
  res.writeHead(200, { 'Content-Type': TYPES[path.extname(target)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache' })
  createReadStream(target).pipe(res)
}

async function read(req) {
  const parts = []
  for await (const part of req) parts.push(part)
  return Buffer.concat(parts).toString()
}

async function api(req, res, url) {
  if (MODE === 'restarting' && /^\/api\/v1\/(logs|sql)/.test(url.pathname)) throw problem(503, 'SYS-0002', 'Not available now', 'The telemetry process is starting again.', { hint: 'Try again in a moment; `andon status` shows which part.' })
  if (url.pathname === '/api/v1/watch') return stream(req, res, watch)
  if (url.pathname === '/api/v1/logs/tail') return stream(req, res, tail(url.searchParams.get('query')))
  if (MODE === 'broken' && url.pathname !== '/api/v1/me') throw problem(500, 'SYS-0001', 'Andon failed', 'Andon failed; nothing was half applied.', { hint: 'The log has the details under the request’s id.' })
  const route = find(req.method, url.pathname)
  if (!route) throw problem(404, 'REQ-0003', 'No such path', `There is no ${req.method} ${url.pathname}.`)
  const text = await read(req)
  const json = (req.headers['content-type'] ?? '').includes('json') && text ? JSON.parse(text) : {}
  const answer = route.handler({ params: route.params, query: url.searchParams, body: json, text })
  if (answer?.file) res.setHeader('Content-Disposition', `attachment; filename="${answer.file}"`)
  send(res, 200, answer?.file ? answer.body : answer)
}

const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://mock')
  try {
    if (url.pathname.startsWith('/api/')) await api(req, res, url)
    else if (url.pathname === '/mock/recover') {
      MODE = 'full'
      send(res, 200, {})
    } else if (url.pathname === '/signin') send(res, 200, '<!doctype html><title>Sign in</title><h1>Sign in</h1>', 'text/html')
    else file(res, url.pathname)
  } catch (error) {
    if (error?.problem) return send(res, error.problem.status, error.problem, 'application/problem+json')
    send(res, 500, problem(500, 'SYS-0001', 'Andon failed', String(error?.stack ?? error)).problem, 'application/problem+json')
  }
})

server.listen(Number(process.env.PORT ?? 4600), '127.0.0.1', () => {
  console.log(`mock (${MODE}) on http://127.0.0.1:${server.address().port}`)
  process.send?.({ port: server.address().port })
})
if (process.env.MOCK_LIVE) setInterval(() => (world.empty ? event('system.ticked') : sparkChange()), Number(process.env.MOCK_LIVE))
