import { BoundedMap } from './bounded.mjs';

const ORDERS_KEPT = 100_000;

/** Says that money was taken a second time for an order that is already in the ledger. */
export class DuplicateCharge extends Error {
  constructor(charge, first) {
    super(`duplicate charge for order ${charge.order_id}, customer ${charge.customer_id} charged twice`);
    this.name = 'DuplicateCharge';
    this.status = 409;
    this.attributes = {
      order_id: charge.order_id,
      customer_id: charge.customer_id,
      amount_cents: charge.amount_cents,
      charge_id: charge.charge_id,
      first_charge_id: first.charge_id,
      'card.bank': charge.bank,
    };
  }
}

/** The book of charges: one line per order, and never two. */
export class Ledger {
  #byOrder = new BoundedMap(ORDERS_KEPT);

  insert(charge) {
    const first = this.#byOrder.get(charge.order_id);
    if (first) throw new DuplicateCharge(charge, first);
    this.#byOrder.set(charge.order_id, charge);
    return charge;
  }

  get(orderId) {
    return this.#byOrder.get(orderId);
  }
}
