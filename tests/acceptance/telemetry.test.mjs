// The process that owns the telemetry is killed, hung and starved while lines come in and people are paged: no
// page is late or lost, every acknowledged line is there, alarms say "unknown" for what they cannot know, and it
// comes back by itself.
//
// ANDON_KILLS says how often each happens (2; at most 20), ANDON_SEED plays a run again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Chance, seedOf } from './chance.mjs';
import { Books } from './crash-load.mjs';
import { checkAlerts, checkLedger, checkLines, checkPages } from './crash-verdict.mjs';
import { organisation } from './organisation.mjs';
import { Receiver } from './receiver.mjs';
import { Server, until } from './server.mjs';

const ROUNDS = Math.min(20, Number(process.env.ANDON_KILLS ?? 2));
/** From when on Andon itself calls a page late. */
const LATE_MS = 10_000;
const WRITERS = 3;
/** The service of the lines of a round; each round is verified by itself. */
const serviceOf = (round) => `telemetry-load-${round}`;
const PRLIMIT = '/usr/bin/prlimit';

const ALARM = `{apiVersion: andon.dev/v1, kind: Alarm, metadata: {name: flood},
  spec: {service: "component:default/payments", query: "batch:*", window: 1s, comparison: above, threshold: 1000000000}}`;

const telemetry = (server) => server.get('/api/v1/telemetry/status');

/** Waits until telemetry is up, in another process than `pid`, and gives how it does. */
const upAgain = (server, pid) => until('telemetry is up again', async () => {
  const told = await telemetry(server);
  return told.state === 'up' && told.pid !== pid && told;
});

/** The random pauses of the traffic: the only ones of this file. */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What can happen to a process. Each resolves when it has. */
const FATES = {
  kill: async (pid) => { process.kill(pid, 'SIGKILL'); },
  hang: async (pid) => { process.kill(pid, 'SIGSTOP'); },
  // No more memory than it has: the next burst is one too many.
  starve: async (pid) => { assert.equal(spawnSync(PRLIMIT, ['--pid', String(pid), '--data=1048576']).status, 0); },
};
if (!existsSync(PRLIMIT)) delete FATES.starve;

/** Lines and alerts without a pause; what is refused is sent on with a new number, what is in doubt stays so. */
class Traffic {
  constructor(server, books, seed) {
    Object.assign(this, { server, books, round: 0, refused: 0, isOn: true });
    const loads = [
      ...Array.from({ length: WRITERS }, (_, writer) => (chance) => this.#writeLines(chance, writer)),
      (chance) => this.#postAlert(chance),
    ];
    this.running = Promise.all(loads.map((load, index) => this.#repeat(load, new Chance(seed + index * 7_919))));
  }

  async end() {
    this.isOn = false;
    await this.running;
  }

  async #repeat(load, chance) {
    while (this.isOn) await load(chance);
  }

  async #writeLines(chance, writer) {
    const batch = { service: serviceOf(this.round), number: this.books.batches.length, lines: chance.between(1, 400), isAcknowledged: false };
    this.books.batches.push(batch);
    const text = Array.from({ length: batch.lines }, (_, line) => (
      `{"service":"${batch.service}","level":"info","message":"batch ${batch.number} line ${line}","batch":${batch.number},"line":${line}}`)).join('\n');
    const answer = writer === 0
      ? await this.server.call('POST', '/v1/logs', otlp(batch))
      : await this.server.call('POST', '/api/v1/ingest/ndjson', text);
    if (answer.status === 200) {
      if (writer !== 0) assert.deepEqual([answer.body.accepted, answer.body.refused], [batch.lines, 0]);
      batch.isAcknowledged = true;
      await pause(chance.between(5, 30));
      return;
    }
    // The only refusal there may be, in both protocols: come back.
    assert.equal(answer.status, 503, answer.text);
    assert.ok(Number(answer.headers['retry-after']) >= 1, JSON.stringify(answer.headers));
    this.refused += 1;
  }

  async #postAlert(chance) {
    const id = `${this.books.alerts.size}-${chance.between(0, 1e9)}`;
    this.books.alerts.set(id, false);
    const labels = { alertname: 'Beside', id, service: 'payments', severity: 'warning' };
    const answer = await this.server.call('POST', '/api/v2/alerts', [{ labels, endsAt: new Date(Date.now() + 12 * 3_600_000).toISOString() }]);
    // Paging has nothing to do with telemetry: it is never refused.
    assert.equal(answer.status, 200, answer.text);
    this.books.alerts.set(id, true);
    await pause(chance.between(20, 120));
  }
}

