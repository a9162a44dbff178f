// Who may do what, seen from outside: the first token, ended tokens, forged deliveries, and somebody in
// customer service who may stop the line and nothing else.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { organisation } from './organisation.mjs';
import { Server, until } from './server.mjs';

let server;

before(async () => {
  server = await Server.start({ name: 'access' });
  await server.apply(organisation('http://127.0.0.1:9'));
});

after(() => server?.close());

test('the first token is in a file for its owner alone, and stays valid over restarts', async () => {
  const { token } = server;
  assert.match(token, /^andon_/);
  assert.equal(statSync(server.tokenFile).mode & 0o777, 0o600);
  assert.deepEqual((await server.get('/api/v1/me')).roles, ['administrator']);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  await server.restart();
  await server.kill();
  await server.restart();
  assert.equal(readFileSync(server.tokenFile, 'utf8').trim(), token);
  assert.equal(statSync(server.tokenFile).mode & 0o777, 0o600);
  assert.equal((await server.call('GET', '/api/v1/me', undefined, { token })).status, 200);
  // Not even a program of this machine that reads the log learns it.
  assert.ok(!server.log().includes(token));
});

test('a second server does not start on the same data', async () => {
  const second = new Server(server.folder, server.port + 1, [], {});
  second.logFile = `${server.folder}/second.log`;
  second.spawn();
  assert.notEqual((await second.child.ended).code, 0);
  assert.match(second.log(), /SYS-0002/);
  assert.equal((await server.call('GET', '/api/v1/me')).status, 200);
});

test('an ended token is told so: expired, revoked, or of nobody', async () => {
  const { token: expired } = await server.api('POST', '/api/v1/tokens', { roles: ['engineer'], description: 'short', expiresIn: '1ms' });
  await until('it has expired', async () => (await server.call('GET', '/api/v1/me', undefined, { token: expired })).status === 401);
  const { token: revoked, id } = await server.api('POST', '/api/v1/tokens', { roles: ['engineer'], description: 'to be revoked' });
  assert.equal((await server.call('GET', '/api/v1/components', undefined, { token: revoked })).status, 200);
  await server.api('DELETE', `/api/v1/tokens/${id}`);
  const cases = [[expired, 'AUT-0002'], [revoked, 'AUT-0002'], ['andon_guessed', 'AUT-0001'], [null, 'AUT-0001']];
  for (const [token, code] of cases) {
    for (const [method, target, body] of [['GET', '/api/v1/components'], ['POST', '/api/v1/andons', { scope: 'payments' }], ['POST', '/v1/logs', {}]]) {
      const answer = await server.call(method, target, body, { token });
      assert.deepEqual([answer.status, answer.body.code], [401, code], `${method} ${target}`);
      assert.ok(answer.body.hint ?? answer.body.detail);
    }
    const { code: exit, stderr } = await server.andon(['get', 'components'], { token });
    assert.equal(exit, 3);
    assert.match(stderr, new RegExp(`^error\\[${code}\\]: [^\\n]+\\n  hint: `));
  }
  const created = (await server.get('/api/v1/events?action=token.')).items.map((event) => JSON.stringify(event)).join();
  for (const token of [expired, revoked]) assert.ok(!created.includes(token), 'the ledger holds no token');
});

