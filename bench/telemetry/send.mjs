#!/usr/bin/env node
// Sends a file of NDJSON over several connections that stay open; a process of its own, so that what it uses is
// not counted as the server's. Prints what became of it as JSON.
//
//   node send.mjs '{"url":…, "file":…, "streams":2, "bodyBytes":8388608}'      the token is in $ANDON_TOKEN
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import http from 'node:http';

const LINE_FEED = 10;
/** How long a sender waits when it is told to come again but not when. */
const RETRY_MS = 250;
/** How often one body is sent before the sender gives up. */
const ATTEMPTS = 200;
const TARGET = '/api/v1/ingest/ndjson?time_field=timestamp&message_field=message';

const { url, file, streams, bodyBytes } = JSON.parse(process.argv[2]);
const token = process.env.ANDON_TOKEN;
const agent = new http.Agent({ keepAlive: true, maxSockets: streams });
const descriptor = openSync(file, 'r');
const told = { accepted: 0, refused: 0, truncated: 0, bodies: 0, pushedBack: 0, waitedMs: 0, answersMs: [] };

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Gives the offset behind the first line feed at or after `offset`. */
function lineEnd(offset, size) {
  const piece = Buffer.alloc(1 << 16);
  for (let at = offset; at < size; at += piece.length) {
    const length = readSync(descriptor, piece, 0, piece.length, at);
    const found = piece.subarray(0, length).indexOf(LINE_FEED);
    if (found >= 0) return at + found + 1;
  }
  return size;
}

/** Reads whole lines from an offset, about `bodyBytes` of them. */
function readBody(at, end) {
  const until = at + bodyBytes >= end ? end : Math.min(end, lineEnd(at + bodyBytes, end));
  const body = Buffer.allocUnsafe(until - at);
  for (let have = 0; have < body.length;) have += readSync(descriptor, body, have, body.length - have, at + have);
  return body;
}

function post(body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson', 'content-length': body.length };
    const request = http.request(url + TARGET, { method: 'POST', headers, agent }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.once('error', reject);
      answer.once('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(pieces).toString() }));
    });
    request.once('error', reject);
    request.end(body);
  });
}

/** Cuts lines that the server has dealt with. */
function withoutLines(body, count) {
  let at = 0;
  for (let line = 0; line < count; line += 1) at = body.indexOf(LINE_FEED, at) + 1;
  return body.subarray(at);
}

function add(answer) {
  told.accepted += answer.accepted ?? 0;
  told.refused += answer.refused ?? 0;
  told.truncated += answer.truncated ?? 0;
}

/** Sends a body until all of it is stored; what was stored of it before a refusal is not sent again. */
async function deliver(whole) {
  let body = whole;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const started = performance.now();
    const { status, headers, text } = await post(body);
    if (status === 200) {
      told.answersMs.push(performance.now() - started);
      return add(JSON.parse(text));
    }
    if (![429, 503, 507].includes(status)) throw new Error(`${status} ${text.slice(0, 1_000)}`);
    const soFar = JSON.parse(text).facts?.soFar ?? {};
    add(soFar);
    body = withoutLines(body, (soFar.accepted ?? 0) + (soFar.refused ?? 0));
    told.pushedBack += 1;
    const waitMs = headers['retry-after'] ? Number(headers['retry-after']) * 1_000 : RETRY_MS;
    told.waitedMs += waitMs;
    await pause(waitMs);
  }
  throw new Error(`not taken after ${ATTEMPTS} attempts`);
}

async function stream(from, to) {
  for (let at = from; at < to;) {
    const body = readBody(at, to);
    at += body.length;
    told.bodies += 1;
    await deliver(body);
  }
}

const { size } = fstatSync(descriptor);
const cuts = Array.from({ length: streams + 1 }, (_, index) => {
  if (index === 0 || index === streams) return index === 0 ? 0 : size;
  return lineEnd(Math.floor((size * index) / streams), size);
});
const started = performance.now();
await Promise.all(cuts.slice(0, -1).map((from, index) => stream(from, cuts[index + 1])));
const seconds = (performance.now() - started) / 1_000;
closeSync(descriptor);
agent.destroy();
const { user, system } = process.cpuUsage();
const sorted = told.answersMs.sort((a, b) => a - b);
const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
process.stdout.write(`${JSON.stringify({ ...told, answersMs: { median: at(0.5), p95: at(0.95), most: at(1) }, seconds, bytes: size, cpuSeconds: (user + system) / 1e6 })}\n`);
