#!/usr/bin/env node
// The log engine against its gates and goals: a running server over HTTP, every answer checked.
//
//   ANDON_BIN=<binary> node bench/telemetry/run.mjs --data FILE.ndjson --truth FILE.json [options]
//
//   --scale 0.1,1,10   shares or multiples of the data, each on a server of its own (1)
//   --streams 2        connections of the sender
//   --body-mib 8       size of one request; each is acknowledged when it is durable
//   --folder DIR       where the data of the servers lie (the system's folder for temporary files)
//   --port N           the port (a free one)
//   --no-sql           leaves SQL, the second way of asking, out
//   --no-load          leaves the searches during ingestion out
//   --keep NAME        the name of the result in bench/results (telemetry); "none" keeps nothing
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Caller, measureWay } from './ask.mjs';
import { writeCopy, writeShare } from './copies.mjs';
import { Host, folderBytes } from './host.mjs';
import { searchUnderLoad } from './load.mjs';
import { questionsOf, spanOf } from './questions.mjs';
import { failedRow, keep, questionRow, row } from './rows.mjs';
import { agree, answersOf } from './truth.mjs';
import { expectSame, spread } from '../measure.mjs';

const STARTS = 5;
const MB = 1e6;
/** Gates and goals are for this much data. */
const JUDGED_BYTES = 1e9;

function options() {
  const text = (fallback) => ({ type: 'string', default: fallback });
  const { values } = parseArgs({
    options: { data: text(), truth: text(), scale: text('1'), streams: text('2'), 'body-mib': text('8'), folder: text(), port: text(), keep: text('telemetry'), 'no-sql': { type: 'boolean' }, 'no-load': { type: 'boolean' } },
  });
  if (!values.data || !existsSync(values.data)) {
    console.error('--data names no file: an NDJSON file of the generator, with --truth FILE.json beside it; see bench/telemetry/README.md');
    process.exit(2);
  }
  return {
    data: values.data, truth: values.truth, scales: values.scale.split(',').map(Number), folder: values.folder ?? tmpdir(), port: values.port ? Number(values.port) : undefined,
    sender: { streams: Number(values.streams), bodyBytes: Math.round(Number(values['body-mib']) * (1 << 20)) },
    withSql: !values['no-sql'], withLoad: !values['no-load'], keep: values.keep,
  };
}

/** Sends the data, waits until the background is done, and ends the server, which writes what is left. */
async function ingest(host, { file, copies, work, sender, lines }) {
  const total = { seconds: 0, bytes: 0, othersCpu: 0, senderCpu: 0, pushedBack: 0, waitedMs: 0, peaks: [], answersMs: undefined };
  for (let copy = 0; copy < copies; copy += 1) {
    const sending = copy === 0 ? file : path.join(work, 'copy.ndjson');
    if (copy > 0) writeCopy(file, sending, copy);
    const sent = await host.send(sending, sender);
    expectSame('lines acknowledged', sent.accepted, lines);
    expectSame('lines refused', sent.refused, 0);
    for (const key of ['seconds', 'bytes', 'othersCpu', 'pushedBack', 'waitedMs']) total[key] += sent[key];
    total.senderCpu += sent.cpuSeconds;
    total.answersMs = sent.answersMs;
    total.peaks.push(Math.round(host.watch.peakBytes / MB));
    if (copy > 0) rmSync(sending);
  }
  const cpuAcknowledged = host.watch.cpuSeconds;
  const settling = performance.now();
  const status = await host.settle();
  const settledSeconds = (performance.now() - settling) / 1_000;
  const watch = await host.stop();
  return { ...total, status, settledSeconds, cpuAcknowledged, cpu: watch.cpuSeconds, peak: watch.peakBytes, anonymous: watch.anonymousPeakBytes, processes: watch.processes };
}

function ingestRows(done, stored, { judged, sender }) {
  const asked = (gate, goal, peers) => (judged ? { gate, goal, peers } : {});
  const gigabytes = done.bytes / 1e9;
  const what = `${gigabytes.toFixed(gigabytes < 1 ? 1 : 0)} GB`;
  const perGigabyte = (value) => `${(value / gigabytes).toFixed(2)} per GB`;
  const sent = `${sender.streams} connections, ${sender.bodyBytes / (1 << 20)} MiB per request, answered in ${Math.round(done.answersMs.median)} ms (p95 ${Math.round(done.answersMs.p95)})`;
  const pushed = done.pushedBack ? `; pushed back ${done.pushedBack} times, ${(done.waitedMs / 1_000).toFixed(1)} s of waiting` : '';
  return [
    row(`ingest ${what}, wall`, done.seconds, 's', { ...asked(15, 8, [34.3, 6.4, null, 19.6]), note: `durable before each answer; ${sent}; ${(done.bytes / MB / done.seconds).toFixed(0)} MB/s${pushed}; other work used ${done.othersCpu.toFixed(1)} processor seconds meanwhile, the sender ${done.senderCpu.toFixed(1)}` }),
    row('processor, background and clean end included', done.cpu, 's', { ...asked(18, 12, [59.6, 20.5, null, 19]), note: `${done.cpuAcknowledged.toFixed(1)} s when the last line was acknowledged; quiet ${done.settledSeconds.toFixed(0)} s later; ${perGigabyte(done.cpu)}` }),
    row('peak memory while ingesting', done.peak / MB, 'MB', { ...asked(400, 200, [283, 2_469, null, 729]), note: `VmHWM of ${done.processes} processes added up; ${(done.anonymous / MB).toFixed(0)} MB of it their own at most${done.peaks.length > 1 ? `; after each copy ${done.peaks.join(', ')}` : ''}` }),
    row('stored, filters included', stored.taken / MB, 'MB', { ...asked(85, 65, [168, 153, 129, 105]), note: `${stored.files} files, ${(stored.length / MB).toFixed(1)} MB long; ${perGigabyte(stored.taken / MB)}; ${(done.bytes / stored.taken).toFixed(1)}:1` }),
  ];
}