describe("a forge's delivery", () => {
  const secret = 'correct horse battery staple';
  const repository = { clone_url: 'https://github.com/acme/payments.git' };
  const commit = { id: 'a'.repeat(40), message: 'Charge once', timestamp: '2026-01-01T00:00:00Z', author: { name: 'Maya', email: 'maya@acme.example' } };
  const push = JSON.stringify({ ref: 'refs/heads/main', before: 'b'.repeat(40), commits: [commit], repository });
  let deliveries = 0;
  const deliver = (body, { key, event = 'push', source = 'payments-repository', ...headers } = {}) => {
    const signature = key && `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
    deliveries += 1;
    const all = { 'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': `delivery-${deliveries}`, ...headers };
    if (signature) all['x-hub-signature-256'] = signature;
    return server.call('POST', `/hooks/github/${source}`, body, { token: null, headers: all });
  };

  test('with a forged, foreign or missing signature is refused, recorded and not read', async () => {
    await server.api('PUT', '/api/v1/hooks/payments-repository', { forge: 'github', secret, service: 'component:default/payments' });
    const forged = [
      await deliver(push, { key: 'a guess' }),
      await deliver(push, {}),
      await deliver(push, { 'x-hub-signature-256': 'sha256=' }),
      await deliver(push, { key: secret, source: 'nobody-knows' }),
      await deliver('{ not even JSON', { key: 'a guess' }),
    ];
    for (const answer of forged) {
      assert.deepEqual([answer.status, answer.body.code], [401, 'AUT-0004']);
      assert.ok(answer.body.hint);
    }
    assert.deepEqual((await server.get('/api/v1/repositories')).items, []);
    const [refused] = (await server.get('/api/v1/events?action=hook.refused')).items.filter((event) => event.payload.source === 'payments-repository');
    assert.deepEqual([refused.payload.code, refused.payload.signature, refused.actor.origin], ['AUT-0004', 'wrong', '127.0.0.1']);
    const all = JSON.stringify((await server.get('/api/v1/events?limit=1000')).items) + server.log();
    assert.ok(!all.includes(secret), 'neither ledger nor log holds the secret');
  });

  test('with the right signature is taken, once', async () => {
    const taken = await deliver(push, { key: secret, 'x-github-delivery': 'the-same' });
    assert.deepEqual([taken.status, taken.body.commits], [200, 1]);
    const again = await deliver(push, { key: secret, 'x-github-delivery': 'the-same' });
    assert.equal(again.status, 200);
    assert.ok(again.body.ignored);
    const [item] = (await server.get('/api/v1/repositories')).items;
    assert.deepEqual([item.repository, item.commits, item.service], ['https://github.com/acme/payments', 1, 'component:default/payments']);
    const changed = push.replace('Charge once', 'Charge twice');
    const signature = `sha256=${createHmac('sha256', secret).update(push).digest('hex')}`;
    assert.equal((await deliver(changed, { 'x-hub-signature-256': signature })).status, 401, 'a signature is good for its own body only');
  });
});

describe('somebody with the role reporter', () => {
  /** What everybody who is signed in may call, and what nobody needs a token for. */
  const OPEN = new Set(['GET /api/v1/line', 'POST /api/v1/andons', 'GET /api/v1/me', 'POST /api/v1/can',
    'GET /api/v1/kinds', 'GET /api/v1/schema/{kind}', 'GET /api/v1/openapi.json']);
  const isPage = (target) => !target.startsWith('/api/');

  test('may stop the line with a case number and a few words', async () => {
    const token = await server.newToken('reporter');
    const { code, stdout, stderr } = await server.andon(
      ['andon', 'pull', 'payments', '--reason', 'they were charged twice', '--case', 'C-4711'], { token });
    assert.equal(code, 0, stderr);
    const name = /and-\d+/.exec(stdout)[0];
    const { spec, status } = await server.get(`/api/v1/andons/${name}`);
    assert.deepEqual([spec.scope, spec.reason, spec.cases, status.state], ['component:default/payments', 'they were charged twice', ['C-4711'], 'pulled']);
    const line = await server.get('/api/v1/line?scope=payments', { token });
    assert.equal(line.stopped, true);
    const check = await server.andon(['check', '--scope', 'payments']);
    assert.equal(check.code, 1);
    assert.match(check.stdout, /DEL-0001[^]*they were charged twice/);
    const released = await server.andon(['andon', 'release', name, '--countermeasure', 'none'], { token });
    assert.equal(released.code, 3, 'whoever stops the line does not start it');
    await server.api('POST', `/api/v1/andons/${name}/release`, { countermeasure: 'the double charge is undone' });
  });

  test('may do nothing else of what the API offers, and each refusal is recorded', async () => {
    const token = await server.newToken('reporter');
    const { paths } = await server.get('/api/v1/openapi.json');
    const operations = Object.entries(paths).flatMap(([target, methods]) =>
      Object.keys(methods).filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method)).map((method) => [method.toUpperCase(), target]));
    assert.ok(operations.length > 50, `${operations.length} operations`);
    const eventsBefore = (await server.sql("select count(*) as n from events where action = 'call.refused'"))[0].n;
    let refusals = 0;
    for (const [method, pattern] of operations) {
      if (OPEN.has(`${method} ${pattern}`) || isPage(pattern)) continue;
      const target = pattern.replace('{plural}', 'components').replaceAll(/\{\w+\}/g, 'payments');
      const { status, text } = await server.call(method, target, method === 'GET' || method === 'DELETE' ? undefined : {}, { token });
      assert.equal(status, 403, `${method} ${pattern}: ${text}`);
      assert.match(text, /AUT-0003/);
      refusals += 1;
      const stranger = await server.call(method, target, method === 'GET' || method === 'DELETE' ? undefined : {}, { token: null });
      assert.equal(stranger.status, 401, `${method} ${pattern} without a token: ${stranger.text}`);
    }
    const eventsAfter = (await server.sql("select count(*) as n from events where action = 'call.refused'"))[0].n;
    assert.ok(eventsAfter - eventsBefore >= refusals, `${refusals} refusals, ${eventsAfter - eventsBefore} events`);
  });

  test('is told by the command line that it is not allowed, with exit code 3', async () => {
    const token = await server.newToken('reporter');
    for (const args of [['get', 'components'], ['logs', '*'], ['sql', 'select 1'], ['audit', 'verify'], ['check', '--scope', 'payments'], ['status']]) {
      const { code, stdout, stderr } = await server.andon(args, { token });
      assert.deepEqual([code, stdout], [3, ''], `andon ${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /^error\[AUT-0003\]: /);
    }
  });
});

