import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offers, price } from '../catalogue.mjs';

test('a basket line costs the price times the quantity', () => {
  assert.equal(price('mug', 3), 3870);
});

test('an unknown article and a strange quantity are refused', () => {
  assert.throws(() => price('constructor', 1), { status: 404 });
  for (const quantity of [0, -1, 1.5, 21, Number.NaN]) assert.throws(() => price('mug', quantity), { status: 400 });
});

test('every offer can be bought', () => {
  for (const { sku, price_cents } of offers()) assert.equal(price(sku, 1), price_cents);
});
