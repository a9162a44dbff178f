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

const fields = ({ sender, sequence, generated_at: generated }) => ({ sender, sequence, generated_at: generated });
const nanoseconds = (line) => `${Date.parse(line.generated_at)}000000`;

/**
 * How lines are put into each protocol. `stored` tells how many of the first lines of a body are stored for certain
 * by an answer; it throws where a good line was refused for itself.
 */
const PROTOCOLS = {
  ndjson: {
    target: '/api/v1/ingest/ndjson',
    type: 'application/x-ndjson',
    encode: (lines) => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`,
    stored: ({ status, body }, count) => (status === 200 ? count - unrefused(body.refused) : body?.facts?.soFar?.accepted ?? 0),
  },
  otlp: {
    target: '/v1/logs',
    type: 'application/json',
    encode: (lines) => {
      const attributes = (line) => Object.entries(fields(line)).map(([key, value]) => ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } }));
      const logRecords = lines.map((line) => ({ timeUnixNano: nanoseconds(line), severityNumber: 9, body: { stringValue: line.message }, attributes: attributes(line) }));
      return JSON.stringify({ resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'loss' } }] }, scopeLogs: [{ logRecords }] }] });
    },
    stored: ({ status, body }, count) => (status === 200 ? count - unrefused(Number(body?.partialSuccess?.rejectedLogRecords ?? 0)) : 0),
  },
  bulk: {
    target: '/_bulk',
    type: 'application/x-ndjson',
    encode: (lines) => lines.map((line) => `{"create":{"_index":"loss"}}\n${JSON.stringify({ '@timestamp': line.generated_at, message: line.message, ...fields(line) })}\n`).join(''),
    stored: ({ status, body }, count) => {
      if (status !== 200) return 0;
      const refused = body.items.findIndex((item) => item.create.status > 299);
      if (refused >= 0 && !LATER.has(body.items[refused].create.status)) throw new Error(`refused a good line: ${JSON.stringify(body.items[refused])}`);
      return refused >= 0 ? refused : count;
    },
  },
  loki: {
    target: '/loki/api/v1/push',
    type: 'application/json',
    encode: (lines) => {
      const values = lines.map((line) => [nanoseconds(line), line.message, Object.fromEntries(Object.entries(fields(line)).map(([key, value]) => [key, String(value)]))]);
      return JSON.stringify({ streams: [{ stream: { service_name: 'loss' }, values }] });
    },
    stored: ({ status }, count) => (status === 204 ? count : 0),
  },
};

function unrefused(refused) {
  if (refused > 0) throw new Error(`${refused} good lines were refused for themselves`);
  return 0;
}

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
    Object.assign(this, { name, protocolName: protocol, protocol: PROTOCOLS[protocol], server, chance: new Chance(seed) });
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
    const { target, type, encode, stored } = this.protocol;
    const range = [lines[0].sequence, lines.at(-1).sequence];
    let answer;
    try {
      answer = await this.server.call('POST', target, encode(lines), { token: this.token, headers: { 'content-type': type } });
    } catch {
      this.inDoubt.push(range);
      return 0;
    }
    const isTaken = answer.status === 200 || answer.status === 204;
    if (!isTaken && !LATER.has(answer.status)) throw new Error(`${this.name}: ${answer.status} ${answer.text.slice(0, 500)}`);
    const count = stored(answer, lines.length);
    if (count < lines.length) this.pushedBack += 1;
    // What failed on its way to the disk may be found again at the next start: such an answer promises nothing. A bulk
    // request answers all that may be sent again with 429, that too.
    const isUntried = answer.status === 429 && this.protocolName !== 'bulk';
    if (count < lines.length && !isUntried) this.inDoubt.push([lines[count].sequence, range[1]]);
    return count;
  }
}

/** Lists the protocols that the server has. */
async function protocolsOf(server) {
  const found = [];
  for (const [name, { target, type }] of Object.entries(PROTOCOLS)) {
    const { status } = await server.call('POST', target, '', { headers: { 'content-type': type } });
    if (status !== 404 && status !== 405) found.push(name);
  }
  return found;
}

/** Starts senders, in turn over all protocols that the server has. */
export async function startSenders(server, count, seed) {
  const protocols = await protocolsOf(server);
  return Array.from({ length: count }, (_, index) => new Sender(`s${index}`, protocols[index % protocols.length], server, seed + index * 7_919));
}
