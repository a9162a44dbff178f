// Senders that number their lines and never give up: what was not acknowledged is sent again, as real ones do.
//
// A line carries its sender, its sequence and when it was generated. A body without an answer is in doubt: its lines
// may be there or not, and are sent again; only they may be there twice.
import { Chance } from '../../tests/acceptance/chance.mjs';
import { pause } from '../measure.mjs';

const LONGEST_BODY_LINES = 400;
/** Now and then a body that the server stores in several appends. */
const LARGE_BODY_LINES = 12_000;
const LARGE_SHARE = 0.01;
const RETRY_MS = 50;
const RETRY_MOST_MS = 1_000;
/** An answer that says "later". */
const LATER = new Set([429, 503, 507]);
const WORDS = ['accepted', 'basket', 'carrier', 'declined', 'express', 'forwarded', 'granted', 'held', 'invoice', 'journal'];

function lineOf(sender, sequence, chance) {
  const words = Array.from({ length: chance.between(2, 12) }, () => chance.pick(WORDS)).join(' ');
  return { service: 'loss', level: 'info', message: `${words} ${chance.between(0, 1e9)}`, sender, sequence, generated_at: new Date().toISOString() };
}

/** How lines are put into each protocol, and which lines of a body an answer says are stored. */
const PROTOCOLS = {
  ndjson: {
    target: '/api/v1/ingest/ndjson',
    type: 'application/x-ndjson',
    encode: (lines) => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`,
    refused: (answer) => answer.refused,
    storedBefore: (answer) => answer?.facts?.soFar?.accepted ?? 0,
  },
  otlp: {
    target: '/v1/logs',
    type: 'application/json',
    encode: (lines) => {
      const logRecords = lines.map(({ message, sender, sequence, generated_at: generated }) => ({
        timeUnixNano: `${Date.now()}000000`,
        severityNumber: 9,
        body: { stringValue: message },
        attributes: [
          { key: 'sender', value: { stringValue: sender } }, { key: 'sequence', value: { intValue: String(sequence) } },
          { key: 'generated_at', value: { stringValue: generated } },
        ],
      }));
      return JSON.stringify({ resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'loss' } }] }, scopeLogs: [{ logRecords }] }] });
    },
    refused: (answer) => Number(answer?.partialSuccess?.rejectedLogRecords ?? 0),
    storedBefore: () => 0,
  },
};

/** One sender with its books. */
export class Sender {
  /** The last sequence that was acknowledged; all before it were, too. */
  acknowledged = 0;
  /** Lines that were sent without an answer, as [first, last] with how often. */
  inDoubt = [];
  pushedBack = 0;
  bodies = 0;
  lastAcknowledgedAt = 0;

  constructor(name, protocol, server, seed) {
    Object.assign(this, { name, protocol: PROTOCOLS[protocol], server, chance: new Chance(seed) });
    this.token = server.token;
    this.isOn = true;
    this.running = this.#run();
  }

  /** Gives up what is under way: for a run that has failed. */
  abort() {
    this.isOn = false;
    this.isAborted = true;
  }

  /** Ends after the body that is under way is acknowledged. */
  async end() {
    this.isOn = false;
    await this.running;
  }

  async #run() {
    while (this.isOn) {
      const count = this.chance.next() < LARGE_SHARE ? LARGE_BODY_LINES : this.chance.between(1, LONGEST_BODY_LINES);
      const first = this.acknowledged + 1;
      const lines = Array.from({ length: count }, (_, index) => lineOf(this.name, first + index, this.chance));
      this.bodies += 1;
      await this.#deliver(lines);
      await pause(this.chance.between(0, 10));
    }
  }

  /** Sends lines until all of them are acknowledged. */
  async #deliver(lines) {
    let left = lines;
    for (let waitMs = RETRY_MS; left.length > 0 && !this.isAborted; waitMs = Math.min(RETRY_MOST_MS, waitMs * 2)) {
      const stored = await this.#send(left);
      if (stored > 0) {
        left = left.slice(stored);
        this.acknowledged += stored;
        this.lastAcknowledgedAt = Date.now();
        waitMs = RETRY_MS;
      }
      if (left.length > 0) await pause(waitMs);
    }
  }

  /** Sends a body and gives how many of its first lines are stored for certain. */
  async #send(lines) {
    const { target, type, encode, refused, storedBefore } = this.protocol;
    const range = [lines[0].sequence, lines.at(-1).sequence];
    let answer;
    try {
      answer = await this.server.call('POST', target, encode(lines), { token: this.token, headers: { 'content-type': type } });
    } catch {
      this.inDoubt.push(range);
      return 0;
    }
    if (answer.status === 200) {
      if (refused(answer.body) > 0) throw new Error(`${this.name}: refused good lines: ${answer.text.slice(0, 500)}`);
      return lines.length;
    }
    if (!LATER.has(answer.status)) throw new Error(`${this.name}: ${answer.status} ${answer.text.slice(0, 500)}`);
    this.pushedBack += 1;
    const stored = storedBefore(answer.body);
    // What failed after a write may be found again at the next start: the answer did not promise otherwise.
    if (answer.status === 503) this.inDoubt.push(range);
    return stored;
  }
}

/** Starts senders over all protocols. */
export function startSenders(server, count, seed) {
  const protocols = Object.keys(PROTOCOLS);
  return Array.from({ length: count }, (_, index) => new Sender(`s${index}`, protocols[index % protocols.length], server, seed + index * 7_919));
}
