// How things are measured: clocks, processor time, the disk, commands; and how results are kept.
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Server, andonBinary, freePort, newFolder } from '../tests/acceptance/server.mjs';

const RESULTS = path.join(import.meta.dirname, 'results');
/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;
const QUIET_CPU_SHARE = 0.1;
const SETTLE_MS = 60_000;

export const nowMs = () => performance.now();
export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Tells how the binary under test was built; $ANDON_PROFILE where its path does not say. */
export function profile() {
  const named = process.env.ANDON_PROFILE ?? path.basename(path.dirname(andonBinary()));
  return named === 'debug' || named === 'dev' ? 'dev (what every line passes through opt-level 3, the rest 1 or 0)' : named;
}

/** The class of the machine, without anything that names it. */
export function machine() {
  return {
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    loadAverageAtEnd: Number(os.loadavg()[0].toFixed(1)),
    isShared: process.env.ANDON_BENCH_ALONE !== 'yes',
  };
}

/** Gives the value in the middle and the one below which 95 of 100 lie (nearest rank). */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  return { median: at(0.5), p95: at(0.95), best: sorted[0], runs: sorted.length };
}

/** Runs something several times and gives how long each took. */
export async function times(count, work) {
  const taken = [];
  for (let index = 0; index < count; index += 1) {
    const started = nowMs();
    await work(index);
    taken.push(nowMs() - started);
  }
  return taken;
}

/** Processor seconds that a process has used. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory that a process has had, in MiB. */
export function peakMemoryMiB(pid) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024);
}

/** Waits until a process has nothing to do in the background any more. */
export async function settle(pid) {
  const end = nowMs() + SETTLE_MS;
  for (let quiet = 0; quiet < 3 && nowMs() < end;) {
    const before = cpuSeconds(pid);
    await pause(1_000);
    quiet = cpuSeconds(pid) - before <= QUIET_CPU_SHARE ? quiet + 1 : 0;
  }
}

/** 4 KiB appends per second, each flushed to the disk: what one writer that waits for the disk can reach. */
export function flushedAppendsPerSecond(folder, forMs = 1_500) {
  const file = path.join(folder, 'appends');
  const page = Buffer.alloc(4_096, 'a');
  const descriptor = openSync(file, 'a');
  const started = nowMs();
  let count = 0;
  for (; nowMs() - started < forMs; count += 1) {
    writeSync(descriptor, page);
    fdatasyncSync(descriptor);
  }
  const perSecond = count / ((nowMs() - started) / 1_000);
  closeSync(descriptor);
  rmSync(file);
  return perSecond;
}

/** Runs a command, which must succeed (or give one of `codes`), and gives its seconds and output. */
export function timed(command, args, { codes = [0], ...options } = {}) {
  const started = nowMs();
  const { status, stdout, stderr, error } = spawnSync(command, args, { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const seconds = (nowMs() - started) / 1_000;
  if (error) throw error;
  if (!codes.includes(status)) throw new Error(`${command} ${args[0]}: exit ${status} ${stderr}`);
  return { seconds, stdout };
}

/** Tells whether a command is there. */
export const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** A server on a port of its own that is not started yet. */
export async function newServer(name, extra = []) {
  return new Server(newFolder(`bench-${name}`), await freePort(), extra, { ANDON_LOG: 'warn' });
}

/** Starts a server on new data. */
export async function startServer(name, extra = []) {
  const server = await newServer(name, extra);
  server.spawn();
  await server.ready();
  return server;
}

const rounded = (number) => (Math.abs(number) >= 100 ? Math.round(number) : Number(number.toPrecision(3)));

/** A row of a result; `reference` is what the same machine did in the same run. */
export function row(what, number, unit, { reference, note } = {}) {
  const result = { what, number: rounded(number), unit };
  if (reference) {
    result.reference = { ...reference, number: rounded(reference.number) };
    result.ratio = rounded(number / reference.number);
  }
  if (note) result.note = note;
  console.log(`  ${what}: ${result.number} ${unit}${reference ? ` (${reference.what}: ${result.reference.number}, ratio ${result.ratio})` : ''}${note ? `; ${note}` : ''}`);
  return result;
}

/** Keeps the rows of a benchmark. */
export function keep(name, rows) {
  mkdirSync(RESULTS, { recursive: true });
  const result = { bench: name, date: new Date().toISOString().slice(0, 10), profile: profile(), machine: machine(), rows };
  writeFileSync(path.join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

/** Fails where an answer is not what the input makes it: a fast wrong answer is no result. */
export function expectSame(what, got, wanted) {
  if (got !== wanted) throw new Error(`${what}: ${got} instead of ${wanted}`);
}