async function startRows(host, scale) {
  const taken = [];
  for (let round = 0; round < STARTS; round += 1) {
    if (round > 0) await host.stop();
    taken.push(await host.start());
  }
  const { median, best } = spread(taken);
  return [row('start with all of it stored', median, 'ms', { ...(scale === 10 ? { gate: 2_000, goal: 2_000 } : {}), note: `to /readyz, median of ${STARTS}; best ${best.toFixed(0)}` })];
}

async function questionRows(host, questions, { judged, withSql }) {
  const caller = new Caller(host.server.url, host.server.token);
  const rows = [];
  for (const question of questions) {
    const ways = {};
    for (const [name, way] of Object.entries(question.ways)) {
      if (name === 'sql' && !withSql) continue;
      ways[name] = await measureWay(caller, way, question.wanted);
    }
    const has = Object.values(ways).some((way) => !way.isAbsent);
    rows.push(has ? questionRow(question, ways, { judged }) : failedRow(question.what, 'the server has no way to ask this'));
  }
  caller.close();
  return rows;
}

/** What fails under load does not take the other numbers with it. */
async function loadRows(host, given) {
  try {
    return await searchUnderLoad(host, given);
  } catch (error) {
    return [failedRow('searches while ingesting at full rate', error.message.slice(0, 600))];
  }
}

/** Measures one size on a server of its own. */
async function measureScale(scale, given) {
  const work = mkdtempSync(path.join(given.folder, 'andon-bench-data-'));
  const host = await Host.make(given);
  try {
    let file = given.data;
    if (scale < 1) {
      file = path.join(work, 'share.ndjson');
      writeShare(given.data, file, Math.round(statSync(given.data).size * scale));
    }
    const answers = answersOf(file);
    if (scale >= 1 && given.truth) agree(answers, JSON.parse(readFileSync(given.truth, 'utf8')));
    const copies = Math.max(1, Math.round(scale));
    console.log(`scale ${scale}: ${answers.lines * copies} lines`);
    await host.start();
    const done = await ingest(host, { file, copies, work, sender: given.sender, lines: answers.lines });
    const stored = folderBytes(host.telemetry);
    const judged = Math.abs(done.bytes / JUDGED_BYTES - 1) < 0.01;
    const rows = ingestRows(done, stored, { judged, sender: given.sender });
    rows.push(...await startRows(host, scale));
    const status = await host.status();
    expectSame('lines stored', status.rows, answers.lines * copies);
    if (status.memory_rows > 0) rows.push(row('lines still in the log and in memory after a clean end', status.memory_rows, 'lines'));
    rows.push(...await questionRows(host, questionsOf(answers, copies), { judged, withSql: given.withSql }));
    host.watch.sample();
    rows.push(row('peak memory while searching', host.watch.peakBytes / MB, 'MB', { note: `VmHWM of ${host.watch.processes} processes added up; ${(host.watch.anonymousPeakBytes / MB).toFixed(0)} MB of it their own at most` }));
    if (given.withLoad) rows.push(...await loadRows(host, { file, work, copies, questions: questionsOf(answers, copies), sender: given.sender }));
    return scale === 1 && given.scales.length === 1 ? rows : rows.map((each) => ({ ...each, what: `${scale}×: ${each.what}` }));
  } finally {
    await host.close();
    rmSync(work, { recursive: true, force: true });
  }
}

const LOOP_STEPS = 300_000_000;

/** How long this process takes for a fixed loop: neighbours of a virtual machine make it slower from hour to hour. */
function loopMs() {
  const started = performance.now();
  let state = 1;
  for (let step = 0; step < LOOP_STEPS; step += 1) state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
  return state === 0.5 ? 0 : performance.now() - started;
}

const given = options();
const rows = [];
const loops = [loopMs(), loopMs()];
let broken;
for (const scale of given.scales) {
  try {
    rows.push(...await measureScale(scale, given));
  } catch (error) {
    broken = error;
    rows.push(failedRow(`scale ${scale}`, error.message.slice(0, 600)));
    console.error(error.stack);
  }
}
loops.push(loopMs(), loopMs());
rows.push(row(`reference: ${LOOP_STEPS / 1e6} million steps of one loop in the runner`, spread(loops).median, 'ms', { note: `the speed of the machine meanwhile: ${loops.map(Math.round).join(', ')}` }));
const { size } = statSync(given.data);
const span = spanOf(answersOf(given.data), 1);
const data = `${path.basename(given.data)}, ${size} bytes, ${answersOf(given.data).lines} lines from ${new Date(span.sinceUs / 1_000).toISOString().slice(0, 10)}`;
if (given.keep !== 'none') keep(given.keep, data, rows);
const missed = rows.filter((each) => each.verdict === 'MISSED').length;
const failed = rows.filter((each) => each.failed).length;
console.log(`${rows.length} rows, ${failed} failed, ${missed} missed their gate`);
process.exit(broken || failed > 0 ? 1 : 0);
