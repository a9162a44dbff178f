// Files of log lines are kept in a bucket of a real S3 server, as docs/guides/object-store.md says: every answer is the
// same with an empty disk, what is away is named, and no line or object is lost or left over through kills of both sides.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BucketServer, KEY, StrictBucketServer } from './bucket-server.mjs';
import { Chance, seedOf } from './chance.mjs';
import { block, filled } from './senders.mjs';
import { Server, newFolder, removeFolder, until } from './server.mjs';

const GUIDE = 'object-store.md';
const LINES = 2_000;
const KILLS = Number(process.env.ANDON_HOME_KILLS ?? 4);
const FAR = encodeURIComponent('2100-01-01T00:00:00Z');
const RIGHTS = ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:ListBucket'];

const lines = (batch, count = LINES) => Array.from({ length: count }, (_, line) => ({
  timestamp: new Date(Date.now() - 3_600_000 + line).toISOString(), service: 'payments', level: line % 4 ? 'info' : 'error',
  message: `batch ${batch} line ${line} took ${line % 97} ms`, batch, line,
}));

const home = async (server) => (await server.get('/api/v1/telemetry/status')).store?.home;
const count = (server, query = '*') => server.get(`/api/v1/logs/count?query=${encodeURIComponent(query)}&since=24h&until=${FAR}`);
const segments = (server) => readdirSync(path.join(server.data, 'telemetry')).filter((name) => name.startsWith('seg-'));
const figures = async (server) => {
  const rows = await server.sql("SELECT count(*) AS lines, count(DISTINCT message) AS texts, sum(attr_number(attributes, 'line')) AS sum FROM logs WHERE service = 'payments'");
  return rows[0];
};
const expected = (batches) => ({ lines: batches * LINES, texts: batches * LINES, sum: batches * (LINES * (LINES - 1)) / 2 });

const isUp = (server) => until('telemetry is up', async () => (await server.get('/api/v1/telemetry/status')).state === 'up');

/** Has lines in memory become files, and waits until all of them are in the bucket. */
async function settle(server) {
  await server.stop();
  await server.restart();
  await isUp(server);
  return until('everything is in the bucket', async () => {
    const told = await home(server);
    const store = (await server.get('/api/v1/telemetry/status')).store;
    return told && told.waiting.segments === 0 && told.stored.segments > 0 && store.memory_rows === 0 && told;
  });
}

/** Takes the disk of segments away while the server is stopped. */
function forget(server) {
  for (const name of segments(server)) rmSync(path.join(server.data, 'telemetry', name));
}

