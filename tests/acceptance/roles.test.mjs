// The logs on a machine of their own, as docs/guides/separate-logs.md says: two real processes and a network between
// them that is cut. Nothing acknowledged is lost, people are paged, and nobody without the token gets in.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { organisation } from './organisation.mjs';
import { Receiver } from './receiver.mjs';
import { block, filled } from './senders.mjs';
import { Server, andonBinary, freePort, newFolder, removeFolder, run, spawnOwned, until } from './server.mjs';

const GUIDE = 'separate-logs.md';
const ALARM = `{apiVersion: andon.dev/v1, kind: Alarm, metadata: {name: flood},
  spec: {service: "component:default/payments", query: "batch:*", window: 1s, comparison: above, threshold: 1000000000}}`;
/** Large enough to be seen on the network, and not done before the test is. */
const LONG_STATEMENT = `SELECT max(a.message || b.message || c.message || d.message) FROM logs a, logs b, logs c, logs d -- ${'x'.repeat(20_000)}`;

/** The options of a command of the guide. */
function options(words, replacements) {
  const command = filled(block(GUIDE, words), replacements).replaceAll('\\\n', ' ').trim().split(/\s+/);
  assert.deepEqual(command.slice(0, 2), ['andon', 'serve']);
  return command.slice(2);
}

/** The role `telemetry`, started as the guide says. */
class Telemetry {
  static async start() {
    const telemetry = new Telemetry();
    telemetry.folder = newFolder('logs');
    telemetry.port = await freePort();
    telemetry.data = path.join(telemetry.folder, 'data');
    telemetry.tokenFile = path.join(telemetry.data, 'telemetry.token');
    telemetry.logFile = path.join(telemetry.folder, 'telemetry.log');
    telemetry.spawn();
    await until('the token is there', () => existsSync(telemetry.tokenFile)).catch((error) => { throw new Error(`${error.message}\n${telemetry.log()}`); });
    return telemetry;
  }

  spawn() {
    const log = openSync(this.logFile, 'a');
    const args = options('sh telemetry', [['/var/lib/andon', this.data], ['0.0.0.0:4710', `127.0.0.1:${this.port}`]]);
    this.child = spawnOwned(andonBinary(), ['serve', ...args], { stdio: ['ignore', log, log], env: { ...process.env, NO_COLOR: '1' } });
    closeSync(log);
  }

  log() {
    return readFileSync(this.logFile, 'utf8');
  }

  /** The process that owns the store. */
  get worker() {
    return Number(spawnSync('pgrep', ['-P', String(this.child.pid)], { encoding: 'utf8' }).stdout.trim().split('\n')[0]);
  }

  async kill() {
    this.child.kill('SIGKILL');
    return this.child.ended;
  }

  async stop() {
    this.child.kill('SIGTERM');
    return this.child.ended;
  }

  async close() {
    await this.kill();
    removeFolder(this.folder);
  }
}

/** A network between the two machines: it can be cut, which both sides notice, and go silent, which neither does. */
class Network {
  static async to(port) {
    const network = new Network();
    Object.assign(network, { sockets: new Set(), state: 'up', far: port, bytes: 0 });
    network.server = net.createServer((near) => network.#join(near));
    network.port = await new Promise((resolve) => {
      network.server.listen(0, '127.0.0.1', () => resolve(network.server.address().port));
    });
    return network;
  }

  #join(near) {
    if (this.state === 'cut') return near.destroy();
    const far = net.connect(this.far, '127.0.0.1');
    for (const [from, into] of [[near, far], [far, near]]) {
      this.sockets.add(from);
      from.on('data', (piece) => {
        this.bytes += piece.length;
        if (this.state === 'up') into.write(piece);
      });
      from.on('error', () => into.destroy());
      from.on('close', () => { this.sockets.delete(from); into.destroy(); });
    }
  }

  cut() {
    this.state = 'cut';
    for (const socket of this.sockets) socket.destroy();
  }

