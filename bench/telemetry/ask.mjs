// Asks a question again and again, with a check of every answer and a clock around the call alone.
import http from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { spread } from '../measure.mjs';

const HOT_RUNS = 15;
/** A question that takes longer than this is asked fewer times. */
const SLOW_MS = 2_000;
const SLOW_RUNS = 3;
const LIMIT_MS = 180_000;

/** Connections that stay open, as a page's or a program's do. */
export class Caller {
  constructor(url, token) {
    this.url = url;
    this.token = token;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  close() {
    this.agent.destroy();
  }

  /** Makes a call; gives the milliseconds from sending to the last byte, and the parsed answer. */
  call({ method, target, body }) {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = { authorization: `Bearer ${this.token}` };
    if (payload) Object.assign(headers, { 'content-type': 'application/json', 'content-length': payload.length });
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const request = http.request(this.url + target, { method, headers, agent: this.agent }, (answer) => {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.once('error', reject);
        answer.once('end', () => {
          const ms = performance.now() - started;
          const text = Buffer.concat(pieces).toString();
          if (answer.statusCode === 200) resolve({ ms, answer: JSON.parse(text) });
          else reject(Object.assign(new Error(`${method} ${target.split('?')[0]}: ${answer.statusCode} ${text.slice(0, 500)}`), { status: answer.statusCode }));
        });
      });
      request.setTimeout(LIMIT_MS, () => request.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
      request.once('error', reject);
      request.end(payload);
    });
  }

  /** Asks once, and fails where the answer is not the right one. */
  async ask(way, wanted) {
    const { ms, answer } = await this.call(way);
    const got = way.read(answer);
    if (!isDeepStrictEqual(got, wanted)) throw new Error(`wrong answer: ${JSON.stringify(got).slice(0, 400)} instead of ${JSON.stringify(wanted).slice(0, 400)}`);
    return ms;
  }
}

/** Asks one way: once cold, then hot. A way that the server does not have is `isAbsent`. */
export async function measureWay(caller, way, wanted) {
  try {
    const first = await caller.ask(way, wanted);
    const runs = first > SLOW_MS ? SLOW_RUNS : HOT_RUNS;
    const taken = [];
    for (let run = 0; run < runs; run += 1) taken.push(await caller.ask(way, wanted));
    return { first, ...spread(taken) };
  } catch (error) {
    return { failed: error.message.slice(0, 600), isAbsent: error.status === 404 || error.status === 405 };
  }
}
