// A real Andon for a test: started on a free port, killed, started again on the same data, and always
// cleaned up. The binary is $ANDON_BIN, unmodified; nothing here knows its inside.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** How long a start, a stop or an expected effect may take on a busy machine. */
export const DEADLINE_MS = Number(process.env.ANDON_DEADLINE_MS ?? 60_000);
/** How long one call may take before it counts as unanswered. */
const CALL_MS = 120_000;
/** How much of the server's log a failure shows. */
const LOG_TAIL_BYTES = 4_000;
const SETPRIV = '/usr/bin/setpriv';

/** Gives the binary under test. */
export function andonBinary() {
  const binary = process.env.ANDON_BIN;
  if (!binary || !existsSync(binary)) {
    throw new Error('ANDON_BIN names no file: set it to the built `andon`, for example $CARGO_TARGET_DIR/debug/andon.');
  }
  return binary;
}

const living = new Set();
const folders = new Set();

function cleanUp() {
  for (const child of living) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** Starts a process that ends with this one, also when this one is killed. */
export function spawnOwned(command, args, options = {}) {
  // The kernel ends the child with its parent; elsewhere the exit handler has to do.
  const guarded = existsSync(SETPRIV);
  const [program, all] = guarded ? [SETPRIV, ['--pdeathsig', 'KILL', command, ...args]] : [command, args];
  const child = spawn(program, all, options);
  living.add(child);
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  child.ended.then(() => living.delete(child));
  return child;
}

/** Makes a folder that goes away with this process, or before it with `removeFolder`. */
export function newFolder(name) {
  const folder = mkdtempSync(path.join(tmpdir(), `andon-acceptance-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Runs a command to its end and gives its exit code and streams. */
export async function run(command, args, { input, limitMs = 120_000, ...options } = {}) {
  const child = spawnOwned(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const pieces = [];
    stream?.on('data', (piece) => pieces.push(piece));
    return pieces;
  });
  // A command may end without reading what it is told.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const closed = new Promise((resolve) => { child.once('close', resolve); });
  const ended = await child.ended;
  clearTimeout(timer);
  if (ended.error) throw new Error(`${command} cannot be started: ${ended.error.message}`);
  await closed;
  const text = (pieces) => Buffer.concat(pieces).toString('utf8');
  return { code: ended.code, signal: ended.signal, stdout: text(stdout), stderr: text(stderr) };
}

/** Polls until `check` gives something truthy; what it threw or gave last is part of the failure. */
export async function until(what, check, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  let last;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) throw new Error(`${what}: not within ${deadlineMs} ms (last: ${last?.stack ?? JSON.stringify(last)})`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

// Below the range from which the kernel takes ports for outgoing connections, so that nothing takes the
// port of a killed server before it starts again.
const PORTS = { first: 20_000, count: 12_000 };

/** Finds a port that nobody listens on. */
export async function freePort() {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    const listener = net.createServer();
    const isFree = await new Promise((resolve) => {
      listener.once('error', () => resolve(false));
      listener.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => listener.close(resolve));
    return port;
  }
  throw new Error('no port is free');
}

/** A server with its data; it can be killed and started again. */
export class Server {
  /** Starts a server on new data and waits until it is ready. `extra` are further options of `andon serve`. */
  static async start({ name = 'server', extra = [], env = {} } = {}) {
    const server = new Server(newFolder(name), await freePort(), extra, env);
    try {
      server.spawn();
      await server.ready();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  constructor(folder, port, extra, env) {
    Object.assign(this, { folder, port, extra, env });
    this.binary = andonBinary();
    this.data = path.join(folder, 'data');
    this.tokenFile = path.join(folder, 'token');
    this.logFile = path.join(folder, 'server.log');
    this.url = `http://127.0.0.1:${port}`;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  get token() {
    return readFileSync(this.tokenFile, 'utf8').trim();
  }

  get pid() {
    return this.child?.pid;
  }

  /** Gives the server's own log. */
  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Starts the process without waiting for it. */
  spawn() {
    const log = openSync(this.logFile, 'a');
    const args = ['serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, '--bootstrap-token', this.tokenFile,
      '--egress', 'private', '--no-otlp-ports', ...this.extra];
    // A connection to the process before would only fail.
    this.agent.destroy();
    this.child = spawnOwned(this.binary, args, { stdio: ['ignore', log, log], env: { ...process.env, NO_COLOR: '1', ...this.env } });
    closeSync(log);
  }

  /** Waits until the server says that it is ready. */
  async ready() {
    let ended;
    this.child.ended.then((how) => { ended = how; });
    await until('the server is ready', async () => {
      // Polling on would hide why.
      if (ended) return true;
      return (await this.call('GET', '/readyz', undefined, { token: null })).status === 200;
    }).catch((error) => { throw new Error(`${error.message}\n${this.log().slice(-LOG_TAIL_BYTES)}`); });
    if (ended) throw new Error(`the server ended: ${JSON.stringify(ended)}\n${this.log().slice(-LOG_TAIL_BYTES)}`);
  }

  /** Ends the process as a power cut would. */
  async kill() {
    this.child.kill('SIGKILL');
    return this.child.ended;
  }

  /** Asks the process to end, and tells how it did. */
  async stop() {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS);
    const ended = await this.child.ended;
    clearTimeout(timer);
    return ended;
  }

  /** Starts again on the same data and port. */
  async restart() {
    this.spawn();
    await this.ready();
  }

  async close() {
    if (this.child) await this.kill();
    this.agent.destroy();
    if (process.env.ANDON_KEEP) console.error(`kept: ${this.folder}`);
    else removeFolder(this.folder);
  }

  /**
   * Makes a call and gives `{status, headers, text, body}`; `body` is the parsed JSON, if it is JSON.
   * An object is sent as JSON; a text or a buffer as it is. `token: null` sends none.
   */
  call(method, target, body, { headers = {}, token = this.token, limitMs = CALL_MS, signal } = {}) {
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const payload = isRaw ? body : JSON.stringify(body);
    const all = { ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    if (!isRaw) all['content-type'] ??= 'application/json';
    if (payload !== undefined) all['content-length'] = Buffer.byteLength(payload);
    return new Promise((resolve, reject) => {
      const request = http.request(this.url + target, { method, headers: all, agent: this.agent, signal }, (response) => {
        const pieces = [];
        response.on('data', (piece) => pieces.push(piece));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(pieces).toString('utf8');
          const isJson = (response.headers['content-type'] ?? '').includes('json');
          resolve({ status: response.statusCode, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : undefined });
        });
        response.once('aborted', () => reject(new Error('the answer broke off')));
      });
      request.setTimeout(limitMs, () => request.destroy(new Error(`no answer within ${limitMs} ms`)));
      request.once('error', (error) => reject(Object.assign(error, { message: `${method} ${target}: ${error.message}` })));
      request.end(payload);
    });
  }

  /** Makes a call that must succeed, and gives its answer. */
  async api(method, target, body, options) {
    const answer = await this.call(method, target, body, options);
    if (answer.status < 200 || answer.status > 299) throw new Error(`${method} ${target}: ${answer.status} ${answer.text.slice(0, 2_000)}`);
    return answer.body;
  }

  get(target, options) {
    return this.api('GET', target, undefined, options);
  }

  /** Applies YAML that must be right. */
  async apply(yaml) {
    return (await this.api('POST', '/api/v1/apply', yaml, { headers: { 'content-type': 'application/yaml' } })).results;
  }

  /** Makes a token with a role. */
  async newToken(role, more = {}) {
    return (await this.api('POST', '/api/v1/tokens', { roles: [role], description: `test ${role}`, ...more })).token;
  }

  /** Runs SQL and gives the rows as objects. */
  async sql(sql, limit = 100_000) {
    const { columns, rows, truncated } = await this.api('POST', '/api/v1/sql', { sql, limit });
    if (truncated) throw new Error(`more than ${limit} rows: ${sql}`);
    return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
  }

  /** Sends lines and gives what the server says of them. */
  ingest(lines, options = {}) {
    const body = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    return this.api('POST', '/api/v1/ingest/ndjson?message_field=message', body, { headers: { 'content-type': 'application/x-ndjson' }, ...options });
  }

  /** Runs the command line against this server. */
  andon(args, { token = this.token, input, env = {}, ...options } = {}) {
    const all = { ...process.env, NO_COLOR: '1', ANDON_URL: this.url, ANDON_TOKEN: token ?? '', ...env };
    if (token === null) delete all.ANDON_TOKEN;
    return run(this.binary, args, { input, env: all, ...options });
  }

  /** Runs the command line, which must succeed, and gives its JSON. */
  async andonJson(args, options) {
    const { code, stdout, stderr } = await this.andon(['-o', 'json', ...args], options);
    if (code !== 0) throw new Error(`andon ${args.join(' ')}: exit ${code}\n${stderr}`);
    return JSON.parse(stdout);
  }
}
