// python-logging-loki, and Promtail where there is one, as docs/guides/send-logs-loki.md says.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PYTHON, block, counters, filled, find, python } from './senders.mjs';
import { Server, freePort, newFolder, removeFolder, run, spawnOwned, until } from './server.mjs';

const GUIDE = 'send-logs-loki.md';
const LINES = 40;

describe("Loki's push API", () => {
  let [server, interpreter, token, folder] = [];

  before(async () => {
    interpreter = await python(PYTHON);
    server = await Server.start({ name: 'loki' });
    token = await server.newToken('ingest');
    folder = newFolder('loki-senders');
  }, { timeout: 700_000 });

  after(async () => {
    await server?.close();
    if (folder) removeFolder(folder);
  });

  const here = (text) => filled(text, [['andon.example.com:4700', `127.0.0.1:${server.port}`]]);
  const env = () => ({ ...process.env, ANDON_TOKEN: token });

  test('python-logging-loki: the program of the guide, then more lines in both formats', async () => {
    const program = here(block(GUIDE, 'python python-logging-loki'));
    const { code, stderr } = await run(interpreter, ['-c', `${program}
first = logging.getLogger("first.format")
first.setLevel(logging.INFO)
first.addHandler(logging_loki.LokiHandler(url="${server.url}/api/prom/push", tags={"app": "old"}, auth=("python", os.environ["ANDON_TOKEN"]), version="0"))
for order in range(${LINES}):
    logger.info("order %d was paid: ünïcødé" % order, extra={"tags": {"order": str(order)}})
    first.info("order %d" % order)
`], { env: env() });
    assert.deepEqual([code, stderr], [0, '']);
    const rows = await find(server, 'service:payments');
    assert.equal(rows.length, LINES + 1);
    const twice = rows.find((row) => row.message === 'card was charged twice');
    assert.deepEqual([twice.severity, twice.severityNumber, twice.scope, twice.resource.env, twice.resource.customer], ['warning', 13, 'shop.payments', 'production', 'c-17']);
    assert.ok(Math.abs(Date.parse(twice.timestamp) - Date.now()) < 600_000, twice.timestamp);
    assert.equal((await find(server, 'service:old')).length, LINES);
    const { accepted, items } = await counters(server, 'loki');
    assert.deepEqual([accepted, items[0].sender], [2 * LINES + 1, 'token:test ingest']);
  });

  test('curl: the command of the guide; a wrong token stores nothing', async () => {
    const command = here(block(GUIDE, 'sh curl'));
    const { code, stderr } = await run('sh', ['-e', '-c', command], { env: env() });
    assert.equal(code, 0, stderr);
    const [row] = await find(server, 'deployed');
    assert.deepEqual([row.service, row.traceId], ['payments', '0af7651916cd43dd8448eb211c80319c']);
    assert.notEqual((await run('sh', ['-e', '-c', command], { env: { ...env(), ANDON_TOKEN: 'andon_wrong' } })).code, 0);
    assert.equal((await find(server, 'deployed')).length, 1);
  });

  test('a line of 30 MB is kept, cut, and says how long it was', async () => {
    const long = 30 << 20;
    const body = { streams: [{ stream: { app: 'huge' }, values: [[`${Date.now()}000000`, 'x'.repeat(long)], [`${Date.now()}000000`, 'after']] }] };
    assert.equal((await server.call('POST', '/loki/api/v1/push', body, { token })).status, 204);
    const rows = await find(server, 'service:huge');
    assert.deepEqual(rows.map((row) => row.message.slice(0, 5)).sort(), ['after', 'xxxxx']);
    const huge = rows.find((row) => row.message.startsWith('x'));
    assert.equal(huge.message.length + huge.attributes['andon.truncated_bytes'], long);
  });

  // No package registry carries Promtail: whoever has one names it, and the guide's block is run with it.
  const promtail = process.env.PROMTAIL_BIN;
  if (promtail) test('Promtail: the configuration of the guide', async () => {
    const secret = path.join(folder, 'token');
    writeFileSync(secret, token);
    const file = path.join(folder, 'app.log');
    writeFileSync(file, Array.from({ length: LINES }, (_, order) => `promtail order ${order}\n`).join(''));
    const clients = filled(here(block(GUIDE, 'yaml promtail')), [['/etc/promtail/andon-token', secret]]);
    writeFileSync(path.join(folder, 'promtail.yml'), `
server: {http_listen_port: ${await freePort()}, grpc_listen_port: 0, http_listen_address: 127.0.0.1}
positions: {filename: ${folder}/positions.yml}
${clients}
scrape_configs:
  - job_name: files
    static_configs: [{targets: [localhost], labels: {app: promtail-shop, __path__: ${file}}}]
`);
    const child = spawnOwned(promtail, [`-config.file=${folder}/promtail.yml`], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('every line is stored', async () => (await find(server, 'service:"promtail-shop"')).length === LINES);
    child.kill('SIGTERM');
    await child.ended;
  });
});
