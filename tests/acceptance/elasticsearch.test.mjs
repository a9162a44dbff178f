// Elasticsearch's own client and shippers that write to it, as docs/guides/send-logs-elasticsearch.md says.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PYTHON, block, counters, filled, find, python, rsyslog, syslogNg } from './senders.mjs';
import { Server, newFolder, removeFolder, run, until } from './server.mjs';

const GUIDE = 'send-logs-elasticsearch.md';
const LINES = 30;

describe('Elasticsearch', () => {
  let [server, interpreter, token] = [];

  before(async () => {
    interpreter = await python(PYTHON);
    server = await Server.start({ name: 'elasticsearch' });
    token = await server.newToken('ingest');
  }, { timeout: 700_000 });

  after(() => server?.close());

  const here = (text) => filled(text, [['andon.example.com:4700', `127.0.0.1:${server.port}`]]);
  const env = () => ({ ...process.env, ANDON_TOKEN: token });

  const runPython = async (program) => {
    const { code, stdout, stderr } = await run(interpreter, ['-W', 'ignore', '-c', program], { env: env() });
    assert.equal(code, 0, stderr);
    return stdout;
  };

  const stored = (query, count) => until(`${count} lines of ${query}`, async () => {
    const found = await find(server, query);
    return found.length >= count && found;
  });

  test('the Python client: the program of the guide', async () => {
    assert.equal((await runPython(here(block(GUIDE, 'python elasticsearch')))).trim(), '60 []');
    const rows = await find(server, 'service:payments');
    assert.equal(rows.length, 60);
    const row = rows.find((one) => one.attributes.order === 7);
    assert.deepEqual([row.message, row.severity, row.timestamp, row.attributes._index], ['order 7 was paid', 'info', '2026-01-31T08:00:07Z', 'logs-payments-default']);
    const { accepted, items } = await counters(server, 'elasticsearch');
    assert.deepEqual([accepted, items[0].sender], [60, 'token:test ingest']);
  });

  test('the Python client shakes hands, signs in each way, writes one document, and is told what cannot be', async () => {
    const told = JSON.parse(await runPython(`
import json, os
from elasticsearch import Elasticsearch, helpers, BadRequestError
token, url = os.environ["ANDON_TOKEN"], "http://127.0.0.1:${server.port}"
told = {}
for name, client in [
    ("basic", Elasticsearch(url, basic_auth=("any", token))), ("bearer", Elasticsearch(url, bearer_auth=token)),
    ("pair", Elasticsearch(url, api_key=("id", token))), ("prefix", Elasticsearch(url + "/elasticsearch", api_key=token)),
]:
    told[name] = [client.ping(), client.info()["version"]["number"], client.index(index="hand", document={"message": "by " + name})["result"]]
client = Elasticsearch(url, api_key=token)
told["health"] = client.cluster.health()["status"]
told["template"] = [bool(client.indices.exists_index_template(name="t")), client.indices.put_index_template(name="t", index_patterns=["t*"])["acknowledged"]]
mixed = client.bulk(operations=[
    {"index": {"_index": "mixed", "_id": "1"}}, {"message": "first"}, {"delete": {"_index": "mixed", "_id": "1"}},
    {"update": {"_index": "mixed", "_id": "1"}}, {"doc": {"message": "changed"}}, {"create": {"_index": "mixed"}}, {"message": "last"},
])
told["mixed"] = [mixed["errors"], [[kind, item["status"], item.get("error", {}).get("type"), item["_id"]] for one in mixed["items"] for kind, item in one.items()]]
try:
    client.search(index="hand", query={"match_all": {}})
except Exception as error:
    told["search"] = type(error).__name__
print(json.dumps(told))
`));
    for (const name of ['basic', 'bearer', 'pair', 'prefix']) assert.deepEqual(told[name], [true, '9.1.0', 'created'], name);
    assert.deepEqual([told.health, told.template], ['green', [false, true]]);
    const [hasErrors, items] = told.mixed;
    assert.equal(hasErrors, true);
    assert.deepEqual(items.map(([kind, status]) => [kind, status]), [['index', 201], ['delete', 400], ['update', 400], ['create', 201]]);
    assert.equal(items[0][3], '1');
    assert.ok(items[3][3], 'a line without an id gets one');
    assert.deepEqual((await find(server, 'service:mixed')).map((row) => row.message).sort(), ['first', 'last']);
    assert.equal((await find(server, 'service:hand')).length, 4);
    assert.ok(['BadRequestError', 'ApiError', 'NotFoundError'].includes(told.search), told.search);
  });

  test('curl: the command of the guide; a wrong token stores nothing', async () => {
    const command = here(block(GUIDE, 'sh curl'));
    const { code, stdout, stderr } = await run('sh', ['-e', '-c', command], { env: env() });
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).errors, false);
    assert.equal((await find(server, 'deployed')).length, 1);
    assert.notEqual((await run('sh', ['-e', '-c', command], { env: { ...env(), ANDON_TOKEN: 'andon_wrong' } })).code, 0);
    assert.equal((await find(server, 'deployed')).length, 1);
  });

  const viaDaemon = async (name, start) => {
    const own = newFolder(name);
    const socket = path.join(own, 'log');
    const child = await start(own, socket);
    const lines = Array.from({ length: LINES }, (_, order) => `order ${order} "was paid": ünïcødé`);
    await until('the daemon takes lines', async () => (await run('logger', ['--socket', socket, '--socket-errors=on', '--tag', name, '--priority', 'user.err'], { input: lines.join('\n') })).code === 0);
    const rows = await stored(`service:"${name}"`, LINES).catch((error) => { throw new Error(`${error.message}\n${child.said()}`); });
    assert.deepEqual(rows.map((row) => row.message.trimStart()).sort(), [...lines].sort());
    for (const row of rows) assert.deepEqual([row.severityNumber, Boolean(row.resource['host.name'])], [17, true]);
    await child.stop();
    removeFolder(own);
  };

  test('rsyslog: the configuration of the guide', { timeout: 700_000 }, () => viaDaemon('rsyslog-elastic', (own, socket) => rsyslog(own, socket, filled(block(GUIDE, 'rsyslog elasticsearch'),
    [['server="andon.example.com" serverport="4700"', `server="127.0.0.1" serverport="${server.port}"`], ['ANDON_TOKEN', token], ['/var/log/andon-errors.json', path.join(own, 'errors.json')]]))));

  test('syslog-ng: the configuration of the guide', { timeout: 700_000 }, () => viaDaemon('syslog-ng-elastic', (own, socket) => syslogNg(own, socket,
    filled(here(block(GUIDE, 'syslog-ng elasticsearch')), [['ANDON_TOKEN', token]]), ['d_andon_bulk'])));

  test('a browser still gets the page, and a body that is no bulk request is refused whole', async () => {
    const page = await server.call('GET', '/', undefined, { token: null, headers: { accept: 'text/html,*/*' } });
    assert.match(page.headers['content-type'], /text\/(html|plain)/);
    const refused = await server.call('POST', '/_bulk', 'no JSON\n', { token, headers: { 'content-type': 'application/x-ndjson' } });
    assert.deepEqual([refused.status, refused.headers['x-elastic-product'], JSON.parse(refused.text).status], [400, 'Elasticsearch', 400]);
  });
});
