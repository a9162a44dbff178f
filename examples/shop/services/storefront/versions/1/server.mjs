import { randomBytes } from 'node:crypto';
import { HttpError, runService } from '@acme/service';
import { offers, price } from './catalogue.mjs';

const CHECKOUT_URL = process.env.CHECKOUT_URL ?? 'http://127.0.0.1:4711';
const CHECKOUT_TIMEOUT_MS = 10_000;

const newOrderId = () => `ord_${randomBytes(6).toString('hex')}`;

const buy = (client) => async ({ query }) => {
  const customer_id = query.get('customer_id');
  const card = query.get('card');
  if (!customer_id || !card) throw new HttpError(400, 'customer_id or card is missing');
  const sku = query.get('sku') ?? '';
  const quantity = Number(query.get('quantity') ?? 1);
  const order = { order_id: newOrderId(), customer_id, amount_cents: price(sku, quantity), card };

  const url = `${CHECKOUT_URL}/checkout`;
  const answer = await client.call('POST', url, { body: order, timeoutMs: CHECKOUT_TIMEOUT_MS });
  return outcome(answer, order, { sku, quantity });
};

function outcome(answer, order, { sku, quantity }) {
  const { order_id, customer_id, amount_cents } = order;
  const attributes = { order_id, customer_id, amount_cents, sku, quantity };
  if (answer.status === 201) {
    return {
      status: 200,
      body: { order_id, amount_cents },
      message: `customer ${customer_id} bought ${quantity} ${sku} for ${amount_cents} cents, order ${order_id}`,
      attributes,
    };
  }
  if (answer.status === 402) {
    return {
      status: 402,
      body: { order_id, error: 'the bank declined the card' },
      message: `customer ${customer_id} could not pay order ${order_id}, card declined`,
      attributes,
    };
  }
  throw new HttpError(502, `purchase failed for customer ${customer_id}, order ${order_id}`, {
    name: 'PurchaseFailed',
    cause: new Error(answer.body?.error ?? `checkout answered ${answer.status}`),
    attributes,
  });
}

runService({
  name: 'storefront',
  routes: (client) => ({
    'GET /': () => ({ status: 200, body: { offers: offers() }, quiet: true }),
    'GET /buy': buy(client),
  }),
});
