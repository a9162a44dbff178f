// Deletion by query with proof, and streams, as their guides say, on a real server that is killed in between.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { block } from './senders.mjs';
import { Server, andonBinary, run, until } from './server.mjs';

const LINES = 3_000;
const USERS = 30;

describe('deletion and streams', () => {
  let server;

  before(async () => {
    server = await Server.start({ name: 'deletion' });
  });
  after(async () => { await server?.close(); });

  /** Runs commands of a guide in a shell whose `andon` is the binary under test. */
  const shell = async (script) => {
    const env = { ...process.env, ANDON_URL: server.url, ANDON_TOKEN: server.token, NO_COLOR: '1', PATH: `${path.dirname(andonBinary())}:${process.env.PATH}` };
    return run('bash', ['-euc', `andon() { ${andonBinary()} "$@"; }\n${script}`], { env, cwd: server.folder });
  };

  const line = (number, more = {}) => JSON.stringify({ service: number % 3 === 0 ? 'auth' : 'shop', level: number % 2 === 0 ? 'debug' : 'info', message: `request ${number}`, user_id: `u${450 + (number % USERS)}`, ...more });
  const send = async (from, to, more) => {
    const body = Array.from({ length: to - from }, (_, index) => line(from + index, more)).join('\n');
    return server.api('POST', '/api/v1/ingest/ndjson?message_field=message', body, { headers: { 'content-type': 'application/x-ndjson' } });
  };
  const count = async (query) => (await server.get(`/api/v1/logs/count?query=${encodeURIComponent(query)}`)).count;

  test('a deletion hides at once, survives a kill, and is proven', async () => {
    await send(0, LINES);
    const matching = await count('user_id:u479');
    assert.equal(matching, LINES / USERS);

    const dry = await shell(`${block('delete-logs.md', 'sh dry-run')} -o json`);
    assert.deepEqual([dry.code, JSON.parse(dry.stdout).count], [0, matching]);
    const asked = await shell(block('delete-logs.md', 'sh delete').replace(' --yes', ''));
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /--yes/);
    assert.equal(await count('user_id:u479'), matching);

    const deleted = await shell(block('delete-logs.md', 'sh delete'));
    assert.equal(deleted.code, 0, deleted.stderr);
    await server.kill();
    await server.restart();
    assert.equal(await until('the store answers', async () => (await count('*')) >= 0 && (await count('user_id:u479')) === 0), true);
    assert.equal(await count('*'), LINES - matching);
    assert.deepEqual(await server.sql("SELECT count(*) AS n FROM logs WHERE attr(attributes, 'user_id') = 'u479'"), [{ n: 0 }]);

    const verified = await until('the deletion is verified', async () => {
      const tried = await shell(block('delete-logs.md', 'sh verify'));
      return tried.code === 0 && tried;
    });
    assert.match(verified.stdout, /verified: 0 stored lines match/);
    const { digest, removedRows, records } = await server.get('/api/v1/logs/deletions/del-1');
    assert.equal(removedRows, matching);
    assert.ok(records.length > 0);
    const proof = readFileSync(path.join(server.data, 'telemetry', 'deletion-0000000000000001.json'));
    assert.equal(createHash('sha256').update(proof).digest('hex'), digest);
    const audit = await shell(`${block('delete-logs.md', 'sh audit')} --since 1h -o json`);
    assert.match(audit.stdout, new RegExp(digest));
    assert.match((await shell(block('delete-logs.md', 'sh list'))).stdout, /finished/);

    // Lines that come later are other lines.
    await send(0, USERS);
    assert.equal(await count('user_id:u479'), 1);
  });

  test('only administrators delete, a reason is needed, and a wrong query is told with its column', async () => {
    const engineer = await server.newToken('engineer', { user: undefined });
    const body = { query: 'user_id:u451', reason: 'try' };
    assert.equal((await server.call('POST', '/api/v1/logs/deletions', body, { token: engineer })).status, 403);
    assert.equal((await server.call('POST', '/api/v1/logs/deletions', { query: 'user_id:u451' })).status, 400);
    const wrong = await server.call('POST', '/api/v1/logs/deletions', { query: 'user_id:(u451', reason: 'try' });
    assert.deepEqual([wrong.status, wrong.body.code], [400, 'LOG-0001']);
    assert.match(wrong.body.place, /^query:1:/);
    assert.equal((await server.call('GET', '/api/v1/logs/deletions/del-99')).status, 404);
    assert.ok(await count('user_id:u451') > 0);
  });

  test('streams keep lines apart, and the store knows them after a restart of its process', async () => {
    // What is in memory now becomes files of the default stream.
    await server.stop();
    await server.restart();
    writeFileSync(path.join(server.folder, 'streams.yaml'), block('streams.md', 'yaml streams'));
    const applied = await shell(block('streams.md', 'sh apply'));
    assert.equal(applied.code, 0, applied.stderr);
    const known = async () => Object.fromEntries((await server.get('/api/v1/telemetry/streams')).items.map((stream) => [stream.name, stream]));
    await until('the store knows the streams', async () => (await known()).audit?.known && (await known()).debug?.known);
    assert.deepEqual([(await known()).debug.retentionSeconds, (await known()).debug.sizeBytes, (await known()).audit.retentionSeconds], [3_600, 10_000_000, 365 * 86_400]);
    await send(0, 600, { event: 'login' });
    // A start makes files of what the log holds in order: the streams must be known before the server speaks.
    await server.stop();
    await server.restart();
    const streams = await until('lines are in their streams', async () => {
      const all = await known();
      return all.audit.rows === 200 && all;
    });
    assert.equal(streams.debug.rows, 200, 'lines of the audit stream that are debug lines, too, are audit lines');
    assert.match((await shell('andon telemetry streams')).stdout, /audit .*\n.*debug /);
    const refused = await server.call('PUT', '/api/v1/streams/default', { apiVersion: 'andon.dev/v1', kind: 'Stream', metadata: { name: 'default' }, spec: { query: '*' } });
    assert.deepEqual([refused.status, refused.body.code], [422, 'SIG-0003']);
    const broken = await server.call('PUT', '/api/v1/streams/broken', { apiVersion: 'andon.dev/v1', kind: 'Stream', metadata: { name: 'broken' }, spec: { query: 'level:(debug' } });
    assert.deepEqual([broken.status, broken.body.code], [422, 'SIG-0003']);
    assert.match(broken.body.place, /^spec\.query\[1:/);
  });
});
