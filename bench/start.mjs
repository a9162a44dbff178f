// How long a start takes, from the process to /readyz.
import http from 'node:http';
import { andonBinary } from '../tests/acceptance/server.mjs';
import { newServer, nowMs, pause, row, spread, timed, times } from './measure.mjs';

const RUNS = 7;
const POLL_MS = 2;

function isReady(url) {
  return new Promise((resolve) => {
    const request = http.get(`${url}/readyz`, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.once('error', () => resolve(false));
  });
}

/** Starts a server that is not running and gives the milliseconds until it is ready. */
async function startMs(server) {
  const started = nowMs();
  server.spawn();
  while (!await isReady(server.url)) {
    if (nowMs() - started > 120_000) throw new Error(`not ready: ${server.log().slice(-2_000)}`);
    await pause(POLL_MS);
  }
  return nowMs() - started;
}

/** Ends a running server in the given way and starts it on the same data, several times. */
export async function startTimes(server, count, how) {
  const taken = [];
  for (let index = 0; index < count; index += 1) {
    await server[how]();
    taken.push(await startMs(server));
  }
  return taken;
}

export async function start() {
  const fresh = [];
  const again = [];
  for (let index = 0; index < RUNS; index += 1) {
    const server = await newServer('start');
    try {
      fresh.push(await startMs(server));
      again.push(...await startTimes(server, 1, 'stop'));
    } finally {
      await server.close();
    }
  }
  const version = Math.min(...await times(RUNS, () => timed(andonBinary(), ['--version'])));
  const reference = { what: '`andon --version`', number: version, unit: 'ms' };
  const rowOf = (what, taken) => row(what, spread(taken).best, 'ms, best', { reference, note: `to /readyz; median ${spread(taken).median.toFixed(0)} ms of ${RUNS}` });
  return [rowOf('start on an empty folder', fresh), rowOf('start again, SQLite without lines', again)];
}
