import { HttpError } from '@acme/service';
import { BoundedMap } from './bounded.mjs';

const KEYS_KEPT = 100_000;

/** Charges a card once per idempotency key, however often and however impatiently it is asked. */
export class Charges {
  #byKey = new BoundedMap(KEYS_KEPT);

  constructor({ network, ledger }) {
    this.network = network;
    this.ledger = ledger;
  }

  charge(headers, order) {
    const key = headers['idempotency-key'];
    if (!key) throw new HttpError(400, 'the idempotency-key header is missing');

    let pending = this.#byKey.get(key);
    if (!pending) {
      pending = this.#take(order);
      this.#byKey.set(key, pending);
      pending.catch(() => this.#byKey.delete(key));
    }
    return pending;
  }

  async #take(order) {
    const { charge_id, bank, declined } = await this.network.capture(order);
    const charge = { ...order, bank, declined };
    if (declined) return charge;
    return this.ledger.insert({ ...charge, charge_id });
  }
}
