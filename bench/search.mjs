// Search over a million lines against `grep -c` over the same lines, and the time to be ready with them.
import { statSync } from 'node:fs';
import path from 'node:path';
import { sendFile } from './ingest.mjs';
import { NEEDLE_TRACE, PHRASE, writeLines } from './lines.mjs';
import { expectSame, nowMs, peakMemoryMiB, row, settle, spread, startServer, timed, times } from './measure.mjs';
import { startTimes } from './start.mjs';

const LINES = Number(process.env.ANDON_BENCH_LINES ?? 1_000_000);
const RUNS = 10;
const SPAN_MS = 2 * 3_600_000;

function questions(server, truth, span) {
  const logs = (path_, query, more = '') => server.get(`${path_}?query=${encodeURIComponent(query)}&${span}${more}`);
  const sql = (text) => server.sql(text);
  const [service, ofService] = Object.entries(truth.perService)[0];
  return [
    { name: 'find a trace by its id', grep: NEEDLE_TRACE, wanted: truth.needles, ask: async () => (await logs('/api/v1/logs', `trace_id:${NEEDLE_TRACE}`)).rows.length },
    { name: 'find a phrase', grep: PHRASE, wanted: truth.phrases, ask: async () => (await logs('/api/v1/logs', `"${PHRASE}"`, '&limit=1000')).rows.length },
    { name: 'newest 100 lines of level:error', grep: '"level":"error"', wanted: 100, ask: async () => (await logs('/api/v1/logs', 'level:error', '&limit=100')).rows.length },
    { name: 'count level:error (histogram of 60 bars)', grep: '"level":"error"', wanted: truth.errors, ask: async () => (await logs('/api/v1/logs/histogram', 'level:error')).total },
    { name: 'histogram of all lines by level', grep: '"level"', wanted: truth.lines, ask: async () => (await logs('/api/v1/logs/histogram', '*', '&by=level')).total },
    { name: 'histogram of a service and a range', grep: `"service":"${service}"`, ask: async () => (await logs('/api/v1/logs/histogram', `service:${service} AND duration_ms:>=2500`)).total },
    { name: 'SQL: count(*)', grep: '', wanted: truth.lines, ask: async () => Number((await sql('select count(*) as n from logs'))[0].n) },
    { name: 'SQL: count of errors', grep: '"level":"error"', wanted: truth.errors, ask: async () => Number((await sql("select count(*) as n from logs where severity = 'error'"))[0].n) },
    {
      name: 'SQL: count by service', grep: `"service":"${service}"`, wanted: ofService,
      ask: async () => Number((await sql('select service, count(*) as n from logs group by service')).find((each) => each.service === service).n),
    },
    {
      name: 'SQL: mean of an attribute by route', grep: '"duration_ms"', wanted: 10,
      ask: async () => (await sql("select attr(attributes, 'http.route') as route, avg(attr_number(attributes, 'duration_ms')) as mean from logs group by 1")).length,
    },
  ];
}

function grepMs(file, text) {
  return Math.min(...[1, 2, 3].map(() => timed('grep', ['-cF', '--', text, file], { env: { ...process.env, LC_ALL: 'C' } }).seconds)) * 1_000;
}

async function measureQuestion(question, file) {
  let answer;
  const first = (await times(1, async () => { answer = await question.ask(); }))[0];
  const again = spread(await times(RUNS, async () => { answer = await question.ask(); }));
  if (question.wanted !== undefined) expectSame(question.name, answer, question.wanted);
  const reference = { what: '`grep -c` of the same file', number: grepMs(file, question.grep), unit: 'ms' };
  return [row(question.name, again.median, 'ms, median', {
    reference,
    note: `p95 ${again.p95.toFixed(0)} ms of ${RUNS}; the first time ${first.toFixed(0)} ms${question.wanted === undefined ? '' : '; the answer is checked'}`,
  })];
}

export async function search() {
  const server = await startServer('search');
  try {
    const file = path.join(server.folder, 'lines.ndjson');
    const untilMs = Date.now();
    const truth = writeLines(file, LINES, untilMs);
    const started = nowMs();
    const answer = await sendFile(server, file);
    const seconds = (nowMs() - started) / 1_000;
    expectSame('lines accepted', answer.accepted, LINES);
    const afterKill = await startTimes(server, 1, 'kill');
    await settle(server.pid);
    const span = `since=${new Date(untilMs - SPAN_MS).toISOString()}&until=${new Date(untilMs + 60_000).toISOString()}`;
    const rows = [row(`take in ${LINES} lines as one NDJSON stream`, LINES / seconds, 'lines/s', { note: `${(statSync(file).size / 1e6).toFixed(0)} MB` })];
    rows.push(...segmentRows(server, truth));
    for (const question of questions(server, truth, span)) {
      try {
        rows.push(...await measureQuestion(question, file));
      } catch (error) {
        console.error(`  FAILED ${question.name}: ${error.message}`);
        rows.push({ what: question.name, failed: error.message.slice(0, 300) });
      }
    }
    rows.push(row('most memory of the server', peakMemoryMiB(server.pid), 'MiB'));
    const plain = spread(await startTimes(server, 5, 'stop'));
    rows.push(row(`start with ${LINES} lines`, plain.best, 'ms, best', { note: `to /readyz; median ${plain.median.toFixed(0)} ms of ${plain.runs}` }));
    rows.push(row(`start after kill -9 right after ${LINES} lines`, afterKill[0], 'ms', { note: 'to /readyz; the log of the newest lines is read again; once' }));
    expectSame('lines after the starts', Number((await server.sql('select count(*) as n from logs'))[0].n), LINES);
    return rows;
  } finally {
    await server.close();
  }
}

function segmentRows(server, truth) {
  const kilobytes = Number(timed('du', ['-sk', path.join(server.data, 'telemetry')], { codes: [0, 1] }).stdout.toString().split('\t')[0]);
  if (!kilobytes) return [];
  return [row('room of the lines on the disk', (kilobytes * 1_024) / 1e6, 'MB', { reference: { what: 'the same lines as NDJSON', number: truth.bytes / 1e6, unit: 'MB' } })];
}
