// The promise that payments relies on: however often checkout asks for the money of an order, each
// attempt carries the same idempotency key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallTimeout } from '@acme/service';
import { pay } from '../payment.mjs';

const ORDER = { order_id: 'ord_1', customer_id: 'cus_1', amount_cents: 4200, card: 'citybank-1' };
const PAID = { status: 201, body: { charge_id: 'ch_1' } };

// Payments that leaves the first attempts without an answer and then takes the money.
function impatience(timeouts) {
  const seen = [];
  const call = async (method, url, { headers, timeoutMs }) => {
    seen.push(headers);
    if (seen.length <= timeouts) throw new CallTimeout(url, timeoutMs);
    return PAID;
  };
  return { call, seen };
}

test('a retry carries the key of the first attempt and a request id of its own', async () => {
  const { call, seen } = impatience(1);
  const result = await pay(call, 'http://payments', ORDER);

  assert.equal(result.paid, true);
  assert.equal(result.attempts, 2);
  assert.equal(new Set(seen.map((headers) => headers['idempotency-key'])).size, 1);
  assert.equal(new Set(seen.map((headers) => headers['x-request-id'])).size, 2);
});

test('two orders never share a key', async () => {
  const { call, seen } = impatience(0);
  await pay(call, 'http://payments', ORDER);
  await pay(call, 'http://payments', { ...ORDER, order_id: 'ord_2' });
  assert.notEqual(seen[0]['idempotency-key'], seen[1]['idempotency-key']);
});

test('an order that payments never answers for is a failure that names the order', async () => {
  const { call } = impatience(99);
  await assert.rejects(pay(call, 'http://payments', ORDER), { status: 504, message: /ord_1/ });
});
