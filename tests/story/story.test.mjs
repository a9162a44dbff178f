// The story of the demo, played in a real browser on the running system: the server, the shop's real
// processes, real mail. Screenshots are left in .run/shots.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { settled, showsFailingLines } from '../../ui/e2e/harness.mjs';
import { chromium } from '../../ui/node_modules/playwright-core/index.mjs';

const root = resolve(import.meta.dirname, '../..');
const shots = join(root, '.run/shots');
const andon = process.env.ANDON_BIN;
const children = [];
let browser, data, url, admin, mailbox;

/** A free port, and the three after it. */
async function freePorts(count) {
  for (;;) {
    const first = 20000 + Math.floor(Math.random() * 20000);
    const servers = await Promise.all(Array.from({ length: count }, (_, i) => new Promise((done) => {
      const server = createServer().once('error', () => done(null)).listen(first + i, '127.0.0.1', () => done(server));
    })));
    await Promise.all(servers.map((server) => server && new Promise((done) => server.close(done))));
    if (servers.every(Boolean)) return first;
  }
}

function start(command, args, env, log = []) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.log = log;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => log.push(String(text)));
  children.push(child);
  return child;
}

async function until(what, seconds, look) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look().catch(() => null);
    if (found) return found;
    if (Date.now() > end) assert.fail(`${what} did not happen within ${seconds} s\n${children.map((c) => c.log.join('').slice(-1500)).join('\n---\n')}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function cli(...args) {
  const { stdout } = await promisify(execFile)(andon, args, { env: { ...process.env, ANDON_URL: url, ANDON_TOKEN: admin }, cwd: root });
  return stdout;
}

/** The demo organisation, as `./run` applies it. */
async function applyOrganisation(env) {
  const { stdout } = await promisify(execFile)('node', ['examples/shop/organisation.mjs'], { env: { ...process.env, ...env }, cwd: root });
  await writeFile(join(data, 'organisation.yaml'), stdout);
  await cli('apply', '-f', join(data, 'organisation.yaml'));
}

async function token(user, role) {
  return JSON.parse(await cli('token', 'create', '--user', user, '--role', role, '-o', 'json')).token;
}

before(async () => {
  assert.ok(andon, 'ANDON_BIN names the binary');
  data = await mkdtemp(join(tmpdir(), 'andon-story-'));
  await mkdir(join(data, 'demo/mailbox'), { recursive: true });
  await mkdir(shots, { recursive: true });
  const shop = await freePorts(4);
  const mail = await freePorts(2);
  const port = await freePorts(1);
  const env = { SHOP_PORT: String(shop), MAILBOX_PORT: String(mail + 1) };
  url = `http://127.0.0.1:${port}`;
  mailbox = `http://127.0.0.1:${mail + 1}`;
  start('node', ['examples/sinks/sink.mjs', '--smtp', String(mail), '--http', String(mail + 1), '--dir', join(data, 'demo/mailbox')], env);
  start(andon, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, '--bootstrap-token', join(data, 'token'), '--demo', 'examples',
    '--egress', 'private', '--smtp', `smtp://127.0.0.1:${mail}`, '--no-otlp-ports'], env);
  await until('readiness', 60, async () => (await fetch(`${url}/readyz`)).ok);
  admin = (await readFile(join(data, 'token'), 'utf8')).trim();
  await applyOrganisation(env);
  const ingest = JSON.parse(await cli('token', 'create', '--role', 'ingest', '--description', 'shop', '-o', 'json')).token;
  const running = start('node', ['examples/shop/shop.mjs', 'up', '--dir', join(data, 'demo/shop')],
    { ...env, ANDON_URL: url, ANDON_TOKEN: ingest, ANDON_BIN: andon });
  await until('the opening of the shop', 60, async () => running.log.join('').includes('the shop is open'));
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}, { timeout: 180_000 });

after(async () => {
  await browser?.close();
  for (const child of children.reverse()) child.kill('SIGTERM');
  await Promise.all(children.map((child) => child.exitCode !== null || new Promise((done) => {
    child.once('exit', done);
    setTimeout(() => child.kill('SIGKILL'), 8000).unref();
  })));
  await rm(data, { recursive: true, force: true });
}, { timeout: 60_000 });

/** Opens a browser for a person, at a width; anything that the page says is wrong is kept. */
async function personAt(user, role, width, options = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.wrong.push(message.text()));
  await page.goto(`${url}/signin`);
  await page.fill('#token', await token(user, role));
  await page.click('button[type=submit]');
  await page.waitForURL((to) => !to.pathname.startsWith('/signin'));
  return page;
}

