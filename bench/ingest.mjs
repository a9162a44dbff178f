// Log lines per second that are on disk before they are answered, and what they cost in processor time.
import { createReadStream, closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { newFolder, removeFolder } from '../tests/acceptance/server.mjs';
import { lines, writeLines } from './lines.mjs';
import { cpuSeconds, expectSame, has, nowMs, peakMemoryMiB, row, settle, startServer, timed } from './measure.mjs';
import { otlpJson, otlpProtobuf } from './otlp.mjs';

const LINES = Number(process.env.ANDON_BENCH_INGEST_LINES ?? 100_000);
/** What an OpenTelemetry SDK sends at once. */
const LINES_PER_REQUEST = 512;
const CONNECTIONS = 8;
const ROUNDS = 2;

/** Sends a file of lines as one stream and gives the answer. */
export function sendFile(server, file) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/x-ndjson' };
    const request = http.request(`${server.url}/api/v1/ingest/ndjson?time_field=timestamp&message_field=message`, { method: 'POST', headers }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.once('end', () => {
        const body = Buffer.concat(pieces).toString();
        if (answer.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`ndjson: ${answer.statusCode} ${body.slice(0, 1_000)}`));
      });
    });
    request.once('error', reject);
    createReadStream(file, { highWaterMark: 1 << 20 }).pipe(request);
  });
}

function requests(encode) {
  const bodies = [];
  let batch = [];
  for (const line of lines(LINES, Date.now())) {
    if (batch.push(line) < LINES_PER_REQUEST) continue;
    bodies.push(encode(batch));
    batch = [];
  }
  if (batch.length > 0) bodies.push(encode(batch));
  return bodies;
}

async function sendAll(server, bodies, type) {
  const { token } = server;
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (next < bodies.length) {
      const body = bodies[next];
      next += 1;
      const answer = await server.api('POST', '/v1/logs', body, { token, headers: { 'content-type': type } });
      const refused = Number(answer?.partialSuccess?.rejectedLogRecords ?? 0);
      if (refused > 0) throw new Error(`refused ${refused} lines: ${JSON.stringify(answer)}`);
    }
  }));
}

/** Compresses and writes the same bytes: what a plain tool needs for them. */
function references(folder, bytes) {
  const file = path.join(folder, 'same');
  writeFileSync(file, bytes);
  const tool = has('zstd') ? ['zstd', ['-1', '-T1', '-c', file]] : ['gzip', ['-1', '-c', file]];
  const seconds = Math.min(...[1, 2, 3].map(() => timed(...tool).seconds));
  const started = nowMs();
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, bytes);
  fdatasyncSync(descriptor);
  closeSync(descriptor);
  const writeSeconds = (nowMs() - started) / 1_000;
  rmSync(file);
  return { what: `\`${tool[0]} -1\` of the same bytes`, number: LINES / seconds, unit: 'lines/s', writeSeconds };
}

async function measure(name, bytes, send) {
  const folder = newFolder('bench-ingest');
  const { writeSeconds, ...reference } = references(folder, bytes);
  removeFolder(folder);
  const runs = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const server = await startServer('ingest');
    try {
      const cpuBefore = cpuSeconds(server.pid);
      const started = nowMs();
      await send(server);
      const seconds = (nowMs() - started) / 1_000;
      const cpu = cpuSeconds(server.pid) - cpuBefore;
      if (round === 0) expectSame(`${name}: lines found`, Number((await server.sql('select count(*) as n from logs'))[0].n), LINES);
      const cpuOfCheck = round === 0 ? cpuSeconds(server.pid) - cpuBefore - cpu : 0;
      await settle(server.pid);
      runs.push({ seconds, cpu, cpuSettled: cpuSeconds(server.pid) - cpuBefore - cpuOfCheck, memory: peakMemoryMiB(server.pid) });
    } finally {
      await server.close();
    }
  }
  const best = runs.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const perMillion = (cpu) => (cpu * 1_000_000) / LINES;
  const megabytes = bytes.length / 1e6;
  return [
    row(`${name}, acknowledged`, LINES / best.seconds, 'lines/s', {
      reference,
      note: `${LINES} lines, ${megabytes.toFixed(0)} MB at ${(megabytes / best.seconds).toFixed(1)} MB/s; written and flushed plainly at ${(megabytes / writeSeconds).toFixed(0)} MB/s; at most ${best.memory} MiB`,
    }),
    row(`${name}, processor until acknowledged`, perMillion(best.cpu), 's per million lines'),
    row(`${name}, processor until the server is quiet again`, perMillion(best.cpuSettled), 's per million lines'),
  ];
}

export async function ingest() {
  const rows = [];
  const folder = newFolder('bench-ndjson');
  const file = path.join(folder, 'lines.ndjson');
  const truth = writeLines(file, LINES, Date.now());
  rows.push(...await measure('NDJSON, 1 stream', readFileSync(file), async (server) => {
    const answer = await sendFile(server, file);
    expectSame('NDJSON accepted', answer.accepted, truth.lines);
  }));
  removeFolder(folder);
  for (const [name, encode, type] of [['JSON', otlpJson, 'application/json'], ['protobuf', otlpProtobuf, 'application/x-protobuf']]) {
    const bodies = requests(encode);
    rows.push(...await measure(`OTLP/HTTP ${name}, ${CONNECTIONS} connections of ${LINES_PER_REQUEST} lines`, Buffer.concat(bodies), (server) => sendAll(server, bodies, type)));
  }
  return rows;
}