  /** From now on nothing arrives, and nobody is told. */
  silence() {
    this.state = 'silent';
  }

  heal() {
    this.state = 'up';
    // What was swallowed never comes: as after a machine in between forgot its connections.
    for (const socket of this.sockets) socket.destroy();
  }

  async close() {
    this.cut();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}

const status = (server) => server.get('/api/v1/telemetry/status');
const isUp = (server) => until('the logs are reached', async () => (await status(server)).state === 'up');
const isDown = (server) => until('the logs are missed', async () => {
  const told = await status(server);
  return told.state === 'down' && told;
});

describe('the logs on a machine of their own', () => {
  let [receiver, telemetry, network, server, token, books] = [];
  const start = (name, tokenFile) => Server.start({
    name,
    extra: options('sh server', [['logs.acme.example:4710', `127.0.0.1:${network.port}`], ['/etc/andon/telemetry.token', tokenFile], ['--data /var/lib/andon', '']]),
  });
  /** Sends numbered lines until they are acknowledged, as a sender does. */
  const send = async (count) => {
    const batch = books.length;
    books.push(count);
    const lines = Array.from({ length: count }, (_, line) => ({ service: 'payments', level: 'info', message: `batch ${batch} line ${line}`, batch, line }));
    await until(`batch ${batch} is taken`, async () => {
      const answer = await server.call('POST', '/api/v1/ingest/ndjson', lines.map((line) => JSON.stringify(line)).join('\n'));
      if (answer.status === 200) return true;
      assert.equal(answer.status, 503, answer.text);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      return false;
    });
  };
  /** Every acknowledged line is there; one that was sent again may be there twice. */
  const check = async () => {
    const rows = await server.sql("SELECT attr(attributes, 'batch') AS batch, count(DISTINCT message) AS lines FROM logs WHERE service = 'payments' GROUP BY 1");
    const found = new Map(rows.map((row) => [Number(row.batch), row.lines]));
    assert.deepEqual(books.map((_, batch) => found.get(batch) ?? 0), books);
  };

  before(async () => {
    receiver = await Receiver.open();
    telemetry = await Telemetry.start();
    network = await Network.to(telemetry.port);
    books = [];
    const folder = newFolder('token');
    token = path.join(folder, 'telemetry.token');
    copyFileSync(telemetry.tokenFile, token);
    server = await start('server', token);
    await server.apply(`${organisation(receiver.url)}\n---\n${ALARM}`);
    await isUp(server);
    await until('the alarm knows', async () => (await server.get('/api/v1/alarms/flood')).status?.state === 'ok');
  });
  after(async () => {
    await server?.close();
    await network?.close();
    await telemetry?.close();
    await receiver?.close();
  });

  test('are found by ingestion, search, tail and SQL, which reads the records of the server', async () => {
    const told = await status(server);
    assert.deepEqual([told.mode, told.at, told.refusedConnections], ['remote', `127.0.0.1:${network.port}`, 0]);
    assert.equal(existsSync(path.join(server.data, 'telemetry')), false, 'the server keeps no logs');
    for (const file of ['telemetry.key', 'telemetry.token']) assert.equal(statSync(path.join(telemetry.data, file)).mode & 0o777, 0o600, file);
    const seen = [];
    const tail = http.get(`${server.url}/api/v1/logs/tail?query=batch:0`, { headers: { authorization: `Bearer ${server.token}` } }, (answer) => {
      answer.on('data', (piece) => seen.push(String(piece)));
      answer.on('error', () => {});
    });
    tail.on('error', () => {});
    await new Promise((resolve) => { tail.once('response', resolve); });
    await send(100);
    await until('the tail shows them', () => seen.join('').includes('batch 0 line 99'));
    tail.destroy();
    const otlp = await server.call('POST', '/v1/logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'over otlp' } }] }] }] });
    assert.equal(otlp.status, 200, otlp.text);
    assert.equal((await server.get('/api/v1/logs?query="over otlp"')).rows.length, 1);
    const joined = await server.sql("SELECT c.name, count(*) AS lines FROM logs l JOIN components c ON c.name = l.service GROUP BY 1");
    assert.deepEqual(joined, [{ name: 'payments', lines: 100 }]);
    await check();
  });

  test('may be killed: people are paged, alarms are unknown, and what was acknowledged is there again', async () => {
    await telemetry.kill();
    const away = await isDown(server);
    assert.match(away.detail, /refused|reset|closed|broke|eof/);
    for (const target of ['/readyz', '/', '/api/v1/alerts', '/api/v1/home', '/api/v1/line']) {
      assert.equal((await server.call('GET', target)).status, 200, target);
    }
    await server.api('POST', '/api/v2/alerts', [{ labels: { alertname: 'Slow', id: 'without-logs', service: 'payments' } }]);
    await until('somebody is paged', () => receiver.about('id', 'without-logs').length === 1);
    await until('calls are refused at once', async () => {
      const answers = await Promise.all([
        server.call('GET', '/api/v1/logs?query=*'), server.call('POST', '/api/v1/sql', { sql: 'select 1' }), server.call('POST', '/api/v1/ingest/ndjson', '{"message":"x"}'),
      ]);
      return answers.every((answer) => answer.status === 503 && answer.body.code === 'SYS-0002' && answer.headers['retry-after'] === '1');
    });
    await until('the alarm is unknown', async () => (await server.get('/api/v1/alarms/flood')).status?.state === 'unknown');
    const sending = send(500);
    telemetry.spawn();
    await sending;
    await isUp(server);
    await check();
    await until('the alarm knows again', async () => (await server.get('/api/v1/alarms/flood')).status?.state === 'ok');
    const worker = telemetry.worker;
    process.kill(worker, 'SIGKILL');
    await until('its role starts it again', () => telemetry.worker > 0 && telemetry.worker !== worker);
    await send(50);
    await check();
    const { outages } = await until('a restart between two pulses is an outage, too', async () => {
      const now = await status(server);
      return now.state === 'up' && now.outages.length >= 2 && now;
    });
    assert.ok(outages.every(({ from, until: end }) => from && end));
  });

  test('may hang, and the network may be cut or swallow everything', async () => {
    const worker = telemetry.worker;
    for (const pid of [telemetry.child.pid, worker]) process.kill(pid, 'SIGSTOP');
    assert.match((await isDown(server)).detail, /did not answer/);
    assert.equal((await server.call('GET', '/api/v1/alerts')).status, 200);
    for (const pid of [telemetry.child.pid, worker]) process.kill(pid, 'SIGCONT');
    await isUp(server);
    await send(100);
    for (const [name, broken] of [['cut', () => network.cut()], ['silent', () => network.silence()]]) {
      // In the middle of an answer and of a body.
      const before = network.bytes;
      const asked = server.call('POST', '/api/v1/sql', { sql: LONG_STATEMENT, timeoutMs: 60_000 });
      await until('the statement is over there', () => network.bytes > before + LONG_STATEMENT.length);
      const sending = send(20_000);
      await until('a part of the lines is over there', () => network.bytes > before + 200_000);
      broken();
      const answer = await asked;
      assert.equal(answer.status, 503, `${name}: ${answer.text}`);
      await isDown(server);
      assert.equal((await server.call('GET', '/api/v1/home')).status, 200);
      network.heal();
      await sending;
      await isUp(server);
      await check();
    }
  });

  test('outlive the server, and both may be ended in order', async () => {
    await server.kill();
    await server.restart();
    await isUp(server);
    await check();
    await send(10);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.deepEqual(await telemetry.stop(), { code: 0, signal: null });
    telemetry.spawn();
    await server.restart();
    await isUp(server);
    await check();
    assert.equal((await status(server)).store.memory_rows, 0, 'an end in order made files of all lines');
    const { stdout } = await run(server.binary, ['telemetry', 'inspect', '--data', telemetry.data, '--quick', '-o', 'json']);
    assert.ok(JSON.parse(stdout).segments.length > 0);
  });

  test('admit nobody without the token, and say so without its secret', async () => {
    const secret = readFileSync(token, 'utf8').match(/secret (\w+)/)[1];
    const before = (await status(server)).refusedConnections;
    const wrong = `${token}.wrong`;
    writeFileSync(wrong, readFileSync(token, 'utf8').replace(secret, secret.split('').reverse().join('')), { mode: 0o600 });
    const stranger = await start('stranger', wrong);
    try {
      const told = await until('it is refused', async () => {
        const now = await status(stranger);
        return /does not accept the token/.test(now.detail ?? '') && now;
      });
      assert.match(told.detail, /copy the token again/);
      assert.equal((await stranger.call('POST', '/api/v1/ingest/ndjson', '{"message":"x"}')).status, 503);
      assert.equal((await stranger.call('GET', '/readyz')).status, 200);
    } finally {
      await stranger.close();
    }
    const socket = net.connect(telemetry.port, '127.0.0.1', () => socket.end('GET /pulse HTTP/1.1\r\n\r\n'));
    const pieces = [];
    socket.on('data', (piece) => pieces.push(piece)).on('error', () => {});
    await new Promise((resolve) => { socket.once('close', resolve); });
    assert.ok(!String(Buffer.concat(pieces)).includes('HTTP/1.1 200'));
    await until('they are counted', async () => (await status(server)).refusedConnections >= before + 2);
    assert.match(telemetry.log(), /a connection to telemetry is refused/);
    for (const log of [telemetry.log(), server.log()]) assert.ok(!log.includes(secret) && !log.includes(readFileSync(path.join(telemetry.data, 'telemetry.key'), 'utf8').trim()));
    // A token that is taken back is worth nothing, and the server says what to do.
    await telemetry.stop();
    rmSync(telemetry.tokenFile);
    telemetry.spawn();
    await until('the old token is refused', async () => /does not accept the token/.test((await status(server)).detail ?? ''));
    await until('the new one is there', () => existsSync(telemetry.tokenFile));
    copyFileSync(telemetry.tokenFile, token);
    await server.stop();
    await server.restart();
    await isUp(server);
  });

  test('refuse options of the other machine at the start, with what to do', async () => {
    const folder = newFolder('wrong-options');
    mkdirSync(path.join(folder, 'data'));
    const serve = (...args) => run(server.binary, ['serve', '--data', path.join(folder, 'data'), ...args], { limitMs: 20_000 });
    const cases = [
      [['--role', 'server'], /--telemetry-at/],
      [['--role', 'server', '--telemetry-at', 'logs:1', '--telemetry-token', token, '--gelf', '127.0.0.1:1'], /--gelf/],
      [['--role', 'server', '--telemetry-at', 'logs:1', '--telemetry-token', token, '--retention', '3d'], /--retention/],
      [['--role', 'server', '--telemetry-at', 'logs', '--telemetry-token', token], /and a port/],
      [['--role', 'server', '--telemetry-at', 'logs:1', '--telemetry-token', path.join(folder, 'none')], /telemetry\.token/],
      [['--role', 'telemetry'], /--telemetry-listen/],
      [['--role', 'telemetry', '--telemetry-listen', '127.0.0.1:1', '--database', 'postgres://x/y'], /--database/],
      [['--role', 'telemetry', '--telemetry-listen', `127.0.0.1:${telemetry.port}`], /Choose another with --telemetry-listen/],
      [['--telemetry-at', 'logs:1', '--telemetry-token', token], /--role server/],
    ];
    for (const [args, what] of cases) {
      const { code, stderr } = await serve(...args);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, what, args.join(' '));
    }
    removeFolder(folder);
  });
});
