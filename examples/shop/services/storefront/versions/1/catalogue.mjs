import { HttpError } from '@acme/service';

const PRICES_CENTS = { mug: 1290, shirt: 2490, poster: 1850, notebook: 990, backpack: 7900, lamp: 4550 };
const MAXIMUM_QUANTITY = 20;

/** Everything there is to buy, with its price. */
export function offers() {
  return Object.entries(PRICES_CENTS).map(([sku, price_cents]) => ({ sku, price_cents }));
}

/** The price of a basket line; an unknown article or a strange quantity is the caller's mistake. */
export function price(sku, quantity) {
  if (!Object.hasOwn(PRICES_CENTS, sku)) throw new HttpError(404, `there is no ${JSON.stringify(sku)} to buy`);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > MAXIMUM_QUANTITY) {
    throw new HttpError(400, `quantity is not a whole number from 1 to ${MAXIMUM_QUANTITY}`);
  }
  return PRICES_CENTS[sku] * quantity;
}
