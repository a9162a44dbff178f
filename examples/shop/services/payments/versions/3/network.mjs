// The card network, simulated: it takes money each time it is asked to, as the real one does. One
// bank wants a second look at the first authorisation of an order, which takes longer.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { BoundedMap } from './bounded.mjs';

const ORDERS_KEPT = 100_000;
const SLOW_BANK = 'nordbank';
const DECLINED_IN_HUNDRED = 2;

export class CardNetwork {
  #capturesByOrder = new BoundedMap(ORDERS_KEPT);
  #asked = new BoundedMap(ORDERS_KEPT);

  /** Takes the money; answers `{ charge_id, bank, declined }`. */
  async capture({ order_id: orderId, card }) {
    const bank = card.split('-')[0];
    const dice = createHash('sha256').update(orderId).digest();
    const attempt = (this.#asked.get(orderId) ?? 0) + 1;
    this.#asked.set(orderId, attempt);

    const secondLook = bank === SLOW_BANK && attempt === 1;
    await delay(secondLook ? 330 + (dice[0] % 40) : 15 + (dice[1] % 45));
    if (dice[2] % 100 < DECLINED_IN_HUNDRED) return { bank, declined: true };

    const captures = this.#capturesByOrder.get(orderId) ?? [];
    const charge = { charge_id: `ch_${dice.toString('hex', 3, 9)}_${captures.length + 1}`, bank, declined: false };
    this.#capturesByOrder.set(orderId, [...captures, charge.charge_id]);
    return charge;
  }

  /** The charges that a customer's statement shows for the order. */
  statement(orderId) {
    return this.#capturesByOrder.get(orderId) ?? [];
  }
}
