// Lines go to a bucket of a real S3 server and come back, as docs/guides/archive-logs.md says: none is lost or there
// twice, through kills of both sides; what is wrong with the bucket is told with what to do.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUCKET, BucketServer, KEY, StrictBucketServer } from './bucket-server.mjs';
import { Chance, seedOf } from './chance.mjs';
import { block, filled } from './senders.mjs';
import { Server, newFolder, removeFolder, run, until } from './server.mjs';

const GUIDE = 'archive-logs.md';
const LINES = 2_000;
const BATCHES = 4;
const KILLS = Number(process.env.ANDON_ARCHIVE_KILLS ?? 4);
const FAR = '2100-01-01T00:00:00Z';
const DAY_MS = 86_400_000;

/** Lines of a time between 60 and 90 days ago, as the guide speaks of it. */
const old = (batch, count = LINES) => Array.from({ length: count }, (_, line) => ({
  timestamp: new Date(Date.now() - 75 * DAY_MS + line).toISOString(), service: 'payments', level: line % 4 ? 'info' : 'error',
  message: `batch ${batch} line ${line} took ${line % 97} ms`, batch, line,
}));

const state = (server) => server.get('/api/v1/telemetry/archive');
const all = (server) => server.get(`/api/v1/logs/count?query=*&since=8760h&until=${encodeURIComponent(FAR)}`);
const figures = async (server) => {
  const rows = await server.sql("SELECT count(*) AS lines, count(DISTINCT message) AS texts, sum(attr_number(attributes, 'line')) AS sum FROM logs WHERE service = 'payments'");
  return rows[0];
};

/** The options of a command of the guide, without where its data are. */
function options(words, replacements) {
  const command = filled(block(GUIDE, words), replacements).split('\n').filter((line) => !line.startsWith('export ')).join(' ').replaceAll('\\ ', ' ');
  const parts = command.trim().match(/'[^']*'|\S+/g).map((part) => part.replace(/^'|'$/g, ''));
  assert.deepEqual(parts.slice(0, 4), ['andon', 'serve', '--data', '/var/lib/andon'], command);
  return parts.slice(4);
}

/** Runs a block of the guide against a server. */
async function guide(server, words, replacements = []) {
  const env = { ...process.env, NO_COLOR: '1', ANDON_URL: server.url, ANDON_TOKEN: server.token, PATH: `${path.dirname(server.binary)}:${process.env.PATH}` };
  return run('sh', ['-e', '-c', filled(block(GUIDE, words), replacements)], { env });
}

async function must(answer) {
  const { code, stdout, stderr } = await answer;
  assert.equal(code, 0, `${stdout}${stderr}`);
  return { stdout, stderr };
}

