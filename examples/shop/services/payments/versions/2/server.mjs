import { HttpError, runService } from '@acme/service';
import { Charges } from './charges.mjs';
import { Ledger } from './ledger.mjs';
import { CardNetwork } from './network.mjs';

const network = new CardNetwork();
const charges = new Charges({ network, ledger: new Ledger() });

function readOrder(body) {
  const { order_id, customer_id, amount_cents, card } = body ?? {};
  for (const [field, value] of Object.entries({ order_id, customer_id, card })) {
    if (typeof value !== 'string' || value === '') throw new HttpError(400, `${field} is missing`);
  }
  if (!Number.isInteger(amount_cents) || amount_cents <= 0) {
    throw new HttpError(400, 'amount_cents is not a positive whole number');
  }
  return { order_id, customer_id, amount_cents, card };
}

async function charge({ headers, body }) {
  const order = readOrder(body);
  const { charge_id, bank, declined } = await charges.charge(headers, order);
  const { order_id, customer_id, amount_cents } = order;
  const attributes = { order_id, customer_id, amount_cents, 'card.bank': bank };
  if (declined) {
    return {
      status: 402,
      body: { error: 'the bank declined the card' },
      message: `declined ${amount_cents} cents for order ${order_id}, customer ${customer_id}`,
      attributes,
    };
  }
  return {
    status: 201,
    body: { charge_id },
    message: `charge ${charge_id} of ${amount_cents} cents for order ${order_id}, customer ${customer_id}`,
    attributes: { ...attributes, charge_id },
  };
}

async function statement({ query }) {
  if (query.has('request_id')) {
    const made = await charges.findByRequest(query.get('request_id'));
    if (!made) throw new HttpError(404, 'no charge was made by this request');
    return { status: 200, body: { order_id: made.order_id, charge_id: made.charge_id }, quiet: true };
  }
  const orderId = query.get('order_id') ?? '';
  return { status: 200, body: { order_id: orderId, charges: network.statement(orderId) }, quiet: true };
}

runService({
  name: 'payments',
  routes: () => ({ 'POST /charge': charge, 'GET /charges': statement }),
});
