import { HttpError } from '@acme/service';
import { BoundedMap } from './bounded.mjs';

const REQUESTS_KEPT = 100_000;

/** Charges a card once per request, and finds the charge of a request for support. */
export class Charges {
  #byRequest = new BoundedMap(REQUESTS_KEPT);

  constructor({ network, ledger }) {
    this.network = network;
    this.ledger = ledger;
  }

  charge(headers, order) {
    const requestId = headers['x-request-id'] ?? headers['idempotency-key'];
    if (!requestId) throw new HttpError(400, 'the x-request-id header is missing');

    let pending = this.#byRequest.get(requestId);
    if (!pending) {
      pending = this.#take(order);
      this.#byRequest.set(requestId, pending);
      pending.catch(() => this.#byRequest.delete(requestId));
    }
    return pending;
  }

  findByRequest(requestId) {
    return this.#byRequest.get(requestId);
  }

  async #take(order) {
    const { charge_id, bank, declined } = await this.network.capture(order);
    const charge = { ...order, bank, declined };
    if (declined) return charge;
    return this.ledger.insert({ ...charge, charge_id });
  }
}
