#!/usr/bin/env node
// The explorer of logs in a real browser on a server that holds millions of lines: what a person waits for, step by step.
//
//   ANDON_BIN=<the binary> node bench/telemetry/browser.mjs --data logs1g.ndjson --copies 3.5 [--shots DIR] [--pages ui/dist]
//   node bench/telemetry/browser.mjs --url http://127.0.0.1:4700 --token-file FILE --data logs1g.ndjson --since … --until …
//
// Every time is taken inside the page, from the act to the moment at which what was asked for stands there. Beside it:
// how long the page did not answer at most (a long task), and what the server took for each call.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openPage, startBrowser } from '../../ui/e2e/harness.mjs';
import { newFolder } from '../../tests/acceptance/server.mjs';
import { machine, profile, startServer } from '../measure.mjs';
import { writeCopy, writeShare } from './copies.mjs';
import { act, opened, rowOf, scrolled, watch } from './browser-watch.mjs';

const SENDER = path.join(import.meta.dirname, 'send.mjs');
const RESULTS = path.join(import.meta.dirname, '../results/browser.json');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const VIEWS = [[1440, 900, false], [1440, 900, true], [800, 900, false], [800, 900, true]];
/** How much is sent while the tail is followed. */
const TAIL_BYTES = 150e6;
const TAIL_COPY = 9;

const { values: given } = parseArgs({ options: {
  data: { type: 'string' }, copies: { type: 'string', default: '3.5' }, url: { type: 'string' }, 'token-file': { type: 'string' },
  since: { type: 'string' }, until: { type: 'string' }, shots: { type: 'string' }, pages: { type: 'string' }, keep: { type: 'string', default: RESULTS },
} });
if (!given.data || !existsSync(given.data)) throw new Error('--data names no file: the NDJSON of the generator is wanted.');

function send(server, file) {
  const order = JSON.stringify({ url: server.url, file, streams: 2, bodyBytes: 8 << 20 });
  const child = spawn(process.execPath, [SENDER, order], { env: { ...process.env, ANDON_TOKEN: server.token }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece) => { text += piece; });
  return new Promise((resolve, reject) => child.once('exit', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`the sender ended with ${code}`)))));
}

/** Stores the file and copies of it on the days before; the part of a copy is the oldest. */
async function fill(server, work) {
  const copies = Number(given.copies);
  const [copy, part] = [path.join(work, 'copy.ndjson'), path.join(work, 'part.ndjson')];
  const sent = [];
  for (let number = Math.ceil(copies) - 1; number >= 0; number -= 1) {
    const share = Math.min(1, copies - number);
    if (share < 1) writeShare(given.data, part, Math.floor(statSync(given.data).size * share));
    const source = share < 1 ? part : given.data;
    if (number > 0) writeCopy(source, copy, number);
    sent.push(await send(server, number > 0 ? copy : source));
  }
  [copy, part].forEach((file) => rmSync(file, { force: true }));
  const sum = (name) => sent.reduce((total, each) => total + each[name], 0);
  return { lines: sum('accepted'), seconds: sum('seconds'), bytes: sum('bytes') };
}

/** The days that the lines are of. */
function range() {
  if (given.since && given.until) return [given.since, given.until];
  const head = Buffer.alloc(100);
  const descriptor = openSync(given.data, 'r');
  readSync(descriptor, head, 0, head.length, 0);
  closeSync(descriptor);
  const day = Date.parse(`${/"timestamp":"([\d-]{10})/.exec(head.toString())[1]}T00:00:00Z`);
  const text = (ms) => new Date(ms).toISOString().replace('.000', '');
  return [text(day - (Math.ceil(Number(given.copies)) - 1) * 86_400_000), text(day + 86_400_000)];
}

/** A page of someone who is signed in; the pages come from a folder where one is named. */
async function person(browser, server, [width, height, dark]) {
  const opened = await openPage(browser, { width, height, dark, allowed: ['Failed to load resource'] });
  const { page } = opened;
  await page.goto(`${server.url}/signin`);
  await page.fill('#token', server.token);
  await page.click('button[type=submit]');
  await page.waitForURL((to) => !to.pathname.startsWith('/signin'));
  if (given.pages) await page.route((url) => !/^\/(api|signin|signout|p\/)/.test(url.pathname), (route) => fromFolder(route));
  await page.addInitScript(watch);
  return opened;
}

function fromFolder(route) {
  const { pathname } = new URL(route.request().url());
  const wanted = path.join(given.pages, pathname);
  const file = existsSync(wanted) && statSync(wanted).isFile() ? wanted : path.join(given.pages, 'index.html');
  return route.fulfill({ path: file, contentType: TYPES[path.extname(file)] ?? 'application/octet-stream' });
}

const at = (query) => `/logs?${new URLSearchParams({ since: range()[0], until: range()[1], ...(query ? { query } : {}) })}`;
const lines = (page) => page.locator('[aria-label="Log lines"] [data-index]');
const rail = (page) => page.getByRole('slider', { name: 'Place among all lines' });

async function ask(page, query, parts = ['lines', 'count', 'fields']) {
  await page.getByLabel('Log query').fill(query);
  return act(page, parts, () => page.getByLabel('Log query').press('Enter'));
}