test('a policy is changed by its owners alone, also not by naming another owner first', async () => {
  await server.apply(`{apiVersion: backstage.io/v1alpha1, kind: Group, metadata: {name: other-team}, spec: {type: team, children: []}}
---
{apiVersion: backstage.io/v1alpha1, kind: User, metadata: {name: eve}, spec: {memberOf: [other-team]}}`);
  const policy = (owner, enforcement) => ({ apiVersion: 'andon.dev/v1', kind: 'Policy', metadata: { name: 'tested' },
    spec: { owner, enforcement, rego: 'package tested\nimport rego.v1\ndeny contains "the test has not passed" if input.change.tests.smoke != "passed"\n' } });
  await server.api('PUT', '/api/v1/policies/tested', policy('payments-team', 'enforced'));
  const token = await server.newToken('engineer', { user: 'user:default/eve' });
  const yaml = { token, headers: { 'content-type': 'application/yaml' } };
  const tries = [
    await server.call('PUT', '/api/v1/policies/tested', policy('payments-team', 'trial'), { token }),
    await server.call('PUT', '/api/v1/policies/tested', policy('other-team', 'trial'), { token }),
    await server.call('POST', '/api/v1/apply', JSON.stringify(policy('other-team', 'trial')), yaml),
    await server.call('DELETE', '/api/v1/policies/tested', undefined, { token }),
  ];
  for (const answer of tries) {
    assert.deepEqual([answer.status, answer.body?.code], [403, 'AUT-0003'], answer.text);
    assert.match(answer.text, /policies-are-changed-by-their-owners/);
  }
  const { spec, metadata } = await server.get('/api/v1/policies/tested');
  assert.deepEqual([spec.owner, spec.enforcement, metadata.version], ['payments-team', 'enforced', 1]);
  // Their own they may write, and what has no such rule they may take over.
  const own = { ...policy('other-team', 'trial'), metadata: { name: 'own' } };
  assert.equal((await server.call('PUT', '/api/v1/policies/own', own, { token })).status, 200);
  const maya = await server.newToken('engineer', { user: 'user:default/maya' });
  assert.equal((await server.call('PUT', '/api/v1/policies/tested', policy('other-team', 'trial'), { token: maya })).status, 403, 'nobody gives a policy to a group that is not theirs');
  assert.equal((await server.call('PUT', '/api/v1/policies/tested', policy('payments-team', 'trial'), { token: maya })).status, 200);
});

test('nobody there: exit code 4', async () => {
  const { code, stderr } = await server.andon(['get', 'components'], { env: { ANDON_URL: 'http://127.0.0.1:9' } });
  assert.equal(code, 4);
  assert.match(stderr, /cannot be reached/);
});
