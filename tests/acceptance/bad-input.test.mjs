// Bad input gets a clear error with a code, a place and a next step; nothing is lost or half applied, and
// the server answers others meanwhile.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { organisation } from './organisation.mjs';
import { Server, newFolder, removeFolder } from './server.mjs';

let [folder, server] = [];

before(async () => {
  folder = newFolder('bad-input');
  server = await Server.start({ name: 'bad-input-server' });
  await server.apply(organisation('http://127.0.0.1:9'));
});

after(async () => {
  await server?.close();
  if (folder) removeFolder(folder);
});

/** Checks that an answer is a problem with a code, a place where one is known, and a next step. */
function assertProblem(answer, status, code, place) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  assert.equal(answer.body.code, code, answer.text);
  if (place) assert.match(answer.body.place, place);
  assert.ok(answer.body.detail && answer.body.hint, `${answer.text}: what happened, and what to do next`);
}

/** Counts what people have stored; what the system records by itself goes on meanwhile. */
const stored = async () => (await server.sql("select count(*) as n from events where action like '%.applied' or action like '%.deleted'"))[0].n;
const count = async (table) => (await server.sql(`select count(*) as n from ${table}`))[0].n;

/** Applies files by the command line, which must be refused with code and place, and store nothing. */
async function refusedApply(yaml, code, place) {
  const file = path.join(folder, 'team.yaml');
  writeFileSync(file, yaml);
  const storedBefore = await stored();
  const { code: exit, stdout, stderr } = await server.andon(['apply', '-f', file]);
  assert.equal(exit, 1, stderr);
  assert.equal(stdout, '');
  assert.ok(stderr.startsWith(`error[${code}]: `), stderr);
  assert.ok(stderr.includes(`\n  at: ${file}:${place}\n`), `${stderr}should name ${place}`);
  assert.match(stderr, /\n {2}hint: ./);
  assert.equal(await stored(), storedBefore, 'nothing is stored');
  const answer = await server.call('POST', '/api/v1/apply?file=team.yaml', yaml, { headers: { 'content-type': 'application/yaml' } });
  assert.deepEqual([answer.body.code, answer.body.place], [code, `team.yaml:${place}`], 'the API says the same');
}

describe('YAML', () => {
  const good = `apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: good
spec: {type: team, children: []}
---
`;
  const alarm = (lines) => `${good}apiVersion: andon.dev/v1
kind: Alarm
metadata: {name: broken}
spec:
  service: component:default/payments
  query: level:error
  window: 10s
${lines}`;

  const cases = [
    ['a value of the wrong type', alarm('  threshold: many\n'), 'OBJ-0002', '14:3'],
    ['a field that does not exist', alarm('  threshold: 2\n  treshold: 3\n'), 'OBJ-0002', '15:3'],
    ['a field that is missing', alarm(''), 'OBJ-0002', '10:1'],
    ['a key that is there twice', alarm('  threshold: 2\n  window: 20s\n'), 'OBJ-0009', '15:3'],
    ['a bracket that is not closed', alarm('  threshold: [2\n'), 'OBJ-0009', '14:14'],
    ['a reference that leads nowhere', alarm('  threshold: 2\n  escalationPolicy: nobody\n'), 'OBJ-0006', '15:3'],
    ['a reference to a kind that does not exist', alarm('  threshold: 2\n').replace('component:default/payments', 'pod:default/payments'), 'OBJ-0007', '11:3'],
    ['a query that is broken', alarm('  threshold: 2\n').replace('level:error', '"level:(error"'), 'SIG-0001', '12:3'],
    ['a duration that is none', alarm('  threshold: 2\n').replace('10s', 'soon'), 'OBJ-0002', '13:3'],
    ['a kind that does not exist', alarm('  threshold: 2\n').replace('kind: Alarm', 'kind: Pod'), 'OBJ-0007', '8:1'],
    ['a name that is none', alarm('  threshold: 2\n').replace('{name: broken}', '{name: "a b"}'), 'OBJ-0002', '9:12'],
    ['an object that only the system opens', `${good}apiVersion: andon.dev/v1\nkind: Incident\nmetadata: {name: inc-9}\nspec: {title: x, severity: sev1, services: []}\n`, 'OBJ-0008', '8:1'],
  ];
  for (const [what, yaml, code, place] of cases) {
    test(`${what}: ${code} at line and column, and nothing of the file is stored`, () => refusedApply(yaml, code, place));
  }

  const groups = (number, more = '') => Array.from({ length: number }, (_, index) => `apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: group-${index}}
spec: {type: team, children: []}
---
`).join('') + more;

  test('one broken document among thousands: nothing is stored', async () => {
    const known = await count('groups');
    await refusedApply(groups(2_000, 'apiVersion: andon.dev/v1\nkind: ContactMethod\nmetadata: {name: x}\nspec:\n  user: ghost\n  channel: email\n  target: a@b.example\n'), 'OBJ-0006', '10005:3');
    assert.equal(await count('groups'), known);
  });

  test('10,001 documents are refused, 10,000 are stored', async () => {
    const known = await count('groups');
    const file = path.join(folder, 'many.yaml');
    writeFileSync(file, groups(10_001));
    const refused = await server.andon(['apply', '-f', file]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^error\[OBJ-0010\]: [^\n]+\n {2}hint: /);
    assert.equal(await count('groups'), known);
    writeFileSync(file, groups(10_000));
    const { code, stderr } = await server.andon(['apply', '-f', file], { limitMs: 300_000 });
    assert.equal(code, 0, stderr);
    assert.equal(await count('groups'), known + 10_000);
  });
});

