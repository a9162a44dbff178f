import { randomUUID } from 'node:crypto';
import { CallTimeout, HttpError } from '@acme/service';

const ATTEMPT_TIMEOUTS_MS = [300, 5000];

/** Asks payments for the money of an order, and asks again when it does not answer in time. */
export async function pay(call, paymentsUrl, order) {
  const url = `${paymentsUrl}/charge`;
  for (const [attempt, timeoutMs] of ATTEMPT_TIMEOUTS_MS.entries()) {
    // The key belongs to the order and the request id to the attempt.
    const headers = { 'idempotency-key': `order-${order.order_id}`, 'x-request-id': randomUUID() };
    try {
      const answer = await call('POST', url, { body: order, headers, timeoutMs });
      return { ...accepted(answer, order), attempts: attempt + 1 };
    } catch (error) {
      const last = attempt === ATTEMPT_TIMEOUTS_MS.length - 1;
      if (!(error instanceof CallTimeout)) throw error;
      if (last) throw failure(504, `payments did not answer for order ${order.order_id}`, order, error);
    }
  }
}

function accepted(answer, order) {
  if (answer.status === 201) return { paid: true, charge_id: answer.body.charge_id };
  if (answer.status === 402) return { paid: false };
  const reason = `payment of order ${order.order_id} failed: ${answer.body?.error ?? `HTTP ${answer.status}`}`;
  throw failure(502, reason, order);
}

function failure(status, message, order, cause) {
  const { order_id, customer_id, amount_cents } = order;
  return new HttpError(status, message, {
    name: 'PaymentFailed', cause, attributes: { order_id, customer_id, amount_cents },
  });
}
