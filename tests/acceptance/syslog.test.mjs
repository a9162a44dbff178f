// Real syslog daemons and logger(1), set up as docs/guides/send-logs-syslog.md says: every line is found again.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { block, certificates, counters, filled, find, rsyslog, syslogNg } from './senders.mjs';
import { Server, freePort, newFolder, removeFolder, run, until } from './server.mjs';

const GUIDE = 'send-logs-syslog.md';
const LINES = 50;

describe('syslog', () => {
  let [server, folder, port, tlsPort, pki] = [];
  const children = [];

  before(async () => {
    folder = newFolder('syslog-senders');
    pki = await certificates(folder, 'andon.example.com');
    [port, tlsPort] = [await freePort(), await freePort()];
    server = await Server.start({
      name: 'syslog',
      extra: ['--syslog', `127.0.0.1:${port}`, '--syslog-tls', `127.0.0.1:${tlsPort}`, '--tls-cert', pki.certificate, '--tls-key', pki.key],
    });
  }, { timeout: 120_000 });

  after(async () => {
    for (const child of children) await child.stop();
    await server?.close();
    if (folder) removeFolder(folder);
  });

  /** Logs numbered lines into the daemon's own socket, as programs of that machine do. */
  const logInto = async (socket, tag) => {
    const lines = Array.from({ length: LINES }, (_, order) => `order ${order} was paid: ünïcødé [not="data"]`);
    const { code, stderr } = await until('the daemon takes lines', async () => {
      const done = await run('logger', ['--socket', socket, '--socket-errors=on', '--tag', tag, '--id=4711', '--priority', 'local3.warning'], { input: lines.join('\n') });
      return done.code === 0 && done;
    });
    assert.equal(code, 0, stderr);
    return lines;
  };

  const arrived = async (tag, child) => {
    await until(`every line of ${tag} is stored`, async () => (await find(server, `service:"${tag}"`)).length >= LINES)
      .catch((error) => { throw new Error(`${error.message}\n${child.said()}\n${server.log().slice(-2_000)}`); });
    return find(server, `service:"${tag}"`);
  };

  const check = (rows, lines) => {
    assert.deepEqual(rows.map((row) => row.message.trimStart()).sort(), [...lines].sort());
    for (const row of rows) {
      assert.deepEqual([row.severity, row.severityNumber, row.attributes['syslog.facility'], row.attributes['syslog.procid']], ['warning', 13, 'local3', 4711]);
      assert.ok(row.resource['host.name'], 'the host is known');
      assert.ok(Math.abs(Date.parse(row.timestamp) - Date.now()) < 600_000, row.timestamp);
    }
  };

  const address = (text, from = 514, to = port) => [[`target="andon.example.com"`, 'target="127.0.0.1"'], [`port="${from}"`, `port="${to}"`]]
    .reduce((done, pair) => filled(done, [pair]), text);

  const daemons = {
    'rsyslog tcp': (socket, own) => rsyslog(own, socket, address(block(GUIDE, 'rsyslog tcp'))),
    'rsyslog udp': (socket, own) => rsyslog(own, socket, address(block(GUIDE, 'rsyslog udp'))),
    'rsyslog tls': (socket, own) => rsyslog(own, socket, filled(address(block(GUIDE, 'rsyslog tls'), 6514, tlsPort), [['/etc/ssl/certs/andon-ca.pem', pki.authority]])),
    'syslog-ng tcp': (socket, own) => syslogNg(own, socket, filled(block(GUIDE, 'syslog-ng tcp'), [['andon.example.com', '127.0.0.1'], ['port(514)', `port(${port})`]]), ['d_andon']),
    'syslog-ng udp': (socket, own) => syslogNg(own, socket, filled(block(GUIDE, 'syslog-ng udp'), [['andon.example.com', '127.0.0.1'], ['port(514)', `port(${port})`]]), ['d_andon_udp']),
    'syslog-ng tls': (socket, own) => syslogNg(own, socket, filled(block(GUIDE, 'syslog-ng tls'), [['andon.example.com', '127.0.0.1'], ['port(6514)', `port(${tlsPort})`], ['/etc/ssl/certs/andon-ca.pem', pki.authority]]), ['d_andon_tls']),
  };

  for (const [name, start] of Object.entries(daemons)) {
    test(`${name}: every line arrives whole, with facility, severity, host and process`, { timeout: 700_000 }, async () => {
      const tag = name.replace(' ', '-');
      const own = newFolder(tag);
      const socket = path.join(own, 'log');
      const child = await start(socket, own);
      children.push(child);
      const lines = await logInto(socket, tag);
      check(await arrived(tag, child), lines);
      const [, kind] = name.split(' ');
      const { accepted, refused } = await counters(server, `syslog-${kind}`);
      assert.ok(accepted >= LINES && Object.keys(refused).length === 0, JSON.stringify({ accepted, refused }));
      await child.stop();
      removeFolder(own);
    });
  }

  test('a daemon whose server is killed sends the rest when it is back', { timeout: 300_000 }, async () => {
    const own = newFolder('kill');
    const socket = path.join(own, 'log');
    const child = await rsyslog(own, socket, address(block(GUIDE, 'rsyslog tcp')).replace('action.resumeRetryCount', 'action.resumeInterval="1" action.resumeRetryCount'));
    children.push(child);
    await logInto(socket, 'before');
    await arrived('before', child);
    await server.kill();
    await logInto(socket, 'meanwhile');
    await server.restart();
    // What TCP had taken when the server died is the daemon's loss: RFC 3195 says why. The rest waits in its queue.
    await until('the rest is stored', async () => (await find(server, 'service:"meanwhile"')).length >= LINES - 2);
    await child.stop();
    removeFolder(own);
  });

  test('logger: both commands of the guide', async () => {
    const script = filled(block(GUIDE, 'sh logger'), [['andon.example.com', '127.0.0.1'], ['--port 514', `--port ${port}`]]);
    const { code, stderr } = await run('sh', ['-e', '-c', script]);
    assert.equal(code, 0, stderr);
    const rows = await until('both are stored', async () => {
      const found = await find(server, 'service:nightly');
      return found.length === 2 && found;
    });
    const [long, failed] = ['long', 'failed'].map((word) => rows.find((row) => row.message.includes(word)));
    assert.deepEqual([long.message, long.severity, long.attributes['syslog.msgid'], long.attributes['backup@32473.size']], ['the backup took long', 'warning', 'BACKUP', '17']);
    assert.deepEqual([failed.message, failed.severity, failed.severityNumber, failed.attributes['syslog.facility']], ['the backup failed', 'err', 17, 'local3']);
  });

  test('a line of 30 MB is kept, cut, and says how long it was; its neighbours are whole', async () => {
    const long = 30 << 20;
    const header = '<14>1 2026-01-31T08:00:00Z h huge - - - ';
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((resolve) => { socket.write(`${header}before\n${header}${'x'.repeat(long)}\n${header}after\n`, resolve); });
    const rows = await until('all three are stored', async () => {
      const found = await find(server, 'service:huge');
      return found.length === 3 && found;
    });
    socket.destroy();
    assert.deepEqual(rows.map((row) => row.message.slice(0, 6)).sort(), ['after', 'before', 'xxxxxx']);
    const huge = rows.find((row) => row.message.startsWith('x'));
    assert.equal(huge.message.length + huge.attributes['andon.truncated_bytes'], long);
    assert.ok((await counters(server, 'syslog-tcp')).truncated >= 1);
  });

  test('bytes that are no UTF-8 and text without a header are kept and marked', async () => {
    const socket = dgram.createSocket('udp4');
    const send = (bytes) => new Promise((resolve, reject) => { socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())); });
    await send(Buffer.from('<14>1 - h latin1 - - - caf\xe9', 'latin1'));
    await send(Buffer.from('nothing but words: headerless-7'));
    const [cafe] = await until('the first is stored', async () => { const found = await find(server, 'service:latin1'); return found.length && found; });
    assert.deepEqual([cafe.message, cafe.attributes['andon.invalid_utf8']], ['caf\ufffd', true]);
    const [words] = await until('the second is stored', async () => { const found = await find(server, '"headerless-7"'); return found.length && found; });
    assert.deepEqual([words.message, words.resource['host.name']], ['nothing but words: headerless-7', '127.0.0.1']);
    socket.close();
  });

  test('a port that is taken is told, and the server runs', async () => {
    const taken = net.createServer();
    await new Promise((resolve) => { taken.listen(0, '127.0.0.1', resolve); });
    const other = await Server.start({ name: 'taken', extra: ['--syslog', `127.0.0.1:${taken.address().port}`, '--syslog-tls', '127.0.0.1:0', '--tls-cert', '/nowhere.pem', '--tls-key', '/nowhere.key'] });
    const states = await until('the ports are told', async () => {
      const { listeners } = await other.get('/api/v1/status');
      const found = Object.fromEntries(listeners.map((listener) => [listener.name, listener]));
      return found['syslog-tls'] && found;
    });
    assert.deepEqual([states['syslog-tcp'].state, states['syslog-tls'].state], ['closed', 'closed']);
    assert.match(states['syslog-tcp'].detail, /in use/);
    assert.match(states['syslog-tls'].detail, /nowhere\.pem/);
    await other.close();
    await new Promise((resolve) => { taken.close(resolve); });
  });

  test('a plain connection to the TLS port is refused and counted', async () => {
    const socket = net.connect(tlsPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('<14>1 - h plain - - - in the clear\n');
    await until('it is counted', async () => (await counters(server, 'syslog-tls')).refused['tls-handshake-failed'] >= 1);
    socket.destroy();
    assert.equal((await find(server, 'service:plain')).length, 0);
  });
});
