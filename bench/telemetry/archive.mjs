#!/usr/bin/env node
// How fast lines go to the archive and come back: to a folder of the same disk, and to a bucket of s3rver on this
// machine, beside a plain copy of the same files. Keeps one row per place and way in bench/results.
//
//   ANDON_BIN=<binary> node bench/telemetry/archive.mjs --data FILE.ndjson [--folder DIR] [--port N] [--no-bucket]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { BUCKET, BucketServer, KEY } from '../../tests/acceptance/bucket-server.mjs';
import { keep, pause, row } from '../measure.mjs';
import { Host } from './host.mjs';

const MB = 1e6;
const FAR = '2100-01-01T00:00:00Z';
const LONG_AGO = '1970-01-01T00:00:00Z';
const SENDER = { streams: 2, bodyBytes: 8 << 20 };
const POLL_MS = 50;

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { data: text, folder: text, port: text, 'no-bucket': { type: 'boolean' } } });
  if (!values.data || !existsSync(values.data)) {
    console.error('--data names no file: an NDJSON file of the generator; see bench/telemetry/README.md');
    process.exit(2);
  }
  return values;
}

/** Asks for a job and gives it when it has ended, with the seconds that it took. */
async function job(server, target, body) {
  const started = performance.now();
  let told = await server.api('POST', target, body);
  while (told.state === 'running') {
    await pause(POLL_MS);
    told = (await server.get('/api/v1/telemetry/archive')).jobs.find(({ id }) => id === told.id);
  }
  if (told.state !== 'done') throw new Error(`${target}: ${JSON.stringify(told)}`);
  return { ...told.done, seconds: (performance.now() - started) / 1_000 };
}

const measured = [];

function show(place, way, { rows, bytes, segments, seconds }, dataBytes, copied) {
  const note = `${rows} lines in ${segments} segments in ${seconds.toFixed(2)} s: ${Math.round(dataBytes / MB / seconds)} MB/s of lines as they were sent`;
  measured.push(row(`${way}, ${place}`, bytes / MB / seconds, 'MB/s of files', { reference: { what: '`cp` of these files and `sync`', number: copied, unit: 'MB/s' }, note }));
}

/** How fast the same files are copied by hand, in MB/s. */
function copyRate(folder, place) {
  const to = mkdtempSync(path.join(place ?? tmpdir(), 'andon-bench-copy-'));
  try {
    const started = performance.now();
    execFileSync('cp', ['-r', folder, to]);
    execFileSync('sync', ['-f', to]);
    const seconds = (performance.now() - started) / 1_000;
    return Number(execFileSync('du', ['-sb', to], { encoding: 'utf8' }).split('\t')[0]) / MB / seconds;
  } finally {
    rmSync(to, { recursive: true, force: true });
  }
}

async function measure(place, { data, folder, port }, extra, env) {
  const host = await Host.make({ folder, port: port && Number(port), extra });
  Object.assign(host.server.env, env);
  try {
    await host.start();
    await host.send(data, SENDER);
    await host.settle();
    const count = async () => (await host.server.get(`/api/v1/logs/count?query=*&since=${LONG_AGO}&until=${FAR}`)).count;
    const before = await count();
    const copied = copyRate(path.join(host.server.data, 'telemetry'), folder);
    const gone = await job(host.server, '/api/v1/telemetry/archive', { before: FAR });
    if (await count() !== 0) throw new Error('lines are left');
    const back = await job(host.server, '/api/v1/telemetry/restore', { since: LONG_AGO, until: FAR });
    if (await count() !== before) throw new Error(`${await count()} of ${before} lines are back`);
    const bytes = statSync(data).size;
    show(place, 'archive', gone, bytes, copied);
    show(place, 'restore', back, bytes, copied);
  } finally {
    await host.close();
  }
}

const values = options();
const away = mkdtempSync(path.join(values.folder ?? tmpdir(), 'andon-bench-archive-'));
try {
  await measure('to a folder', values, ['--archive', `file://${away}`]);
} finally {
  rmSync(away, { recursive: true, force: true });
}
if (!values['no-bucket']) {
  const bucket = await BucketServer.start();
  try {
    await measure('to a bucket of s3rver', values, ['--archive', `s3://${BUCKET}/bench?endpoint=${bucket.url}`], KEY);
  } finally {
    await bucket.close();
  }
}
keep('archive', measured);
