// Log files, as docs/guides/import-log-files.md says: interrupted, resumed, and looked at on the disk afterwards.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { block } from './senders.mjs';
import { Server, newFolder, removeFolder, run, spawnOwned, until } from './server.mjs';

const GUIDE = 'import-log-files.md';
const LARGE_LINES = 120_000;

describe('log files', () => {
  let [server, folder] = [];

  before(async () => {
    server = await Server.start({ name: 'import' });
    folder = newFolder('import-files');
  });

  after(async () => {
    await server?.close();
    if (folder) removeFolder(folder);
  });

  const env = () => ({
    ...process.env, ANDON_URL: server.url, ANDON_TOKEN: server.token, NO_COLOR: '1',
    XDG_STATE_HOME: path.join(folder, 'state'), PATH: `${path.dirname(server.binary)}:${process.env.PATH}`,
  });
  const shell = (words) => run('sh', ['-e', '-c', block(GUIDE, words)], { cwd: folder, env: env() });
  const counted = async (query) => (await server.get(`/api/v1/logs/count?query=${encodeURIComponent(query)}&since=${encodeURIComponent('2000-01-01T00:00:00Z')}`)).count;
  const different = async (query) => {
    const answer = await server.api('POST', '/api/v1/logs/aggregate', { query, since: '2000-01-01T00:00:00Z', measures: [{ type: 'count' }, { type: 'distinct', field: 'import.line' }] });
    return answer.rows[0];
  };

  test('the commands of the guide store every line once, and a second call stores nothing', async () => {
    const trace = '2026-01-31 08:00:02,000 ERROR [main] charge failed\njava.lang.IllegalStateException: boom\n\tat shop.Pay(Pay.java:7)\n';
    writeFileSync(path.join(folder, 'app.log'), `2026-01-31 08:00:00,123 INFO [main] started\n${trace}`);
    writeFileSync(path.join(folder, 'app.log.1.gz'), gzipSync('{"message":"packed","timestamp":"2026-01-30T08:00:00Z"}\n'));
    writeFileSync(path.join(folder, 'other.log'), 'Jan 31 08:00:00 web01 sshd[7]: session opened\nJan 31 08:00:01 web01 sshd[7]: session closed\n');
    const { code, stderr, stdout } = await shell('sh import');
    assert.equal(code, 0, stderr + stdout);
    const rows = (await server.get(`/api/v1/logs?query=service:shop&since=${encodeURIComponent('2000-01-01T00:00:00Z')}&order=oldest`)).rows;
    assert.deepEqual(rows.map((row) => row.timestamp), ['2026-01-30T08:00:00Z', '2026-01-31T08:00:00.123Z', '2026-01-31T08:00:02Z']);
    assert.deepEqual(rows.slice(1).map((row) => row.severity), ['info', 'error']);
    assert.equal(rows[2].message, trace.trimEnd());
    assert.equal(await counted('service:other AND resource.host.name:web01'), 2);
    assert.equal((await shell('sh again')).code, 0);
    assert.equal(await counted('service:shop'), 3);
    assert.match((await shell('sh look')).stdout, /started/);
  });

  test('kill -9 of the import and of the server: no line is missing, none is there twice', async () => {
    const file = path.join(folder, 'large.log');
    writeFileSync(file, Array.from({ length: LARGE_LINES }, (_, order) => `2026-01-31T08:00:00Z INFO large order ${order}\n`).join(''));
    const states = () => path.join(folder, 'state/andon/imports');
    const begun = () => existsSync(states()) && readdirSync(states()).some((name) => {
      if (!name.endsWith('.json')) return false;
      const state = JSON.parse(readFileSync(path.join(states(), name), 'utf8'));
      return state.path === file && state.lines > 0 && state.finishedBytes === undefined;
    });
    const start = () => spawnOwned(server.binary, ['import', file, '--service', 'large', '-o', 'json'], { env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
    const first = start();
    let ended = false;
    first.ended.then(() => { ended = true; });
    await until('the import has begun', async () => ended || begun());
    first.kill('SIGKILL');
    await first.ended;
    const second = start();
    let killed = false;
    second.ended.then(() => { killed ||= true; });
    await until('lines arrive again', async () => killed || await counted('service:large').catch(() => 0) > 0);
    await server.kill();
    await server.restart();
    await second.ended;
    const last = await run(server.binary, ['import', file, '--service', 'large'], { env: env() });
    assert.equal(last.code, 0, last.stderr);
    assert.deepEqual(await different('service:large'), [LARGE_LINES, LARGE_LINES]);
  });

  test('a line of a list is cut and is there whole by its id; a boost is ignored with a note', async () => {
    await server.ingest([{ message: `long ${'x'.repeat(500_000)}`, service: 'long' }]);
    const answer = await server.get('/api/v1/logs?query=long%5E2%20AND%20service:long&clip=100');
    const [row] = answer.rows;
    assert.deepEqual([row.message.length, row.clipped], [100, { message: 500_005 }]);
    assert.deepEqual(answer.notes.map(({ code, column }) => [code, column]), [['log-query-boost-ignored', 5]]);
    assert.equal((await server.get(`/api/v1/logs/${row.id}`)).message.length, 500_005);
    assert.equal((await server.call('GET', '/api/v1/logs/999999999')).body.code, 'LOG-0010');
    const { stderr } = await server.andon(['logs', 'long^2 AND service:long']);
    assert.match(stderr, /note: the boost \(\^\) is ignored.* \(at 1:5\)/);
  });

  test('files are looked at beside the server, and mended when it is stopped', async () => {
    const data = ['--data', server.data];
    const told = await server.andonJson(['telemetry', 'inspect', ...data]);
    assert.deepEqual([told.damage, told.rows + told.loggedRows > LARGE_LINES], [[], true]);
    const inUse = await server.andon(['telemetry', 'repair', ...data]);
    assert.notEqual(inUse.code, 0);
    assert.match(inUse.stderr, /Stop the server first/);
    // Ended in order, it would leave no log of lines behind.
    await server.kill();
    const telemetry = path.join(server.data, 'telemetry');
    const log = readdirSync(telemetry).filter((name) => name.endsWith('.wal')).sort().at(-1);
    const before = await server.andonJson(['telemetry', 'inspect', ...data]);
    appendFileSync(path.join(telemetry, log), 'torn by a power cut');
    const segment = readdirSync(telemetry).find((name) => name.endsWith('.index'));
    if (segment) {
      const bytes = readFileSync(path.join(telemetry, segment));
      bytes[bytes.length - 40] ^= 1;
      writeFileSync(path.join(telemetry, segment), bytes);
      const damaged = await server.andon(['telemetry', 'inspect', ...data]);
      assert.deepEqual([damaged.code, /checksum|damaged/.test(damaged.stderr)], [1, true], damaged.stderr);
    }
    const plan = await server.andon(['telemetry', 'repair', '--dry-run', ...data]);
    assert.equal(plan.code, 1, plan.stderr);
    const report = await server.andonJson(['telemetry', 'repair', ...data]);
    assert.equal(report.lostRows, 0, JSON.stringify(report));
    assert.ok(readdirSync(path.join(telemetry, 'quarantine')).length > 0);
    const mended = await server.andonJson(['telemetry', 'inspect', ...data]);
    assert.deepEqual([mended.damage, mended.rows + mended.loggedRows], [[], before.rows + before.loggedRows]);
    await server.restart();
    assert.deepEqual(await different('service:large'), [LARGE_LINES, LARGE_LINES]);
  });
});