describe('an archive in a bucket', () => {
  let [bucket, folder] = [];

  before(async () => {
    bucket = await BucketServer.start();
    folder = newFolder('archive-files');
  }, { timeout: 700_000 });

  after(async () => {
    await bucket?.close();
    if (folder) removeFolder(folder);
  });

  const credentials = (name, secret, key = KEY.AWS_ACCESS_KEY_ID) => {
    const file = path.join(folder, name);
    writeFileSync(file, filled(block(GUIDE, 'ini credentials'), [['AKIAEXAMPLE', key], ['the-secret', secret]]), { mode: 0o600 });
    return file;
  };
  const own = (prefix, file, url = bucket.url) => options('sh own-server', [['http://minio.example.com:9000', url], ['/andon?', `/${prefix}?`], ['/etc/andon/s3-credentials', file]]);
  const inside = (prefix) => [...bucket.objects().keys()].filter((name) => name.startsWith(`${prefix}/`));

  test('the commands of the guide: lines go, searches say so, lines come back, and the ledger knows who asked', async () => {
    const server = await Server.start({ name: 'archive', extra: own('guide', credentials('guide', KEY.AWS_SECRET_ACCESS_KEY)) });
    try {
      for (let batch = 0; batch < BATCHES; batch += 1) await server.ingest(old(batch));
      const before = await figures(server);
      assert.equal(before.lines, LINES * BATCHES);
      const moved = await must(guide(server, 'sh archive', [['--before 7d', `--before ${FAR}`]]));
      assert.match(moved.stdout, /^archived: 8,000 lines in \d+ segments?, .*\/s\n$/);
      assert.ok(inside('guide').length >= 2 && inside('guide').length % 2 === 0, inside('guide').join());

      const found = await must(guide(server, 'sh search'));
      assert.match(found.stderr, /8,?000 lines of this time are in the archive and were not searched; to bring them back: andon telemetry restore --since \S+ --until \S+/);
      const { count, notes } = await all(server);
      assert.deepEqual([count, notes.length], [0, 1]);
      const sql = await server.api('POST', '/api/v1/sql', { sql: 'SELECT count(*) FROM logs' });
      assert.match(sql.notes[0].message, /8,?000 lines/);
      const file = await server.call('GET', '/api/v1/logs/export?query=*&since=8760h');
      assert.match(file.headers['andon-notes'], /8,?000 lines/);
      const told = await must(guide(server, 'sh status'));
      assert.match(told.stdout, /archived +8,000 lines/);

      const back = await must(guide(server, 'sh restore'));
      assert.match(back.stdout, /^restored: 8,000 lines/);
      assert.deepEqual(await figures(server), before);
      assert.equal((await must(guide(server, 'sh search'))).stderr.includes('in the archive'), false);
      assert.match((await must(guide(server, 'sh audit'))).stdout, /restore\.requested/);
      // What the answer told is a command that works, too.
      const command = notes[0].message.split('bring them back: ')[1];
      await must(run('sh', ['-e', '-c', command], { env: { ...process.env, ANDON_URL: server.url, ANDON_TOKEN: server.token, PATH: `${path.dirname(server.binary)}:${process.env.PATH}` } }));

      const reader = await server.newToken('engineer');
      for (const target of ['/api/v1/telemetry/archive', '/api/v1/telemetry/restore']) {
        assert.equal((await server.call('POST', target, { since: '90d', until: '60d' }, { token: reader })).status, 403, target);
      }
      assert.ok(!server.log().includes(KEY.AWS_SECRET_ACCESS_KEY + '\n') && !/X-Amz-Signature/.test(server.log()));
    } finally {
      await server.close();
    }
  });

  /** What the guide says that a key needs. */
  const rights = readFileSync(new URL(`../../docs/guides/${GUIDE}`, import.meta.url), 'utf8').match(/`s3:\w+`/g).map((name) => name.slice(1, -1));

  test('a wrong secret is told with what to do, and works without a restart once it is right', { timeout: 700_000 }, async () => {
    const strict = await StrictBucketServer.start([...new Set(rights)]);
    const file = credentials('wrong', 'hush-hush', strict.key.AWS_ACCESS_KEY_ID);
    const server = await Server.start({ name: 'archive-secret', extra: own('secret', file, strict.url) });
    try {
      await server.ingest(old(0));
      const refused = await server.andon(['telemetry', 'archive', '--before', FAR]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /LOG-0005.*the secret does not fit the access key/s);
      assert.match(refused.stderr, /file of credentials/);
      assert.equal((await all(server)).count, LINES, 'lines stay');
      assert.ok(!server.log().includes('hush-hush') && !refused.stderr.includes('hush-hush'));
      credentials('wrong', strict.key.AWS_SECRET_ACCESS_KEY, strict.key.AWS_ACCESS_KEY_ID);
      await must(server.andon(['telemetry', 'archive', '--before', FAR]));
      assert.equal((await state(server)).archived.rows, LINES);
      await must(guide(server, 'sh restore'));
      assert.equal((await figures(server)).lines, LINES);
    } finally {
      await server.close();
      await strict.close();
    }
  });

  test('a key that the server does not know, and one that may not write, are told apart', { timeout: 700_000 }, async () => {
    const strict = await StrictBucketServer.start(['s3:GetObject']);
    const file = credentials('unknown', 'x', 'AKIANOBODY');
    const server = await Server.start({ name: 'archive-key', extra: own('key', file, strict.url) });
    try {
      await server.ingest(old(0, 10));
      const unknown = await server.andon(['telemetry', 'archive', '--before', FAR]);
      assert.match(unknown.stderr, /LOG-0005.*does not know the access key/s);
      credentials('unknown', strict.key.AWS_SECRET_ACCESS_KEY, strict.key.AWS_ACCESS_KEY_ID);
      const refused = await server.andon(['telemetry', 'archive', '--before', FAR]);
      assert.match(refused.stderr, /LOG-0005.*may not use the bucket.*s3:PutObject/s);
      assert.equal((await all(server)).count, 10);
    } finally {
      await server.close();
      await strict.close();
    }
  });

  test('a bucket that is not there is named', async () => {
    const extra = own('x', credentials('bucket', KEY.AWS_SECRET_ACCESS_KEY)).map((part) => part.replace(BUCKET, 'no-such-bucket'));
    const server = await Server.start({ name: 'archive-bucket', extra });
    try {
      await server.ingest(old(0, 10));
      const refused = await server.andon(['telemetry', 'archive', '--before', FAR]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /LOG-0005.*there is no bucket `no-such-bucket`.*make the bucket/s);
    } finally {
      await server.close();
    }
  });

  test('an S3 server that is away holds up nobody, and everything goes there when it is back', async () => {
    const extra = own('away', credentials('away', KEY.AWS_SECRET_ACCESS_KEY)).map((part) => (part === '30d' ? '1s' : part));
    const server = await Server.start({ name: 'archive-away', extra });
    try {
      await bucket.kill();
      await server.ingest(old(0));
      const refused = await server.andon(['telemetry', 'archive', '--before', FAR]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /LOG-0005.*cannot be reached/s);
      const failing = await until('the status tells', async () => { const told = await state(server); return told.failing && told.waiting.rows === LINES && told; });
      assert.ok(failing.failing.hint && failing.retryAt);
      assert.equal((await server.ingest(old(1))).accepted, LINES);
      assert.equal((await all(server)).count, 2 * LINES);
      await bucket.open();
      const moved = await until('it has gone by itself', async () => { const told = await state(server); return told.waiting.rows === 0 && told.archived.rows > 0 && told; });
      assert.equal(moved.failing, null);
      await must(server.andon(['telemetry', 'restore', '--since', '90d', '--until', '60d']));
      assert.equal((await figures(server)).lines, 2 * LINES);
    } finally {
      await server.close();
    }
  });

  test('killed at random moments on both ways, no line is lost or there twice, and no object is left over', async () => {
    const seed = seedOf();
    const chance = new Chance(seed);
    const server = await Server.start({ name: 'archive-kill', extra: own('kill', credentials('kill', KEY.AWS_SECRET_ACCESS_KEY)) });
    try {
      let batches = 0;
      for (let round = 0; round < KILLS; round += 1) {
        await server.ingest(old(batches));
        batches += 1;
        const [target, body] = round % 2 ? ['/api/v1/telemetry/restore', { since: '90d', until: '60d' }] : ['/api/v1/telemetry/archive', { before: FAR }];
        const asked = server.call('POST', target, body).catch(() => undefined);
        await new Promise((resolve) => { setTimeout(resolve, chance.between(0, 300)); });
        await server.kill();
        await asked;
        await server.restart();
        await until('telemetry is up', async () => (await server.get('/api/v1/telemetry/status')).state === 'up');
        const told = await state(server);
        const here = await figures(server);
        assert.equal(Number(here.lines) + told.archived.rows - told.restored.rows, batches * LINES, `seed ${seed}, round ${round}: ${JSON.stringify([here, told])}`);
      }
      await must(server.andon(['telemetry', 'archive', '--before', FAR]));
      const sum = batches * (LINES * (LINES - 1)) / 2;
      await must(server.andon(['telemetry', 'restore', '--since', '90d', '--until', '60d']));
      assert.deepEqual(await figures(server), { lines: batches * LINES, texts: batches * LINES, sum }, `seed ${seed}`);
      await until('objects that nothing lists are gone', async () => inside('kill').length === 2 * (await state(server)).archived.segments);
    } finally {
      await server.close();
    }
  });
});

