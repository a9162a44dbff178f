// Transactions per second of the ledger: small writes over HTTP, each durable with its event before it is answered.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { newFolder, removeFolder } from '../tests/acceptance/server.mjs';
import { cpuSeconds, expectSame, flushedAppendsPerSecond, nowMs, row, startServer } from './measure.mjs';

const ROUNDS = 3;
const ROUND_MS = Number(process.env.ANDON_BENCH_ROUND_MS ?? 3_000);
const CONNECTIONS = [1, 32];
const ROOT = path.resolve(import.meta.dirname, '..');

const GROUP = `apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: bench-team }
spec: { type: team, children: [] }
`;

const component = (name, counter) => ({
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name, annotations: { 'bench.test/counter': String(counter) } },
  spec: { type: 'service', lifecycle: 'production', owner: 'bench-team' },
});

/** Calls on several connections for a while; gives calls per second and processor milliseconds per call. */
async function load(server, connections, call) {
  const cpuBefore = cpuSeconds(server.pid);
  const started = nowMs();
  const counts = await Promise.all(Array.from({ length: connections }, async (_, connection) => {
    let count = 0;
    for (; nowMs() - started < ROUND_MS; count += 1) await call(connection, count);
    return count;
  }));
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { count, perSecond: count / ((nowMs() - started) / 1_000), cpuMs: ((cpuSeconds(server.pid) - cpuBefore) * 1_000) / count };
}

async function bestLoad(server, connections, call) {
  let [best, all] = [undefined, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    const got = await load(server, connections, (connection, count) => call(connection, `${round}-${count}`));
    all += got.count;
    if (!best || got.perSecond > best.perSecond) best = got;
  }
  return { ...best, all };
}

async function eventsNow(server) {
  return Number((await server.sql('select count(*) as n from events'))[0].n);
}

async function measureStore(name, extra) {
  const server = await startServer(`ledger-${name}`, extra);
  const { token } = server;
  const rows = [];
  try {
    await server.apply(GROUP);
    for (const connections of CONNECTIONS) {
      const appends = flushedAppendsPerSecond(server.folder);
      const before = await eventsNow(server);
      const put = await bestLoad(server, connections, (connection, counter) =>
        server.api('PUT', `/api/v1/components/bench-${connection}`, component(`bench-${connection}`, counter), { token }));
      expectSame(`${name}: events of the puts`, (await eventsNow(server)) - before, put.all);
      rows.push(row(`put a component, ${name}, ${connections} connection${connections > 1 ? 's' : ''}`, put.perSecond, 'transactions/s', {
        reference: { what: 'flushed 4 KiB appends', number: appends, unit: 'appends/s' },
        note: `${put.cpuMs.toFixed(2)} ms of processor per transaction in the server`,
      }));
    }
    const appends = flushedAppendsPerSecond(server.folder);
    const join = await bestLoad(server, 32, () => server.api('POST', '/api/v1/andons', { scope: 'bench-0', reason: 'they were charged twice' }, { token }));
    rows.push(row(`pull a stopped andon again, ${name}, 32 connections`, join.perSecond, 'transactions/s', {
      reference: { what: 'flushed 4 KiB appends', number: appends, unit: 'appends/s' },
      note: `all on one object; ${join.cpuMs.toFixed(2)} ms of processor per transaction in the server`,
    }));
    rows.push(row(`verify the chain, ${name}`, await verifiedPerSecond(server), 'events/s'));
  } finally {
    await server.close();
  }
  return rows;
}

async function verifiedPerSecond(server) {
  const started = nowMs();
  const { ok, events } = await server.get('/api/v1/audit/verify', { limitMs: 600_000 });
  expectSame('the chain is intact', ok, true);
  return events / ((nowMs() - started) / 1_000);
}

/** Starts a PostgreSQL of our own; gives its address and what ends it. */
function startPostgres() {
  const folder = newFolder('bench-postgres');
  const bash = (script) => spawnSync('bash', ['-euc', `. scripts/postgres.sh; ${script}`, 'bench', folder], { cwd: ROOT, encoding: 'utf8' });
  const stop = () => {
    bash('stop_postgres "$1"; rm -f "$1.log"');
    removeFolder(folder);
  };
  process.once('exit', stop);
  const { status, stdout, stderr } = bash('start_postgres "$1" >&2; echo "$ANDON_TEST_POSTGRES"');
  if (status !== 0) throw new Error(`PostgreSQL does not start: ${stderr}`);
  return { address: stdout.trim(), stop: () => { process.off('exit', stop); stop(); } };
}

export async function ledger() {
  const rows = await measureStore('SQLite', []);
  const postgres = startPostgres();
  try {
    rows.push(...await measureStore('PostgreSQL', ['--database', postgres.address]));
  } finally {
    postgres.stop();
  }
  return rows;
}
