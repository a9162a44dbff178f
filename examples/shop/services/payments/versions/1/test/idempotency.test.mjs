// The promise that every caller of payments relies on: the same idempotency key is the same charge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Charges } from '../charges.mjs';
import { Ledger } from '../ledger.mjs';

const ORDER = { order_id: 'ord_1', customer_id: 'cus_1', amount_cents: 4200, card: 'citybank-1' };

// A network whose answers wait until the test lets them go, so that no timing is involved.
function heldNetwork() {
  const waiting = [];
  return {
    captures: 0,
    capture() {
      this.captures += 1;
      const answer = { charge_id: `ch_${this.captures}`, bank: 'citybank', declined: false };
      return new Promise((resolve) => waiting.push(() => resolve(answer)));
    },
    answerAll() {
      waiting.splice(0).forEach((answer) => answer());
    },
  };
}

// Each attempt of a real caller is a request of its own and has a request id of its own.
const attempt = (key, number) => ({ 'idempotency-key': key, 'x-request-id': `request-${number}` });

test('a retry while the first attempt is under way charges once', async () => {
  const network = heldNetwork();
  const charges = new Charges({ network, ledger: new Ledger() });

  const first = charges.charge(attempt('key-1', 1), ORDER);
  const retry = charges.charge(attempt('key-1', 2), ORDER);
  network.answerAll();

  const answers = await Promise.all([first, retry]);
  assert.equal(network.captures, 1, 'the card network was asked to take the money more than once');
  assert.equal(answers[0].charge_id, answers[1].charge_id);
});

test('a charge without an idempotency key is refused', () => {
  const charges = new Charges({ network: heldNetwork(), ledger: new Ledger() });
  assert.throws(() => charges.charge({}, ORDER), { status: 400 });
});