function otlp({ service, number, lines }) {
  const attribute = (key, value) => ({ key, value: { intValue: String(value) } });
  const logRecords = Array.from({ length: lines }, (_, line) => ({
    timeUnixNano: `${Date.now()}000000`, severityNumber: 9, body: { stringValue: `batch ${number} line ${line}` },
    attributes: [attribute('batch', number), attribute('line', line)],
  }));
  return { resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeLogs: [{ logRecords }] }] };
}

/** How late the latest page was, from the records: when it was due and when it was taken. */
async function latest(server) {
  const { items, overdue } = await server.get('/api/v1/pages?since=1h');
  assert.equal(overdue, 0, 'no page is overdue');
  return Math.max(0, ...items.filter((page) => page.acceptedAt).map((page) => Date.parse(page.acceptedAt) - Date.parse(page.dueAt)));
}

/** No window of the alarm that touches an outage was counted as if it were whole, and others are. */
async function checkAlarm(server, outages) {
  const chart = await server.get('/api/v1/alarms/flood/evaluations?since=1h');
  const touching = (startUs) => outages.some(({ from, until: end }) => (
    startUs < Date.parse(end) * 1_000 && startUs + chart.bucketUs > Date.parse(from) * 1_000));
  const guessed = chart.startsUs.filter((startUs, index) => touching(startUs) && chart.counts[index] !== null);
  assert.deepEqual(guessed.map((startUs) => new Date(startUs / 1_000).toISOString()), [], 'windows of an outage are unknown');
  assert.ok(chart.counts.some((count) => count > 0), 'windows beside outages are counted');
  return chart.states.filter(({ state }) => state === 'unknown').length;
}