describe('segments in a bucket', () => {
  let [bucket, folder] = [];

  before(async () => {
    bucket = await BucketServer.start();
    folder = newFolder('home-files');
  }, { timeout: 700_000 });

  after(async () => {
    await bucket?.close();
    if (folder) removeFolder(folder);
  });

  /** The options of the guide for a bucket of one's own. */
  const own = (prefix, key = KEY, url = bucket.url) => {
    const file = path.join(folder, prefix);
    writeFileSync(file, `[default]\naws_access_key_id = ${key.AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${key.AWS_SECRET_ACCESS_KEY}\n`, { mode: 0o600 });
    const command = filled(block(GUIDE, 'sh own-server'), [['http://minio.example.com:9000', url], ['/live?', `/${prefix}?`], ['/etc/andon/s3-credentials', file]]);
    const parts = command.replaceAll('\\\n', ' ').trim().match(/'[^']*'|\S+/g).map((part) => part.replace(/^'|'$/g, ''));
    assert.deepEqual(parts.slice(0, 4), ['andon', 'serve', '--data', '/var/lib/andon'], command);
    return parts.slice(4);
  };
  const inside = (prefix) => [...bucket.objects().keys()].filter((name) => name.startsWith(`${prefix}/`));

  test('a server without any segment on its disk answers every question from the bucket', async () => {
    const server = await Server.start({ name: 'home', extra: own('plain') });
    try {
      for (let batch = 0; batch < 3; batch += 1) await server.ingest(lines(batch));
      const told = await settle(server);
      assert.equal(told.stored.rows, 3 * LINES);
      assert.equal(inside('plain').length, 2 * told.stored.segments, inside('plain').join());
      await server.stop();
      forget(server);
      assert.deepEqual(segments(server), []);
      await server.restart();
      await isUp(server);
      assert.deepEqual(await figures(server), expected(3));
      const errors = await count(server, 'level:error');
      assert.deepEqual([errors.count, errors.complete], [3 * LINES / 4, true]);
      const found = await server.get(`/api/v1/logs?query=${encodeURIComponent('"batch 1 line 77"')}&since=24h&until=${FAR}&limit=10`);
      assert.equal(JSON.stringify(found).includes('batch 1 line 77 took 77 ms'), true);
      const later = await home(server);
      assert.ok(later.fetched_files >= 2 && later.cached_bytes > 0 && segments(server).length >= 2, JSON.stringify(later));
      const { stdout } = await server.andon(['telemetry', 'status']);
      assert.match(stdout, /Segments\n(.|\n)*place +s3:\/\/acme-logs\/plain(.|\n)*stored +6,000 lines/);
      assert.ok(!/X-Amz-Signature/.test(server.log()));
    } finally {
      await server.close();
    }
  });

  test('a bucket that is away is named by the answers, takes no line, and gives all of them when it is back', async () => {
    const server = await Server.start({ name: 'home-away', extra: own('away') });
    try {
      await server.ingest(lines(0));
      await settle(server);
      await server.stop();
      forget(server);
      await server.restart();
      await isUp(server);
      await bucket.kill();
      assert.equal((await server.ingest(lines(1))).accepted, LINES);
      const part = await count(server, 'took');
      assert.deepEqual([part.count, part.complete], [LINES, false]);
      assert.match(part.missing.join(), /segment \d+: .*s3:\/\/acme-logs\/away.*cannot be reached/);
      const refused = await server.call('POST', '/api/v1/sql', { sql: 'SELECT count(DISTINCT message) FROM logs' });
      assert.ok(refused.status >= 400 && /cannot be reached/.test(refused.text), refused.text);
      await bucket.open();
      await until('the bucket is asked again', async () => (await count(server, 'took')).complete);
      assert.deepEqual(await figures(server), expected(2));
    } finally {
      if (!bucket.child || bucket.child.exitCode !== null || bucket.child.signalCode !== null) await bucket.open();
      await server.close();
    }
  });

  test('killed at random moments, no line is lost or there twice, and no object is left over', async () => {
    const seed = seedOf();
    const chance = new Chance(seed);
    const server = await Server.start({ name: 'home-kill', extra: own('kill') });
    try {
      for (let round = 0; round < KILLS; round += 1) {
        await server.ingest(lines(round));
        // Ended in order it makes a file of the lines, which goes to the bucket while it is killed.
        await server.stop();
        await server.restart();
        await new Promise((resolve) => { setTimeout(resolve, chance.between(0, 2_500)); });
        await server.kill();
        await server.restart();
        await isUp(server);
        assert.deepEqual(await figures(server), expected(round + 1), `seed ${seed}, round ${round}`);
        await settle(server);
      }
      await until('objects that nothing lists are gone', async () => inside('kill').length === 2 * (await home(server)).stored.segments);
      await server.stop();
      forget(server);
      await server.restart();
      await isUp(server);
      assert.deepEqual(await figures(server), expected(KILLS), `seed ${seed}`);
    } finally {
      await server.close();
    }
  });

  test('the rights that the guide names are enough, and a wrong secret is told', { timeout: 700_000 }, async () => {
    const strict = await StrictBucketServer.start(RIGHTS);
    const server = await Server.start({ name: 'home-strict', extra: own('strict', { ...strict.key, AWS_SECRET_ACCESS_KEY: 'hush-hush' }, strict.url) });
    try {
      await server.ingest(lines(0));
      await server.stop();
      await server.restart();
      const failing = await until('the status tells', async () => (await home(server))?.failing);
      assert.match(failing.message, /the secret does not fit the access key/);
      assert.ok(!server.log().includes('hush-hush'));
      assert.equal((await count(server)).count, LINES);
      own('strict', strict.key, strict.url);
      await settle(server);
      await server.stop();
      forget(server);
      await server.restart();
      await isUp(server);
      assert.deepEqual(await figures(server), expected(1));
    } finally {
      await server.close();
      await strict.close();
    }
  });
});

test('a place that makes no sense is refused at the start', async () => {
  const folder = newFolder('home-refused');
  try {
    for (const extra of [['--segments', 'ftp://x'], ['--segments', `file://${folder}/none`], ['--segments', `file://${folder}`, '--segments-cache', '1MiB']]) {
      const refused = await Server.start({ name: 'home-none', extra }).then(async (server) => { await server.close(); return undefined; }, (error) => error);
      assert.match(String(refused), /error: .*(.|\n)*hint: /);
    }
    assert.ok(existsSync(folder));
  } finally {
    removeFolder(folder);
  }
});
