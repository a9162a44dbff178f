// Chance that can be played again: the same seed gives the same numbers (mulberry32).
export class Chance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** Gives a number from 0 up to, but not, 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Gives a whole number from `low` to `high`, both included. */
  between(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick(list) {
    return list[this.between(0, list.length - 1)];
  }
}

/** Reads the seed from ANDON_SEED, or draws one; print it, so that a failure can be played again. */
export function seedOf() {
  return process.env.ANDON_SEED ? Number(process.env.ANDON_SEED) : Math.floor(Math.random() * 4_294_967_296);
}
