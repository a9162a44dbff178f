// kill -9 at random moments: what was acknowledged is there, nothing is there twice or by half, every
// alert is paged, and timers that fell due meanwhile go off.
//
// ANDON_KILLS says how often (10), ANDON_SEED plays a run again.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Chance, seedOf } from './chance.mjs';
import { Books, Load } from './crash-load.mjs';
import { checkAlerts, checkChanges, checkLedger, checkLines, checkObjects, checkPages } from './crash-verdict.mjs';
import { organisation } from './organisation.mjs';
import { Receiver } from './receiver.mjs';
import { Server, until } from './server.mjs';

const KILLS = Number(process.env.ANDON_KILLS ?? 10);

/** Lets what the dead server sent arrive, so that it counts as sent before its death. */
async function drained(receiver) {
  const open = () => new Promise((resolve) => { receiver.server.getConnections((_error, count) => resolve(count)); });
  await until('the dead server has no connections', async () => (await open()) === 0);
  receiver.life += 1;
}

/** Lets the server live for a while under load, and kills it in the middle of it. */
async function liveAndDie({ server, receiver, books, chance, life }) {
  const load = new Load(server, books, life, chance.between(0, 1e9));
  await new Promise((resolve) => { setTimeout(resolve, chance.between(200, 1_800)); });
  await server.kill();
  await load.end();
  await drained(receiver);
}

/** Starts the server again; now and then it is killed before it is ready. */
async function comeBack({ server, receiver, chance }) {
  let kills = 0;
  while (chance.next() < 0.25) {
    server.spawn();
    await new Promise((resolve) => { setTimeout(resolve, chance.between(1, 300)); });
    await server.kill();
    await drained(receiver);
    kills += 1;
  }
  await server.restart();
  return kills;
}

async function killAgainAndAgain(t, world) {
  const { server, books, chance } = world;
  let [kills, life, events] = [0, 0, 0];
  while (kills < KILLS) {
    await liveAndDie({ ...world, life });
    kills += 1 + await comeBack(world);
    await checkLines(server, books, `crash-${life}`);
    await checkObjects(server, books);
    await checkChanges(server, books);
    await checkAlerts(server, books);
    events = await checkLedger(server, events);
    life += 1;
    // A clean end moves lines from the log into files; the next kills hit both.
    if (chance.next() < 0.2) {
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
      await drained(world.receiver);
      await server.restart();
    }
  }
  let lines = 0;
  for (let past = 0; past < life; past += 1) lines += await checkLines(server, books, `crash-${past}`);
  t.diagnostic(`${kills} kills, ${lines} lines in ${books.batches.length} batches, ${events} events, ${books.changes.size} changes`);
}

describe('a server that is killed', { concurrency: true }, () => {
  test('keeps what it acknowledged, whole and once, and pages every alert', async (t) => {
    const seed = seedOf();
    t.diagnostic(`seed ${seed}: ANDON_SEED=${seed} plays the same moments again`);
    const receiver = await Receiver.open();
    const server = await Server.start({ name: 'crash' });
    try {
      await server.apply(organisation(receiver.url));
      const books = new Books();
      await killAgainAndAgain(t, { server, receiver, books, chance: new Chance(seed) });
      const alerts = await checkAlerts(server, books);
      await until('every page is out', async () => (await server.get('/api/v1/status')).outbox.pending === 0);
      const duplicates = checkPages(receiver, alerts);
      t.diagnostic(`${alerts.length} alerts, each paged; ${duplicates} pages were sent once more after a kill`);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error.message}\n${server.log().slice(-4_000)}`, { cause: error });
    } finally {
      await server.close();
      await receiver.close();
    }
  });

  test('goes on with its timers: what fell due while it was dead happens once it is back', async () => {
    const receiver = await Receiver.open();
    const server = await Server.start({ name: 'timers' });
    try {
      await server.apply(organisation(receiver.url));
      // A second way to reach maya, used eight seconds after the first.
      await server.apply(`{apiVersion: andon.dev/v1, kind: ContactMethod, metadata: {name: maya-late},
        spec: {user: maya, channel: webhook, target: "${receiver.url}/maya-late", delay: 8s}}`);
      await server.api('POST', '/api/v2/alerts', [{ labels: { alertname: 'Slow', id: 'timer', service: 'payments', escalation_policy: 'impatient' } }]);
      const alert = await until('maya is paged, and the server knows', async () => {
        const [item] = (await server.get('/api/v1/alerts')).items;
        return item.status.pages?.some((page) => page.state === 'accepted') && item;
      });
      const dueAt = Date.parse(alert.status.nextDueAt);
      await server.kill();
      assert.ok(Date.now() < dueAt, 'the step is not due yet');
      await drained(receiver);
      await until('the step is due', () => Date.now() > dueAt + 500);
      assert.deepEqual(receiver.pages.map((page) => page.path), ['/maya']);
      await server.restart();
      await until('sam is paged', () => receiver.pages.some((page) => page.path === '/sam'));
      await until('maya is paged the second way', () => receiver.pages.some((page) => page.path === '/maya-late'));
      await until('no page is left', async () => (await server.get('/api/v1/status')).outbox.pending === 0);
      assert.deepEqual(receiver.pages.map((page) => page.path).sort(), ['/maya', '/maya-late', '/sam']);
      const after = await server.get(`/api/v1/alerts/${alert.metadata.name}`);
      assert.equal(after.status.step, 1);
      assert.ok(Date.parse(after.status.nextDueAt) > Date.now(), 'the next step is due later');
    } finally {
      await server.close();
      await receiver.close();
    }
  });
});
