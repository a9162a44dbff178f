// How much longer searches take while lines come in at full rate.
import { Caller } from './ask.mjs';
import { writeCopy } from './copies.mjs';
import { row } from './rows.mjs';
import { pause, spread } from '../measure.mjs';
import path from 'node:path';
import { rmSync } from 'node:fs';

/** Questions that people ask while something is burning; each is small. */
const ASKED = ['needle', 'exception', 'trace', 'user', 'newest'];
const IDLE_ROUNDS = 20;
/** A pause between two rounds, so that the searches do not become the load. */
const BETWEEN_MS = 100;
const ROUNDS_MAX = 2_000;

/** Asks every question once a round until told to stop; answers are checked. */
async function rounds(caller, asked, isOn) {
  const taken = new Map(asked.map(({ key }) => [key, []]));
  for (let round = 0; round < ROUNDS_MAX && isOn(round); round += 1) {
    for (const { key, way, wanted } of asked) taken.get(key).push(await caller.ask(way, wanted));
    await pause(BETWEEN_MS);
  }
  return taken;
}

/** Gives the first way that answers. */
async function choose(caller, { key, ways, wanted }) {
  for (const way of Object.values(ways)) {
    try {
      await caller.ask(way, wanted);
      return { key, way, wanted };
    } catch (error) {
      if (error.status !== 404 && error.status !== 405) throw error;
    }
  }
  return undefined;
}

/** Searches the days that are stored while another day is sent, and compares with the same searches before. */
export async function searchUnderLoad(host, { file, work, copies, questions, sender }) {
  const caller = new Caller(host.server.url, host.server.token);
  const asked = [];
  for (const question of questions.filter(({ key }) => ASKED.includes(key))) {
    const chosen = await choose(caller, question);
    if (chosen) asked.push(chosen);
  }
  const copy = path.join(work, 'load.ndjson');
  writeCopy(file, copy, copies);
  const idle = await rounds(caller, asked, (round) => round < IDLE_ROUNDS);
  let isSending = true;
  const sending = host.send(copy, sender).finally(() => { isSending = false; });
  const searching = rounds(caller, asked, () => isSending);
  // Both end before anything is judged: a sender must not outlive the server.
  const [sentHow, busyHow] = await Promise.allSettled([sending, searching]);
  caller.close();
  rmSync(copy);
  for (const { status, reason } of [busyHow, sentHow]) if (status === 'rejected') throw reason;
  const [sent, busy] = [sentHow.value, busyHow.value];
  const all = (taken) => spread([...taken.values()].flat());
  const [before, during] = [all(idle), all(busy)];
  const each = asked.map(({ key }) => `${key} ${spread(idle.get(key)).median.toFixed(1)} to ${spread(busy.get(key)).median.toFixed(1)}`).join(', ');
  return [
    row('searches while ingesting at full rate', during.median, 'ms', { note: `median of ${during.runs}; p95 ${during.p95.toFixed(1)}; idle ${before.median.toFixed(1)} (p95 ${before.p95.toFixed(1)}); ${each}` }),
    row('the same against idle', during.median / before.median, 'times', { note: `p95 ${(during.p95 / before.p95).toFixed(1)} times; the lines came in at ${(sent.bytes / 1e6 / sent.seconds).toFixed(0)} MB/s meanwhile` }),
  ];
}