describe('telemetry in a process of its own', () => {
  let [receiver, server] = [];
  before(async () => {
    receiver = await Receiver.open();
    server = await Server.start({ name: 'telemetry' });
    await server.apply(`${organisation(receiver.url)}\n---\n${ALARM}`);
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
  });

  test('may be killed, hung and starved: no page is late or lost, no acknowledged line either', async (t) => {
    const seed = seedOf();
    t.diagnostic(`seed ${seed}: ANDON_SEED=${seed} plays the same traffic again`);
    const [books, chance] = [new Books(), new Chance(seed)];
    let { pid } = await upAgain(server);
    const traffic = new Traffic(server, books, seed);
    const outages = [];
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        traffic.round = round;
        for (const [fate, strike] of Object.entries(FATES)) {
          await pause(chance.between(200, 2_500));
          await strike(pid);
          // What does not need logs answers meanwhile.
          for (const target of ['/readyz', '/', '/api/v1/alerts', '/api/v1/home', '/api/v1/line']) {
            assert.equal((await server.call('GET', target)).status, 200, `${target} after ${fate}`);
          }
          const told = await upAgain(server, pid);
          assert.match(told.lastEnd.reason, { kill: /signal 9/, hang: /did not answer/, starve: /signal/ }[fate]);
          outages.push(told.outages[0]);
          pid = told.pid;
        }
      }
      const acknowledged = () => books.batches.filter((batch) => batch.isAcknowledged).length;
      const before = acknowledged();
      await until('lines are taken again', () => acknowledged() > before);
    } finally {
      await traffic.end();
    }
    let lines = 0;
    for (let round = 0; round < ROUNDS; round += 1) lines += await checkLines(server, books, serviceOf(round));
    const alerts = await checkAlerts(server, books);
    await until('every page is out', async () => (await server.get('/api/v1/status')).outbox.pending === 0);
    assert.equal(checkPages(receiver, alerts), 0, 'every alert is paged once');
    const lateMs = await latest(server);
    assert.ok(lateMs < LATE_MS, `the latest page was ${lateMs} ms late`);
    const delayed = await server.get('/api/v1/events?action=paging.delayed&since=1h');
    assert.deepEqual(delayed.items, [], 'Andon itself calls no page late');
    const unknown = await until('the alarm knows again', async () => {
      const { status } = await server.get('/api/v1/alarms/flood');
      return status.state === 'ok' && checkAlarm(server, outages);
    });
    await checkLedger(server, 0);
    t.diagnostic(`${outages.length} ends, ${lines} lines in ${books.batches.length} batches (${traffic.refused} refused), ${alerts.length} alerts; `
      + `the latest page was ${lateMs} ms late; the alarm became unknown ${unknown} times`);
  });

  test('that cannot start is said to be missing, is refused with "come back", and comes back by itself', async () => {
    const folder = path.join(server.data, 'telemetry');
    const { pid, store } = await upAgain(server);
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, 'no folder');
    process.kill(pid, 'SIGKILL');
    const down = await until('it cannot be opened', async () => {
      const told = await telemetry(server);
      return told.state !== 'up' && /cannot be/.test(told.lastEnd?.reason ?? '') && told;
    });
    assert.equal(down.mode, 'process');
    const calls = [
      server.call('GET', '/api/v1/logs?query=*'),
      server.call('POST', '/api/v1/sql', { sql: 'select 1' }),
      server.call('POST', '/api/v1/ingest/ndjson', '{"message":"x"}'),
    ];
    for (const answer of await Promise.all(calls)) {
      assert.equal(answer.status, 503, answer.text);
      assert.equal(answer.body.code, 'SYS-0002');
      assert.equal(answer.headers['retry-after'], '1');
      assert.match(answer.body.detail, /telemetry is not available/);
    }
    const refused = await server.call('POST', '/v1/logs', { resourceLogs: [] });
    assert.deepEqual([refused.status, refused.body.code], [503, 14]);
    assert.equal((await server.call('GET', '/readyz', undefined, { token: null })).status, 200);
    const { stdout } = await server.andon(['status']);
    assert.match(stdout, /telemetry is not available/);
    await server.api('POST', '/api/v2/alerts', [{ labels: { alertname: 'Slow', id: 'without-telemetry', service: 'payments' } }]);
    await until('somebody is paged', () => receiver.about('id', 'without-telemetry').length === 1);
    await until('the alarm is unknown', async () => (await server.get('/api/v1/alarms/flood')).status.state === 'unknown');
    rmSync(folder);
    renameSync(`${folder}.away`, folder);
    const back = await upAgain(server);
    assert.equal(back.store.rows, store.rows, 'every line is there');
    await until('the alarm knows again', async () => (await server.get('/api/v1/alarms/flood')).status.state === 'ok');
  });

  test('ends with the server, however the server ends, and leaves the folder to the next', async () => {
    const gone = async (pid) => until('it has ended', () => !existsSync(`/proc/${pid}`));
    const before = await upAgain(server);
    await server.kill();
    await gone(before.pid);
    await server.restart();
    const killed = await upAgain(server, before.pid);
    assert.equal(killed.store.rows, before.store.rows);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    await gone(killed.pid);
    await server.restart();
    const stopped = await upAgain(server, killed.pid);
    assert.deepEqual([stopped.store.rows, stopped.store.memory_rows], [before.store.rows, 0], 'an end in order makes files of all lines');
  });

  test('keeps to its memory budget, whatever is asked of it', async () => {
    const small = await Server.start({ name: 'small', extra: ['--telemetry-memory', '1GiB'] });
    try {
      const told = await upAgain(small);
      assert.equal(told.memoryBudgetBytes, 2 ** 30);
      const limits = spawnSync(PRLIMIT, ['--pid', String(told.pid), '--data', '--raw', '--noheadings', '--output', 'SOFT,HARD'], { encoding: 'utf8' });
      if (limits.status === 0) assert.deepEqual(limits.stdout.trim().split(/\s+/), [String(2 ** 30), String(2 ** 30)]);
    } finally {
      await small.close();
    }
  });

  test('may be turned off or kept in the server', async () => {
    const off = await Server.start({ name: 'off', extra: ['--telemetry', 'off'] });
    try {
      assert.equal((await telemetry(off)).state, 'off');
      assert.equal((await off.call('GET', '/api/v1/logs')).status, 503);
    } finally {
      await off.close();
    }
    const inline = await Server.start({ name: 'inline', extra: ['--telemetry', 'inline'] });
    try {
      assert.equal((await telemetry(inline)).mode, 'inline');
      assert.equal((await inline.ingest([{ message: 'one' }])).accepted, 1);
      assert.equal((await inline.get('/api/v1/logs?query=one')).rows.length, 1);
    } finally {
      await inline.close();
    }
  });
});
