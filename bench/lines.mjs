// Log lines as a shop writes them, the same for the same seed, with the truth about them.
import { closeSync, openSync, writeSync } from 'node:fs';

const SERVICES = ['storefront', 'checkout', 'payments', 'catalog', 'search', 'mailer', 'stock', 'identity'];
const ROUTES = ['/cart', '/cart/items', '/checkout', '/pay', '/products', '/products/{id}', '/search', '/login', '/orders', '/orders/{id}'];
const MESSAGES = ['request served', 'basket stored', 'order accepted', 'payment authorised', 'cache refreshed', 'session opened',
  'stock reserved', 'mail queued', 'search answered', 'price computed'];
const FAILURES = ['connection refused by upstream', 'timeout while reading the answer', 'payment declined by issuer', 'row was changed meanwhile'];
const PHRASE_MESSAGE = 'the customer says they were charged twice for this order';
const SEED = 42;
const ERROR_SHARE = 0.02;
const WARN_SHARE = 0.05;
const PHRASE_EVERY = 50_000;
const NEEDLE_LINES = 3;
const FLUSH_LINES = 10_000;

/** xorshift32: small, fast, the same everywhere. */
export class Dice {
  constructor(seed) { this.state = seed >>> 0 || 1; }

  /** A whole number below `limit`. */
  below(limit) {
    let x = this.state;
    x ^= x << 13; x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5; x >>>= 0;
    this.state = x;
    return x % limit;
  }

  hex(digits) {
    let text = '';
    while (text.length < digits) text += this.below(0x1_0000_0000).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }
}

export const NEEDLE_TRACE = '5eed5eed5eed5eed0000000000c0ffee';
export const PHRASE = 'charged twice';

/** Gives lines one by one, as objects; the last ends at `untilMs`. */
export function* lines(count, untilMs, spanMs = 3_600_000) {
  const dice = new Dice(SEED);
  const needles = new Set(Array.from({ length: NEEDLE_LINES }, (_, index) => Math.floor((count * (index + 1)) / (NEEDLE_LINES + 1))));
  let trace = dice.hex(32);
  for (let index = 0; index < count; index += 1) {
    if (index % 5 === 0) trace = dice.hex(32);
    const share = dice.below(10_000) / 10_000;
    const level = share < ERROR_SHARE ? 'error' : share < ERROR_SHARE + WARN_SHARE ? 'warn' : 'info';
    const isPhrase = index % PHRASE_EVERY === PHRASE_EVERY - 1;
    const plain = level === 'error' ? FAILURES[dice.below(FAILURES.length)] : MESSAGES[dice.below(MESSAGES.length)];
    yield {
      timestamp: new Date(untilMs - spanMs + Math.floor((index * spanMs) / count)).toISOString(),
      level,
      service: SERVICES[dice.below(SERVICES.length)],
      message: isPhrase ? PHRASE_MESSAGE : `${plain} for order ${dice.below(1_000_000)}`,
      trace_id: needles.has(index) ? NEEDLE_TRACE : trace,
      span_id: dice.hex(16),
      'http.route': ROUTES[dice.below(ROUTES.length)],
      'http.response.status_code': level === 'error' ? 500 + dice.below(4) : 200,
      duration_ms: dice.below(5_000),
      user: `user-${dice.below(20_000)}`,
    };
  }
}

/** Writes lines to a file and gives their truth. */
export function writeLines(file, count, untilMs) {
  const truth = { lines: count, bytes: 0, errors: 0, phrases: 0, needles: 0, perService: {} };
  const descriptor = openSync(file, 'w');
  let piece = [];
  const flush = () => {
    truth.bytes += writeSync(descriptor, piece.join(''));
    piece = [];
  };
  for (const line of lines(count, untilMs)) {
    if (line.level === 'error') truth.errors += 1;
    if (line.message === PHRASE_MESSAGE) truth.phrases += 1;
    if (line.trace_id === NEEDLE_TRACE) truth.needles += 1;
    truth.perService[line.service] = (truth.perService[line.service] ?? 0) + 1;
    if (piece.push(`${JSON.stringify(line)}\n`) === FLUSH_LINES) flush();
  }
  flush();
  closeSync(descriptor);
  return truth;
}
