import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../ledger.mjs';

test('the ledger refuses a second charge for an order and names the customer', () => {
  const ledger = new Ledger();
  ledger.insert({ order_id: 'ord_1', customer_id: 'cus_1', charge_id: 'ch_1' });
  assert.throws(
    () => ledger.insert({ order_id: 'ord_1', customer_id: 'cus_1', charge_id: 'ch_2' }),
    { message: 'duplicate charge for order ord_1, customer cus_1 charged twice', status: 409 },
  );
});