/** Takes a picture of the whole page, not of what fits the window alone. */
async function whole(page, name) {
  const { width, height } = page.viewportSize();
  const needed = await page.evaluate(() => Math.max(document.documentElement.scrollHeight, document.body.scrollHeight));
  await page.setViewportSize({ width, height: Math.max(height, needed) });
  await page.screenshot({ path: join(shots, name) });
  await page.setViewportSize({ width, height });
}

async function noSideways(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 1, `${what} is ${wide} px too wide`);
}

test('the story is played step by step from the demo page, and each page shows it', { timeout: 600_000 }, async () => {
  const page = await personAt('user:default/lee', 'engineer', 1440);
  const phone = await personAt('user:default/maya', 'engineer', 390);
  await page.goto(`${url}/demo`);
  const steps = page.locator('li[data-state]');
  await steps.first().waitFor();
  const count = await steps.count();
  assert.equal(count, 10);
  for (let number = 0; number < count; number += 1) {
    await page.goto(`${url}/demo`);
    await page.getByRole('button', { name: 'Play next' }).click({ timeout: 30_000 });
    const step = steps.nth(number);
    await page.waitForFunction((at) => ['done', 'failed'].includes(document.querySelectorAll('li[data-state]')[at]?.dataset.state), number, { timeout: 240_000 });
    assert.equal(await step.getAttribute('data-state'), 'done', await step.innerText());
    const link = await step.locator('a').last().getAttribute('href');
    await page.screenshot({ path: join(shots, `story-${number + 1}-demo.png`) });
    for (const [reader, width] of [[page, 1440], [phone, 390]]) {
      await reader.goto(new URL(link, url).href);
      await settled(reader);
      assert.doesNotMatch(await reader.locator('main h1').first().innerText(), /No such page/, link);
      if (new URL(link, url).pathname.startsWith('/incidents/')) await showsFailingLines(reader);
      await whole(reader, `story-${number + 1}-${width}.png`);
      await noSideways(reader, `${link} at ${width} px`);
    }
  }
  for (const path of ['/trace/incidents/inc-1', '/policies/idempotency', '/']) {
    for (const [reader, width] of [[page, 1440], [phone, 390]]) {
      await reader.goto(url + path);
      await settled(reader);
      await whole(reader, `story-end${path.replaceAll('/', '-')}-${width}.png`);
      await noSideways(reader, `${path} at ${width} px`);
    }
  }
  assert.deepEqual([...page.wrong, ...phone.wrong], []);
  await pagedByWebhook();
});

/** Whoever was on call was paged by webhook as well as by mail. */
async function pagedByWebhook() {
  const calls = await (await fetch(`${mailbox}/messages?kind=webhook`)).json();
  assert.ok(calls.some((call) => call.path.startsWith('/hooks/') && call.body.includes(`${url}/p/`)), JSON.stringify(calls));
}

test('the audit answers who, allowed by which rule, and the ledger verifies', { timeout: 60_000 }, async () => {
  const found = JSON.parse(await cli('audit', 'search', '--object', 'component:default/checkout', '--action', 'check.refused', '--since', '1h', '-o', 'json'));
  assert.equal(found.length, 1);
  assert.equal(found[0].actor.principal, 'user:default/alex');
  assert.match(JSON.stringify(found[0].payload), /coe:default\/coe-/);
  await cli('audit', 'verify');
  const trace = await cli('trace', 'incident', 'inc-1');
  assert.match(trace, /coe-/);
});

test('customer service stops the line without a script, on a phone, and can do nothing else', { timeout: 60_000 }, async () => {
  const page = await personAt('user:default/rio', 'reporter', 390, { javaScriptEnabled: false });
  await page.goto(`${url}/pull`);
  await noSideways(page, '/pull');
  await page.selectOption('select', { index: 1 });
  await page.locator('textarea, input[name=reason]').first().fill('the page stays white');
  await page.locator('input[name=case]').fill('CASE-77');
  await page.screenshot({ path: join(shots, 'pull-390.png') });
  await page.locator('form button[type=submit], form button').last().click();
  assert.match(await page.locator('body').innerText(), /stopped/i);
  await page.screenshot({ path: join(shots, 'pulled-390.png') });
  const denied = await page.request.get(`${url}/api/v1/logs`);
  assert.equal(denied.status(), 403);
});
