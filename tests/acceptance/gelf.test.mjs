// graypy, pygelf and gelf-pro, set up as docs/guides/send-logs-gelf.md says: every line is found again.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PYTHON, block, counters, filled, find, nodeModules, python } from './senders.mjs';
import { Server, freePort, newFolder, removeFolder, run, until } from './server.mjs';

const GUIDE = 'send-logs-gelf.md';

describe('GELF', () => {
  let [server, port, folder, interpreter, modules, token] = [];

  before(async () => {
    interpreter = await python(PYTHON);
    modules = await nodeModules(['gelf-pro@1.4.0']);
    folder = newFolder('gelf-senders');
    port = await freePort();
    server = await Server.start({ name: 'gelf', extra: ['--gelf', `127.0.0.1:${port}`] });
    token = await server.newToken('ingest');
  }, { timeout: 1_300_000 });

  after(async () => {
    await server?.close();
    if (folder) removeFolder(folder);
  });

  const here = (text) => filled(text, [['andon.example.com', '127.0.0.1'], ['12201', String(port)]]);

  const runPython = async (program) => {
    const { code, stderr } = await run(interpreter, ['-c', program], { env: { ...process.env, ANDON_TOKEN: token } });
    assert.deepEqual([code, stderr], [0, '']);
  };

  const runNode = async (program) => {
    const file = path.join(modules, `run-${process.pid}.cjs`);
    writeFileSync(file, program);
    const { code, stderr } = await run(process.execPath, [file]);
    assert.deepEqual([code, stderr], [0, '']);
  };

  const stored = (query, count) => until(`${count} lines of ${query}`, async () => {
    const found = await find(server, query);
    return found.length >= count && found;
  });

  test('graypy over UDP: the program of the guide, then a hundred lines and one in many parts', async () => {
    const program = here(block(GUIDE, 'python graypy'));
    await runPython(`${program}
import sys
for order in range(100):
    logging.LoggerAdapter(logger, {"service": "graypy", "order": order}).info("order %d was paid: ünïcødé" % order)
import os, base64
logging.LoggerAdapter(logger, {"service": "graypy-long"}).error("long " + base64.b64encode(os.urandom(60000)).decode())
`);
    const [warning] = await stored('"charged twice" AND service:payments', 1);
    assert.deepEqual([warning.severity, warning.severityNumber, warning.attributes.customer], ['warning', 13, 'c-17']);
    const rows = await stored('service:graypy', 100);
    assert.deepEqual(new Set(rows.map((row) => row.message)), new Set(Array.from({ length: 100 }, (_, order) => `order ${order} was paid: ünïcødé`)));
    const [long] = await stored('service:"graypy-long"', 1);
    assert.equal(long.message.length, 80_005);
    assert.equal(long.severity, 'err');
  });

  test('pygelf over TCP and HTTP: the program of the guide', async () => {
    await runPython(filled(here(block(GUIDE, 'python pygelf')), [['port=4700', `port=${server.port}`]]));
    const rows = await stored('service:payments AND order:4711', 2);
    assert.equal(rows.length, 2);
    for (const row of rows) assert.deepEqual([row.message, row.severity, row.attributes.order], ['no answer from the bank', 'err', 4711]);
    const [tcp, web] = [await counters(server, 'gelf-tcp'), await counters(server, 'gelf-http')];
    assert.deepEqual([tcp.accepted, web.accepted, web.items[0].sender], [1, 1, 'token:test ingest']);
  });

  test('pygelf over TCP: lines of 255 KB, 3 MB and 30 MB are kept; what is cut says how long it was', async () => {
    const sizes = [255 << 10, 3 << 20, 30 << 20];
    await runPython(`
import logging, logging.handlers, pygelf
class Patient(pygelf.GelfTcpHandler):
    # Python's own handler throws a message away that is not sent within a second; a busy machine needs longer.
    def makeSocket(self, timeout=60):
        return logging.handlers.SocketHandler.makeSocket(self, timeout)
logger = logging.getLogger("sizes")
logger.addHandler(Patient(host="127.0.0.1", port=${port}, include_extra_fields=True, _service="sizes"))
for size in ${JSON.stringify(sizes)}:
    logger.error("x" * size, extra={"size": size})
`);
    const rows = await stored('service:sizes', sizes.length).catch((error) => { throw new Error(`${error.message}\n${server.log().slice(-3_000)}`); });
    for (const row of rows) assert.equal(row.message.length + (row.attributes['andon.truncated_bytes'] ?? 0), row.attributes.size);
    assert.equal(rows.find((row) => row.attributes.size === sizes[0]).message.length, sizes[0], 'the first is whole');
  });

  for (const adapter of ['tcp', 'udp']) {
    test(`gelf-pro over ${adapter}: the program of the guide`, async () => {
      const program = filled(here(block(GUIDE, 'js gelf-pro')), [["adapterName: 'tcp'", `adapterName: '${adapter}'`], ["service: 'payments'", `service: 'gelf-pro-${adapter}'`]]);
      await runNode(program);
      const [row] = await stored(`service:"gelf-pro-${adapter}"`, 1);
      assert.deepEqual([row.message, row.severity, row.attributes.order], ['no answer from the bank', 'err', 4711]);
      assert.ok(row.resource['host.name']);
    });
  }

  test('curl: the command of the guide; without a token nothing is stored', async () => {
    const command = filled(block(GUIDE, 'sh curl'), [['andon.example.com:4700', `127.0.0.1:${server.port}`]]);
    const { code, stderr } = await run('sh', ['-e', '-c', command], { env: { ...process.env, ANDON_TOKEN: token } });
    assert.equal(code, 0, stderr);
    const [row] = await stored('deployed AND service:payments', 1);
    assert.deepEqual([row.severity, row.resource['host.name']], ['info', 'web01']);
    assert.notEqual((await run('sh', ['-e', '-c', command], { env: { ...process.env, ANDON_TOKEN: 'andon_wrong' } })).code, 0);
    assert.equal((await find(server, 'deployed AND service:payments')).length, 1);
    const refused = await server.call('POST', '/gelf', 'no JSON', { token });
    assert.equal(refused.status, 400);
    assert.match(refused.text, /gelf-malformed/);
  });

  test('what is lost over UDP is counted with its reason', async () => {
    const socket = dgram.createSocket('udp4');
    const send = (bytes) => new Promise((resolve, reject) => { socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())); });
    await send(Buffer.from('no JSON'));
    await send(Buffer.from([0x1e, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 0, 2, 0x7b]));
    await send(Buffer.from([0x1e, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200]));
    await until('all three are counted', async () => {
      const { refused } = await counters(server, 'gelf-udp');
      return refused['gelf-malformed'] === 1 && refused['gelf-part-malformed'] === 1 && refused['gelf-parts-late'] === 1;
    });
    socket.close();
    const { code, stdout } = await server.andon(['-o', 'table', 'telemetry', 'senders', '--refused']);
    assert.equal(code, 0);
    assert.match(stdout, /gelf-udp +127\.0\.0\.1/);
    assert.match(stdout, /gelf-parts-late 1/);
  });
});
