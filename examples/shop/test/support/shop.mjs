// Runs the real shop in a folder of its own for a test.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const HOME = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const SHOP = path.join(HOME, 'shop.mjs');

/** Asks until the answer is there; says what it waited for when the deadline passes. */
export async function until(what, ask, deadlineMs = 60_000) {
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class TestShop {
  static async start(env) {
    const shop = new TestShop();
    shop.dir = mkdtempSync(path.join(tmpdir(), 'andon-shop-'));
    shop.base = await freeBasePort();
    const { ANDON_URL, ANDON_TOKEN, NODE_TEST_CONTEXT, ...inherited } = process.env;
    shop.env = { ...inherited, SHOP_DIR: shop.dir, SHOP_PORT: String(shop.base), ...env };
    shop.process = spawn(process.execPath, [SHOP, 'up'], { env: shop.env, stdio: ['ignore', 'pipe', 'inherit'] });
    shop.output = '';
    shop.process.stdout.on('data', (chunk) => { shop.output += chunk; });
    shop.exited = new Promise((resolve) => { shop.process.once('exit', (code) => resolve(code)); });
    let ended = false;
    shop.exited.then(() => { ended = true; });
    await until('the shop to open', () => {
      if (ended) throw new Error(`the shop ended: ${shop.output}`);
      return shop.output.includes('the shop is open');
    });
    return shop;
  }

  /** Runs one shop.mjs command; answers `{ code, stdout, stderr }`. */
  run(args, env = {}) {
    return run(process.execPath, [SHOP, ...args], { ...this.env, ...env });
  }

  async must(...args) {
    const result = await this.run(args);
    if (result.code !== 0) throw new Error(`shop.mjs ${args.join(' ')} exited ${result.code}: ${result.stderr}`);
    return result.stdout.trim();
  }

  async status(name) {
    const status = JSON.parse(await this.must('status', '--json'));
    return name ? status.processes.find((row) => row.name === name) : status;
  }

  async get(name, page) {
    const { port } = await this.status(name);
    return (await fetch(`http://127.0.0.1:${port}${page}`)).json();
  }

  log(name) {
    return readFileSync(path.join(this.dir, 'logs', `${name}.log`), 'utf8');
  }

  async close() {
    this.process.kill('SIGTERM');
    await this.exited;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function run(file, args, env) {
  return new Promise((resolve) => {
    execFile(file, args, { env, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

// Asks whether a process lives without touching it.
export function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// Four ports in a row that nobody has.
async function freeBasePort() {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const base = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all([0, 1, 2, 3].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('there are no four free ports in a row');
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