async function brush(page) {
  const box = await page.locator('.u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30, { steps: 5 });
  return act(page, ['lines', 'count', 'fields'], () => page.mouse.up());
}

async function jump(page, share) {
  const box = await rail(page).boundingBox();
  return act(page, ['lines'], () => page.mouse.click(box.x + 8, box.y + box.height * share));
}

async function tail(page, server, work, shot) {
  const [part, copy] = [path.join(work, 'part.ndjson'), path.join(work, 'copy.ndjson')];
  writeShare(given.data, part, TAIL_BYTES);
  writeCopy(part, copy, TAIL_COPY);
  await page.keyboard.press('t');
  await page.getByText('following').waitFor();
  await act(page, [], async () => undefined);
  const sending = send(server, copy);
  const following = await act(page, ['tail'], async () => undefined);
  await page.getByText(/[\d,]{3,} lines\/s/).waitFor();
  await shot('tail');
  const held = await scrolled(page, 10);
  const sent = await sending;
  [part, copy].forEach((file) => rmSync(file));
  return { ...following, longestTaskMs: held.longestTaskMs, linesPerSecondSent: Math.round(sent.accepted / sent.seconds), shown: await page.locator('main [role="status"]').first().textContent() };
}

const STEPS = [
  ['open all lines', (page) => opened(page, at())],
  ['brush a fifth of the time', brush],
  ['back to all', (page) => act(page, ['lines'], () => page.keyboard.press('Escape'))],
  ['filter: level:error', (page) => ask(page, 'level:error')],
  ['filter: level:error AND service:cart', (page) => ask(page, 'level:error AND service:cart')],
  ['find the word of three lines', (page) => ask(page, 'NEEDLE-7f3a9c41')],
  ['find a regular expression', (page) => ask(page, '/Failed password for .* from 10\\./')],
  ['find a number: status:>=500', (page) => ask(page, 'status:>=500')],
  ['all lines again', (page) => ask(page, '', ['lines'])],
  ['jump to the middle', (page) => jump(page, 0.5)],
  ['scroll on from there', (page) => scrolled(page, 60)],
  ['jump to the oldest', (page) => jump(page, 0.999)],
  ['jump near the top', (page) => jump(page, 0.1)],
  ['open a line', (page) => act(page, ['detail'], () => lines(page).nth(6).getByRole('button').first().click())],
  ['its surrounding lines', (page) => act(page, ['lines', 'count'], () => page.keyboard.press('c'))],
  ['back from them', (page) => act(page, ['lines'], () => page.goBack())],
];

async function drive(browser, server, work) {
  const { page, complaints, close } = await person(browser, server, VIEWS[0]);
  let calls = [];
  page.on('requestfinished', (request) => {
    const url = new URL(request.url());
    if (/^\/api\/v1\/logs/.test(url.pathname)) calls.push({ call: `${url.pathname}?${decodeURIComponent(url.search.slice(1))}`, ms: Math.round(request.timing().responseEnd) });
  });
  const shot = shooter(page, '1440-light');
  const results = [];
  for (const [step, work] of STEPS) {
    calls = [];
    const result = { step, ...(await work(page)), calls };
    results.push(result);
    tell(result);
    await shot(step);
  }
  const following = { step: 'follow the tail while lines come in', ...(await tail(page, server, work, shot)), calls: [] };
  results.push(following);
  tell(following);
  await close();
  return { results, complaints };
}

function tell({ step, calls, ...told }) {
  console.log(`  ${step}: ${Object.entries(told).map(([name, value]) => `${name} ${typeof value === 'number' ? Math.round(value) : value}`).join(', ')}`);
  for (const { call, ms } of calls.filter((each) => each.ms > 200)) console.log(`      ${ms} ms ${call}`);
}

const shooter = (page, view) => async (step) => {
  if (!given.shots) return;
  mkdirSync(given.shots, { recursive: true });
  await page.screenshot({ path: path.join(given.shots, `${step.replaceAll(/[^a-z]+/gi, '-')}-${view}.png`) });
};

/** The same in the other sizes and colours, for the eye. */
async function look(browser, server) {
  for (const [width, height, dark] of VIEWS.slice(1)) {
    const { page, close } = await person(browser, server, [width, height, dark]);
    const shot = shooter(page, `${width}-${dark ? 'dark' : 'light'}`);
    await opened(page, at());
    await shot('open all lines');
    await ask(page, 'level:error');
    await shot('filter: level:error');
    await jump(page, 0.5);
    await act(page, ['detail'], () => lines(page).nth(6).getByRole('button').first().click());
    await shot('open a line');
    await close();
  }
}

const work = newFolder('browser');
const server = given.url ? { url: given.url, token: readFileSync(given['token-file'], 'utf8').trim(), close: async () => undefined } : await startServer('browser');
const browser = await startBrowser();
try {
  const stored = given.url ? undefined : await fill(server, work);
  if (stored) console.log(`  stored ${stored.lines} lines in ${Math.round(stored.seconds)} s`);
  const { results, complaints } = await drive(browser, server, work);
  if (given.shots) await look(browser, server);
  const kept = { bench: 'browser', date: new Date().toISOString().slice(0, 10), profile: given.url ? 'of the running server' : profile(), machine: machine(), data: `${path.basename(given.data)} ${given.copies} times`, rows: results.map(rowOf) };
  if (given.keep !== 'none') writeFileSync(given.keep, `${JSON.stringify(kept, null, 2)}\n`);
  if (complaints.length > 0) throw new Error(`the page complained: ${complaints.join('; ')}`);
} finally {
  await browser.close();
  await server.close();
}
