import { HttpError, runService } from '@acme/service';
import { pay } from './payment.mjs';

const PAYMENTS_URL = process.env.PAYMENTS_URL ?? 'http://127.0.0.1:4712';

function readOrder(body) {
  const { order_id, customer_id, amount_cents, card } = body ?? {};
  for (const [field, value] of Object.entries({ order_id, customer_id, card })) {
    if (typeof value !== 'string' || value === '') throw new HttpError(400, `${field} is missing`);
  }
  if (!Number.isInteger(amount_cents)) throw new HttpError(400, 'amount_cents is not a whole number');
  return { order_id, customer_id, amount_cents, card };
}

const checkout = (client) => async ({ body }) => {
  const order = readOrder(body);
  const { order_id, customer_id, amount_cents } = order;
  const { paid, charge_id, attempts } = await pay(client.call, PAYMENTS_URL, order);
  const attributes = { order_id, customer_id, amount_cents, payment_attempts: attempts };
  if (!paid) {
    return {
      status: 402,
      body: { error: 'the bank declined the card', order_id },
      message: `order ${order_id} of customer ${customer_id} not placed, card declined`,
      attributes,
    };
  }
  return {
    status: 201,
    body: { order_id, charge_id },
    message: `order ${order_id} placed for customer ${customer_id}, ${amount_cents} cents`,
    attributes,
  };
};

runService({
  name: 'checkout',
  routes: (client) => ({ 'POST /checkout': checkout(client) }),
});
