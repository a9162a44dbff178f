// The customers: a steady stream of purchases, the same one for the same seed, and the cases that
// customers open when their statement shows that they paid twice.
import http from 'node:http';
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const RATE = Number(process.env.SHOP_RATE ?? 5);
const SEED = Number(process.env.SHOP_SEED ?? 4710);
const STOREFRONT = process.env.STOREFRONT_URL ?? 'http://127.0.0.1:4710';
const PAYMENTS = process.env.PAYMENTS_URL ?? 'http://127.0.0.1:4712';
const CASES_FILE = process.env.SHOP_CASES;

const ARTICLES = ['mug', 'shirt', 'poster', 'notebook', 'backpack', 'lamp'];
const BANKS = ['citybank', 'rheinbank', 'nordbank', 'unionbank', 'volksbank', 'seabank', 'postbank', 'alpenbank'];
const CUSTOMERS = 2000;
const FIRST_CASE = 10_001;
const CASES_KEPT = 1000;
const MOST_AT_ONCE = 50;
const SUSPICIOUS_MS = 300;
const CONNECT_GRACE_MS = 15_000;

if (!(RATE > 0 && RATE <= 200)) throw new Error('SHOP_RATE must be a number of requests per second from above 0 to 200');

// mulberry32: small, and the same numbers on every machine.
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = seeded(SEED);
const pick = (list) => list[Math.floor(random() * list.length)];

function nextPurchase() {
  const number = Math.floor(random() * CUSTOMERS);
  const customer = `cus_${String(number).padStart(5, '0')}`;
  const card = `${BANKS[number % BANKS.length]}-${String(number).padStart(4, '0')}`;
  return { customer, card, sku: pick(ARTICLES), quantity: 1 + Math.floor(random() * 3) };
}

const statistics = { sent: 0, paid: 0, declined: 0, failed: 0, skipped: 0, unreachable: 0 };
const cases = readCases();
let underWay = 0;
let running = true;

async function purchase({ customer, card, sku, quantity }) {
  const started = performance.now();
  const query = new URLSearchParams({ customer_id: customer, sku, quantity: String(quantity), card });
  const { status, body } = await get(`${STOREFRONT}/buy?${query}`);
  if (status === 200) statistics.paid += 1;
  else if (status === 402) statistics.declined += 1;
  else statistics.failed += 1;
  const odd = status >= 500 || performance.now() - started > SUSPICIOUS_MS;
  if (odd && body?.order_id) await readStatement(customer, body.order_id);
}

// A customer whose purchase felt odd looks at the card statement, and calls when it shows two charges.
async function readStatement(customer, order) {
  const { body } = await get(`${PAYMENTS}/charges?order_id=${encodeURIComponent(order)}`);
  if ((body?.charges?.length ?? 0) < 2 || cases.length >= CASES_KEPT) return;
  const opened = {
    case: `CASE-${FIRST_CASE + cases.length}`,
    customer_id: customer,
    order_id: order,
    opened_at: new Date().toISOString(),
    words: 'I was charged twice',
  };
  cases.push(opened);
  if (CASES_FILE) appendFileSync(CASES_FILE, `${JSON.stringify(opened)}\n`);
}

function readCases() {
  try {
    return readFileSync(CASES_FILE, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

async function get(url) {
  const giveUpAt = Date.now() + CONNECT_GRACE_MS;
  for (;;) {
    try {
      return await once(url);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || Date.now() > giveUpAt || !running) throw error;
      await delay(50);
    }
  }
}

function once(url) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, timeout: 20_000 });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.on('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode, body: JSON.parse(text) });
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function keepBuying() {
  while (running) {
    const next = nextPurchase();
    if (underWay >= MOST_AT_ONCE) {
      statistics.skipped += 1;
    } else {
      underWay += 1;
      statistics.sent += 1;
      purchase(next)
        .catch(() => { statistics.unreachable += 1; })
        .finally(() => { underWay -= 1; });
    }
    // Customers do not come in step: between half and one and a half of the mean pause.
    await delay((1000 / RATE) * (0.5 + random()));
  }
}

const server = http.createServer((request, response) => {
  const pages = {
    '/healthz': () => ({ service: 'traffic', pid: process.pid }),
    '/statistics': () => statistics,
    '/cases': () => cases.slice().reverse(),
  };
  const page = Object.hasOwn(pages, request.url) ? pages[request.url] : null;
  response.writeHead(page ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(page ? page() : { error: `no page ${request.url}`, pages: Object.keys(pages) }));
});
server.listen(Number(process.env.PORT ?? 4713), '127.0.0.1');

async function stop() {
  if (!running) return;
  running = false;
  server.close();
  // Purchases under way come to their end, so that no service sees a customer vanish.
  for (const giveUpAt = Date.now() + 5000; underWay > 0 && Date.now() < giveUpAt;) await delay(20);
  process.exit(0);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('disconnect', stop);

keepBuying();