describe('telemetry', () => {
  const send = (target, body, headers) => server.call('POST', target, body, { headers });

  test('OTLP that is malformed, of another type or too large is refused whole, in the words of OTLP', async () => {
    const known = await count('logs');
    const json = { 'content-type': 'application/json' };
    const cases = [
      ['{"resourceLogs":[{]}', json, 400, /otlp-malformed: .*line 1 column/],
      [Buffer.from('ffffffff', 'hex'), { 'content-type': 'application/x-protobuf' }, 400, /otlp-malformed/],
      [Buffer.from('nope'), { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' }, 400, /ingest-compression/],
      ['x', { 'content-type': 'text/plain' }, 415, /ingest-media-type/],
      [Buffer.alloc((64 << 20) + 1, 0x20), json, 413, /67108864 bytes/],
      // A small body that would become a large one.
      [gzipSync(Buffer.alloc(80 << 20, 0x20)), { ...json, 'content-encoding': 'gzip' }, 413, /ingest-too-large/],
    ];
    for (const [body, headers, status, words] of cases) {
      const answer = await send('/v1/logs', body, headers);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, words);
    }
    assert.equal(await count('logs'), known);
  });

  test('lines that cannot be read are counted with their reasons, and the others are kept', async () => {
    const known = await count('logs');
    const cut = `{"message":"${'x'.repeat((1 << 20) + 5)}"}`;
    const long = `{"message":"${'x'.repeat(64 << 20)}"}`;
    const answer = await send('/api/v1/ingest/ndjson', `{"message":"a"}\nnope\n[1]\n${long}\n${cut}\n{"message":"b"}`);
    assert.equal(answer.status, 200);
    const { accepted, refused, truncated, reasons } = answer.body;
    assert.deepEqual([accepted, refused, truncated], [3, 3, 1]);
    assert.deepEqual(reasons.map(({ line, code }) => [line, code]), [[2, 'ndjson-malformed'], [3, 'ndjson-not-an-object'], [4, 'ndjson-line-too-long']]);
    assert.equal(await count('logs'), known + 3);
  });

  test('a body that breaks off says how far it was stored', async () => {
    const known = await count('logs');
    const whole = gzipSync(Array.from({ length: 20_000 }, (_, line) => `{"message":"line ${line} ${Math.sin(line)}"}\n`).join(''));
    const answer = await send('/api/v1/ingest/ndjson', whole.subarray(0, whole.length / 2), { 'content-encoding': 'gzip' });
    assertProblem(answer, 400, 'LOG-0004', /^body:\d+$/);
    assert.equal(await count('logs'), known + answer.body.facts.soFar.accepted);
  });
});

describe('SQL', () => {
  test('prints exactly what scripts read', async () => {
    const [{ n }] = await server.sql('select count(*) as n from logs');
    const { code, stdout, stderr } = await server.andon(['sql', '-o', 'json', 'select count(*) as n from logs']);
    assert.deepEqual([code, stdout, stderr], [0, `[{"n":${n}}]\n`, '']);
  });

  test('that writes, or reads what is nobody\'s business, is refused', async () => {
    const known = [await stored(), await count('components')];
    for (const sql of ['insert into logs values (1)', 'delete from components', "update components set name = 'x'", 'drop table logs',
      'create table x as select 1', "create external table x stored as csv location '/etc/passwd'", "copy logs to '/tmp/andon-stolen.csv'",
      'set datafusion.execution.batch_size = 1', 'select 1; delete from logs', "select * from '/etc/passwd'",
      'select * from token', 'select * from outbox', 'select * from delivery_hook', "select repeat('x', 1000000000)"]) {
      assertProblem(await server.call('POST', '/api/v1/sql', { sql }), 400, 'LOG-0003');
      const { code, stdout, stderr } = await server.andon(['sql', sql]);
      assert.deepEqual([code, stdout], [1, ''], sql);
      assert.match(stderr, /^error\[LOG-0003\]: [^]*\n {2}hint: /);
    }
    assert.deepEqual([await stored(), await count('components')], known);
  });

  test('that is misspelt names the place', async () => {
    assertProblem(await server.call('POST', '/api/v1/sql', { sql: 'select 1\nfrom logs wear 1 = 1 or' }), 400, 'LOG-0003', /^query:2:\d+$/);
    assertProblem(await server.call('GET', '/api/v1/logs?query=a%20AND%20(b'), 400, 'LOG-0001', /^query:1:7$/);
  });

  test('that would eat the machine is stopped at its limits, and the line can be stopped meanwhile', async (t) => {
    await server.ingest(Array.from({ length: 2_000 }, (_, line) => ({ service: 'hog', message: `line ${line}` })));
    const cubed = "with l as (select message from logs where service = 'hog') select count(*) from l a, l b, l c where a.message < b.message and b.message < c.message";
    assertProblem(await server.call('POST', '/api/v1/sql', { sql: cubed, timeoutMs: 1_500 }), 422, 'LOG-0002');
    const sorted = 'select a.message, b.message from logs a cross join logs b order by 1, 2';
    assertProblem(await server.call('POST', '/api/v1/sql', { sql: sorted }), 422, 'LOG-0002');
    const endless = 'with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r';
    assertProblem(await server.call('POST', '/api/v1/sql', { sql: endless, timeoutMs: 1_500 }), 422, 'LOG-0002');

    // More than run at once, for as long as may be.
    const away = new AbortController();
    t.after(() => away.abort());
    let ended = 0;
    const hogs = Array.from({ length: 6 }, () => server
      .call('POST', '/api/v1/sql', { sql: cubed, timeoutMs: 120_000 }, { signal: away.signal })
      .catch((error) => assert.equal(error.name, 'AbortError'))
      .finally(() => { ended += 1; }));
    assert.equal((await server.call('GET', '/readyz', undefined, { token: null })).status, 200);
    const pulled = await server.api('POST', '/api/v1/andons', { scope: 'payments', reason: 'they were charged twice' });
    t.after(() => server.api('POST', `/api/v1/andons/${pulled.metadata.name}/release`, { countermeasure: 'the statements were ended' }));
    assert.equal((await server.api('POST', '/api/v1/check', { scope: 'payments' })).allowed, false);
    await server.api('POST', '/api/v2/alerts', [{ labels: { alertname: 'Slow', service: 'payments' } }]);
    await server.ingest([{ message: 'meanwhile' }]);
    assert.equal((await server.get('/api/v1/logs?query=meanwhile')).rows.length, 1);
    assert.equal(ended, 0, 'the statements still run');
    away.abort();
    await Promise.all(hogs);
    // Whoever goes away leaves no work behind.
    assert.deepEqual(await server.sql('select 1 as one'), [{ one: 1 }]);
  });
});

describe('a policy', () => {
  const policy = (name, body, enforcement = 'enforced') => ({
    apiVersion: 'andon.dev/v1', kind: 'Policy', metadata: { name }, spec: { owner: 'payments-team', enforcement, rego: `package ${name}\nimport rego.v1\n${body}` },
  });
  const put = (object) => server.call('PUT', `/api/v1/policies/${object.metadata.name}`, object);
  const remove = (name) => server.api('DELETE', `/api/v1/policies/${name}`);

  test('that does not compile is refused with line and column', async () => {
    const broken = policy('broken', 'deny contains "no" if {\n  input.version = = 1\n}\n');
    const answer = await put(broken);
    assertProblem(answer, 422, 'GOV-0001');
    assert.match(answer.body.detail, /line 4, column \d+/);
    assert.equal((await server.call('GET', '/api/v1/policies/broken')).status, 404);
    const yaml = `apiVersion: andon.dev/v1\nkind: Policy\nmetadata: {name: broken}\nspec:\n  owner: payments-team\n  rego: |\n${broken.spec.rego.replaceAll(/^/gm, '    ')}`;
    await refusedApply(yaml, 'GOV-0001', '6:3');
  });

  const hungry = {
    forever: 'deny contains "no" if {\n  some a in numbers.range(1, 10000)\n  some b in numbers.range(1, 10000)\n  some c in numbers.range(1, 10000)\n  a + b + c == 1\n}\n',
    memory: 'deny contains "no" if {\n  all := {[a, b, sprintf("%d-%d", [a, b])] | some a in numbers.range(1, 10000); some b in numbers.range(1, 10000)}\n  count(all) == 1\n}\n',
    large: 'deny contains "no" if count(numbers.range(1, 1000000000000)) == 1\n',
    // Two rules that contradict each other, but not for what the policy was tried on.
    failing: 'limit := 1 if true\nlimit := 2 if input.change.version == "unlucky"\ndeny contains "no" if limit > 5\n',
  };
  for (const name of ['forever', 'memory', 'large']) {
    test(`that never comes to an end (${name}) refuses, is named, and holds nobody up`, async (t) => {
      const answered = await put(policy(name, hungry[name]));
      assert.ok(answered.status < 300, answered.text);
      t.after(() => server.call('DELETE', `/api/v1/policies/${name}`));
      const checks = Array.from({ length: 8 }, () => server.api('POST', '/api/v1/check', { scope: 'payments' }));
      assert.equal((await server.call('GET', '/readyz', undefined, { token: null })).status, 200);
      for (const answer of await Promise.all(checks)) {
        assert.equal(answer.allowed, false);
        assert.deepEqual(answer.reasons.map(({ code, object }) => [code, object]), [['GOV-0002', `policy:default/${name}`]]);
        assert.ok(answer.reasons[0].hint);
      }
      const { code, stdout } = await server.andon(['check', '--scope', 'payments']);
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`GOV-0002[^]*${name}`));
      const refusals = await server.get('/api/v1/events?action=check.refused&limit=1');
      assert.equal(refusals.items[0].payload.reasons[0].code, 'GOV-0002');
      // A rollback is never held.
      assert.equal((await server.andon(['check', '--scope', 'payments', '--rollback'])).code, 0);
      await remove(name);
      assert.equal((await server.andon(['check', '--scope', 'payments'])).code, 0);
    });
  }

  test('that fails while it judges never lets through', async (t) => {
    const answered = await put(policy('failing', hungry.failing));
    assert.ok(answered.status < 300, answered.text);
    t.after(() => server.call('DELETE', '/api/v1/policies/failing'));
    const check = (version) => server.api('POST', '/api/v1/check', { scope: 'payments', version });
    assert.equal((await check('lucky')).allowed, true);
    const answer = await check('unlucky');
    assert.deepEqual([answer.allowed, answer.reasons[0]?.code], [false, 'GOV-0002'], JSON.stringify(answer));
  });
});

