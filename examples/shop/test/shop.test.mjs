// The shop as it really runs: four processes, real HTTP between them, real OTLP to a receiver.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startReceiver } from './support/receiver.mjs';
import { lives, TestShop, until } from './support/shop.mjs';

const SERVICES = ['storefront', 'checkout', 'payments'];
let receiver;
let shop;

before(async () => {
  receiver = await startReceiver();
  shop = await TestShop.start({
    ANDON_URL: receiver.url, ANDON_TOKEN: 'test-token', SHOP_TRACES: '1', SHOP_RATE: '30',
  });
});

after(async () => {
  await shop?.close();
  receiver?.close();
});

const of = (service, version) => receiver.records.filter((record) => (
  record.service === service && record.resource['service.version'] === version
));
const charges = (version) => of('payments', version).filter((record) => record.attributes['url.path'] === '/charge');
const errors = (records) => records.filter((record) => record.severityText === 'ERROR');

test('a purchase is one trace through three services, with what an investigator asks for', async () => {
  const trace = await until('a purchase that all three services logged', () => {
    const services = new Map();
    for (const { traceId, service } of receiver.records) {
      if (traceId) services.set(traceId, (services.get(traceId) ?? new Set()).add(service));
    }
    return [...services].find(([, seen]) => SERVICES.every((service) => seen.has(service)))?.[0];
  });
  const records = receiver.records.filter(({ traceId }) => traceId === trace);
  const spanIds = new Set();
  for (const service of SERVICES) {
    const { attributes, resource, spanId, body } = records.find((record) => record.service === service);
    assert.match(attributes.order_id, /^ord_[0-9a-f]{12}$/);
    assert.match(attributes.customer_id, /^cus_\d{5}$/);
    assert.ok(attributes.amount_cents > 0);
    assert.ok(attributes['http.response.status_code'] >= 200);
    assert.ok(attributes.duration_ms >= 0);
    assert.ok(body.includes(attributes.order_id), body);
    assert.equal(resource['service.version'], '1');
    assert.match(resource['vcs.ref.head.revision'], /^[0-9a-f]{40}$/);
    spanIds.add(spanId);
  }
  assert.equal(spanIds.size, 3, 'each service logs in a span of its own');
  assert.equal(new Set(records.map(({ attributes }) => attributes.order_id)).size, 1);
});

test('spans are sent when they are asked for, and belong to the same traces', async () => {
  await until('spans of the three services in one trace', () => SERVICES.every((service) => receiver.spans.some((span) => (
    span.service === service && receiver.records.some((record) => record.spanId === span.spanId)
  ))));
});

test('version 1 is slow for the customers of one bank, and never wrong', async () => {
  await until('200 charges by version 1', () => charges('1').length >= 200);
  for (const service of SERVICES) assert.deepEqual(errors(of(service, '1')), [], service);
  assert.ok(of('checkout', '1').some(({ severityText }) => severityText === 'WARN'), 'no purchase was slow');
  assert.deepEqual(await shop.get('traffic', '/cases'), []);
});

test('version 2 charges about one customer in eight twice', async () => {
  const commit = await shop.must('commit', 'payments', '2');
  assert.match(commit, /^[0-9a-f]{40}$/);
  assert.equal(await shop.must('commit', 'payments', '2'), commit, 'a second commit of the same version is the first');
  await shop.must('build', 'payments', '2');
  await shop.must('switch', 'payments', '2');

  await until('200 orders charged by version 2', () => new Set(charges('2').map((record) => record.attributes.order_id)).size >= 200);
  const failed = errors(charges('2'));
  const orders = new Set(charges('2').map((record) => record.attributes.order_id));
  const share = new Set(failed.map((record) => record.attributes.order_id)).size / orders.size;
  assert.ok(share > 0.05 && share < 0.4, `${Math.round(share * 100)} % of the orders failed`);

  const { attributes, body, resource, traceId } = failed[0];
  assert.match(body, /^duplicate charge for order ord_[0-9a-f]+, customer cus_\d+ charged twice$/);
  assert.equal(attributes['exception.type'], 'DuplicateCharge');
  assert.equal(attributes['exception.message'], body);
  assert.match(attributes['exception.stacktrace'], /ledger\.mjs/);
  assert.equal(attributes['http.response.status_code'], 409);
  assert.equal(resource['vcs.ref.head.revision'], commit);
  assert.match(traceId, /^[0-9a-f]{32}$/);
});

test('a customer who was really charged twice opens a case', async () => {
  const [opened] = await until('a case', async () => {
    const cases = await shop.get('traffic', '/cases');
    return cases.length > 0 && cases;
  });
  assert.match(opened.case, /^CASE-\d+$/);
  assert.equal(opened.words, 'I was charged twice');
  const { charges: taken } = await shop.get('payments', `/charges?order_id=${opened.order_id}`);
  assert.equal(taken.length, 2, 'the card network took the money twice');
});

test('version 3 is right again', async () => {
  await shop.must('commit', 'payments', '3');
  await shop.must('build', 'payments', '3');
  await shop.must('switch', 'payments', '3');
  await until('200 charges by version 3', () => charges('3').length >= 200);
  assert.deepEqual(errors(of('payments', '3')), []);
  assert.deepEqual(receiver.refused, []);
});

test('no purchase was lost while payments was switched', async () => {
  assert.equal((await shop.get('traffic', '/statistics')).unreachable, 0);
});

test('a crashed service starts again', async () => {
  const before = await shop.status('checkout');
  process.kill(before.pid, 'SIGKILL');
  const now = await until('checkout to run again', async () => {
    const row = await shop.status('checkout');
    return row.healthy && row.pid !== before.pid && row;
  });
  assert.equal(now.restarts, 1);
});

test('a second shop in the same folder is refused', async () => {
  const second = await shop.run(['up']);
  assert.equal(second.code, 2);
  assert.match(second.stderr, /runs in .* already/);
});

test('down stops every process', async () => {
  const { processes } = await shop.status();
  await shop.must('down');
  assert.equal(await shop.exited, 0);
  for (const { name, pid } of processes) assert.ok(!lives(pid), `${name} still runs`);
  const status = await shop.run(['status']);
  assert.equal(status.code, 2);
  assert.match(status.stderr, /no shop runs/);
});
