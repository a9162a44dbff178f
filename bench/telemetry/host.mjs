// The server under measurement: started on a folder and port of its own, watched in every life.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server, freePort } from '../../tests/acceptance/server.mjs';
import { pause } from '../measure.mjs';
import { Watch, machineBusySeconds } from './processes.mjs';

const SENDER = path.join(import.meta.dirname, 'send.mjs');
const POLL_MS = 2;
/** The background is done when nothing has changed and next to nothing was used for so long. */
const QUIET_MS = 3_000;
const QUIET_CPU_SHARE = 0.1;
const SETTLE_LIMIT_MS = 600_000;
const START_LIMIT_MS = 300_000;
const STOP_LIMIT_MS = 300_000;

/** Bytes that a folder takes on its disk, and the length of its files. */
export function folderBytes(folder) {
  let [taken, length, files] = [0, 0, 0];
  if (!existsSync(folder)) return { taken, length, files };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { blocks, size } = lstatSync(path.join(entry.parentPath ?? entry.path, entry.name));
    taken += blocks * 512;
    length += size;
    files += 1;
  }
  return { taken, length, files };
}

function answers(url) {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.once('error', () => resolve(false));
  });
}

export class Host {
  static async make({ folder, port, extra = [] }) {
    const place = mkdtempSync(path.join(folder ?? tmpdir(), 'andon-bench-telemetry-'));
    const server = new Server(place, port ?? await freePort(), extra, { ANDON_LOG: process.env.ANDON_LOG ?? 'warn' });
    return new Host(server);
  }

  constructor(server) {
    this.server = server;
    this.telemetry = path.join(server.data, 'telemetry');
  }

  /** Starts the server and gives the milliseconds until it is ready. */
  async start() {
    const started = performance.now();
    this.server.spawn();
    let ended;
    this.server.child.ended.then((how) => { ended = how; });
    this.watch = new Watch(this.server.pid);
    while (!await answers(`${this.server.url}/readyz`)) {
      if (ended || performance.now() - started > START_LIMIT_MS) throw new Error(`not ready: ${JSON.stringify(ended)} ${this.server.log().slice(-2_000)}`);
      await pause(POLL_MS);
    }
    return performance.now() - started;
  }

  /** Ends the server; what it writes on its way out is part of its work. Gives the watch of that life. */
  async stop() {
    this.server.child.kill('SIGTERM');
    const timer = setTimeout(() => this.server.child.kill('SIGKILL'), STOP_LIMIT_MS);
    const how = await this.server.child.ended;
    clearTimeout(timer);
    this.watch.end();
    if (how.code !== 0) throw new Error(`the server ended with ${JSON.stringify(how)}: ${this.server.log().slice(-2_000)}`);
    return this.watch;
  }

  async kill() {
    await this.server.kill();
    this.watch.end();
  }

  async close() {
    this.watch?.end();
    await this.server.close();
  }

  async status() {
    return (await this.server.get('/api/v1/status')).telemetry;
  }

  /** Sends a file from another process and gives what became of it. */
  async send(file, { streams, bodyBytes }) {
    const order = JSON.stringify({ url: this.server.url, file, streams, bodyBytes });
    const busyBefore = machineBusySeconds();
    const cpuBefore = this.watch.cpuSeconds;
    const child = spawn(process.execPath, [SENDER, order], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ANDON_TOKEN: this.server.token } });
    const pieces = [];
    child.stdout.on('data', (piece) => pieces.push(piece));
    const code = await new Promise((resolve) => { child.once('close', resolve); });
    if (code !== 0) throw new Error(`the sender ended with ${code}; the server says: ${this.server.log().slice(-2_000)}`);
    this.watch.sample();
    const sent = JSON.parse(Buffer.concat(pieces).toString());
    const serverCpu = this.watch.cpuSeconds - cpuBefore;
    const othersCpu = machineBusySeconds() - busyBefore - serverCpu - sent.cpuSeconds;
    return { ...sent, serverCpu, othersCpu: Math.max(0, othersCpu) };
  }

  /** Waits until flushes and compactions are done: the state stands still and nobody works. */
  async settle() {
    const end = performance.now() + SETTLE_LIMIT_MS;
    const glance = async () => {
      const { rows, memory_rows: memory, segments, segment_bytes: bytes } = await this.status();
      this.watch.sample();
      return { state: JSON.stringify([rows, memory, segments, bytes]), cpu: this.watch.cpuSeconds };
    };
    for (let before = await glance(); ;) {
      await pause(QUIET_MS);
      const now = await glance();
      const isQuiet = now.state === before.state && now.cpu - before.cpu <= (QUIET_CPU_SHARE * QUIET_MS) / 1_000;
      if (isQuiet) return this.status();
      if (performance.now() > end) throw new Error(`the background is not done within ${SETTLE_LIMIT_MS} ms: ${now.state}`);
      before = now;
    }
  }
}