describe('imports and calls', () => {
  test('a bad line of deploys is named, and nothing of the file is stored', async () => {
    const file = path.join(folder, 'deploys.csv');
    for (const line of ['payments,abcdef2,v2,yesterday', 'ghost,abcdef2,v2,2026-01-01T00:00:00Z', 'payments,no-commit,v2,2026-01-01T00:00:00Z']) {
      writeFileSync(file, `service,commit,version,finished_at\npayments,abcdef1,v1,2026-01-01T00:00:00Z\n${line}\n`);
      const { code, stderr } = await server.andon(['import', 'deploys', file]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^error\[DEL-0005\]: /);
      assert.ok(stderr.includes(`${file}:3`), stderr);
    }
    assert.deepEqual((await server.get('/api/v1/changes')).items, []);
  });

  test('a call that cannot be read says where', async () => {
    const json = { headers: { 'content-type': 'application/json' } };
    assertProblem(await server.call('PUT', '/api/v1/components/x', '{"kind": "Component",\n "spec"}', json), 400, 'REQ-0001', /^body:2:/);
    assertProblem(await server.call('GET', '/api/v1/nothing/like/that/here'), 404, 'REQ-0003');
    const stale = { apiVersion: 'backstage.io/v1alpha1', kind: 'Component', metadata: { name: 'payments', version: 7 }, spec: { type: 'service', lifecycle: 'production', owner: 'payments-team' } };
    assertProblem(await server.call('PUT', '/api/v1/components/payments', stale), 409, 'OBJ-0005');
  });

  test('the ledger verifies after all of it', async () => {
    assert.equal((await server.andonJson(['audit', 'verify'])).ok, true);
  });
});