test('an archive in a folder, as the guide says; one that is not there is refused at the start', async () => {
  const place = newFolder('archive-folder');
  try {
    const mounted = path.join(place, 'mounted');
    const extra = options('sh folder', [['/mnt/archive', mounted]]);
    const early = await Server.start({ name: 'archive-early', extra }).then(async (server) => { await server.close(); return undefined; }, (error) => error);
    assert.match(String(early), /is not there.*mount/s);
    mkdirSync(mounted);
    const server = await Server.start({ name: 'archive-folder', extra });
    try {
      await server.ingest(old(0));
      await must(server.andon(['telemetry', 'archive', '--before', FAR]));
      assert.equal(readdirSync(mounted).length, 2);
      assert.equal((await all(server)).count, 0);
      await must(server.andon(['telemetry', 'restore', '--since', '90d', '--until', '60d', '--for', '1h']));
      assert.equal((await all(server)).count, LINES);
    } finally {
      await server.close();
    }
  } finally {
    removeFolder(place);
  }
});

test('without an archive, and with one that makes no sense, the command and the start say what to do', async () => {
  const server = await Server.start({ name: 'archive-none' });
  try {
    const refused = await server.andon(['telemetry', 'restore', '--since', '90d', '--until', '60d']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /LOG-0006.*without an archive.*--archive/s);
    for (const extra of [['--archive', 's3://acme-logs'], ['--archive', 'ftp://x'], ['--archive', 'file:///tmp', '--archive-after', '60d']]) {
      const clean = Object.fromEntries(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].map((name) => [name, '']));
      const { code, stderr } = await run(server.binary, ['serve', '--data', path.join(server.folder, 'other'), ...extra], { env: { ...process.env, ...clean } });
      assert.equal(code, 2, stderr);
      assert.match(stderr, /error: .*\nhint: /s);
    }
  } finally {
    await server.close();
  }
});
