// What the right answers are: one pass over the data, line by line, with nothing but JSON.parse. The result lies
// beside the data, and agrees with the generator's truth file or nothing is measured.
import { existsSync, openSync, readFileSync, readSync, closeSync, statSync, writeFileSync } from 'node:fs';
import { expectSame } from '../measure.mjs';

/** Changes when the pass computes something else; older results are computed again. */
const VERSION = 4;
const MINUTE_US = 60_000_000;
export const DAY_US = 24 * 60 * MINUTE_US;
export const HOUR_US = 60 * MINUTE_US;
export const BAR_US = 5 * MINUTE_US;
export const NEEDLE = 'NEEDLE-7f3a9c41';
export const EXCEPTION = 'IllegalStateException';
export const USER = 'u479';
export const PATTERN = 'Failed password for .* from 10\\.';
export const PART = 'blk_-16';
export const NEWEST = 50;
export const TOP = 10;

/** Gives the lines of a file as text, read in large pieces. */
export function* fileLines(file) {
  const descriptor = openSync(file, 'r');
  const piece = Buffer.allocUnsafe(8 << 20);
  let rest = Buffer.alloc(0);
  for (;;) {
    const length = readSync(descriptor, piece, 0, piece.length);
    if (length === 0) break;
    const whole = Buffer.concat([rest, piece.subarray(0, length)]);
    const end = whole.lastIndexOf(10) + 1;
    yield* whole.toString('utf8', 0, end).split('\n').slice(0, -1);
    rest = Buffer.from(whole.subarray(end));
  }
  closeSync(descriptor);
  if (rest.length > 0) yield rest.toString('utf8');
}

/** Microseconds since the epoch; finer digits are cut. */
export function microseconds(timestamp) {
  const [seconds, fraction = ''] = timestamp.replace('Z', '').split('.');
  return Date.parse(`${seconds}Z`) * 1_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

const isWord = new RegExp(`(?<![\\p{L}\\p{N}_])${EXCEPTION}(?![\\p{L}\\p{N}_])`, 'iu');
const pattern = new RegExp(PATTERN);
const increase = (counts, key, by = 1) => { counts[key] = (counts[key] ?? 0) + by; };

class Pass {
  lines = 0;
  level = {};
  status = {};
  services = {};
  errorsPerHour = {};
  bars = {};
  needles = [];
  words = 0;
  user = 0;
  matches = 0;
  parts = 0;
  paths = new Map();
  users = new Set();
  newest = [];
  firstUs = Infinity;
  lastUs = -Infinity;

  take(text) {
    const line = JSON.parse(text);
    const us = microseconds(line.timestamp);
    this.lines += 1;
    this.firstUs = Math.min(this.firstUs, us);
    this.lastUs = Math.max(this.lastUs, us);
    increase(this.level, line.level);
    increase(this.bars[line.level] ??= {}, Math.floor(us / BAR_US) * BAR_US);
    this.#takeNumbers(line, us);
    this.#takeMessage(line);
    this.users.add(line.user_id);
    if (line.user_id === USER) this.user += 1;
    if (line.path !== undefined) this.paths.set(line.path, (this.paths.get(line.path) ?? 0) + 1);
    if (line.level === 'error') this.#takeError(us, line.trace_id);
  }

  #takeNumbers(line, us) {
    const service = this.services[line.service] ??= { lines: 0, timed: 0, durationMs: 0 };
    service.lines += 1;
    if (line.duration_ms !== undefined) {
      service.timed += 1;
      service.durationMs += line.duration_ms;
    }
    if (line.status === undefined) return;
    increase(this.status, line.status);
    if (line.status >= 500) increase(this.errorsPerHour, Math.floor(us / HOUR_US) * HOUR_US);
  }

  #takeMessage({ message, trace_id: trace }) {
    if (message.includes(NEEDLE)) this.needles.push(trace);
    if (isWord.test(message)) this.words += 1;
    if (pattern.test(message)) this.matches += 1;
    if (message.includes(PART)) this.parts += 1;
  }

  /** Lines come about in the order of time: a little more than needed is kept, and sorted at the end. */
  #takeError(us, trace) {
    this.newest.push([us, trace]);
    if (this.newest.length > 20_000) this.newest = newestOf(this.newest, 2_000);
  }

  answers() {
    const { users, paths, newest, ...rest } = this;
    const top = [...paths].sort((a, b) => b[1] - a[1]).slice(0, TOP);
    return { ...rest, distinctUsers: users.size, paths: paths.size, topPaths: top, newest: newestOf(newest, NEWEST) };
  }
}

const newestOf = (lines, count) => lines.sort((a, b) => b[0] - a[0]).slice(0, count);

/** Counts the lines of some traces: which ones is known only after the first pass. */
function countTraces(file, traces) {
  const counts = Object.fromEntries(traces.map((trace) => [trace, 0]));
  for (const text of fileLines(file)) {
    const at = text.indexOf('"trace_id":"');
    const trace = text.slice(at + 12, at + 44);
    if (counts[trace] !== undefined) counts[trace] += 1;
  }
  return counts;
}

function compute(file) {
  const pass = new Pass();
  for (const text of fileLines(file)) if (text) pass.take(text);
  const answers = pass.answers();
  // A trace of a needle, else the newest error's.
  answers.trace = answers.needles[0] ?? answers.newest[0][1];
  answers.traceLines = countTraces(file, [answers.trace])[answers.trace];
  return answers;
}

/** Gives the right answers, computed once per file. */
export function answersOf(file) {
  const kept = `${file}.answers.json`;
  const { size, mtimeMs } = statSync(file);
  if (existsSync(kept)) {
    const before = JSON.parse(readFileSync(kept, 'utf8'));
    if (before.version === VERSION && before.size === size && before.mtimeMs === mtimeMs) return before;
  }
  console.log(`computing the right answers from ${file}, once`);
  const answers = { version: VERSION, size, mtimeMs, ...compute(file) };
  writeFileSync(kept, JSON.stringify(answers));
  return answers;
}

/** Fails where the generator and the pass disagree about the data. */
export function agree(answers, truth) {
  const durationMs = Object.values(answers.services).reduce((sum, each) => sum + each.durationMs, 0);
  const sorted = (counts) => JSON.stringify(Object.entries(counts).sort());
  expectSame('lines of the data', answers.lines, truth.lines);
  expectSame('bytes of the data', answers.size, truth.bytes);
  expectSame('lines with the exception', answers.words, truth.contains_IllegalStateException);
  expectSame('distinct users', answers.distinctUsers, truth.distinct_user_id);
  expectSame('sum of durations', durationMs, truth.sum_duration_ms);
  expectSame('levels', sorted(answers.level), sorted(truth.level));
  expectSame('status', sorted(answers.status), sorted(truth.status));
  expectSame('services', sorted(Object.fromEntries(Object.entries(answers.services).map(([name, each]) => [name, each.lines]))), sorted(truth.service));
  expectSame('needles', answers.needles.join(), truth.needles.map((needle) => needle.trace_id).join());
}
