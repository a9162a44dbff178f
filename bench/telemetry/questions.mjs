// What is asked, in which ways, and what the right answer is.
//
// `copies` of the data lie on days of their own (see copies.mjs): sums grow with them, ids do not.
import { BAR_US, DAY_US, EXCEPTION, HOUR_US, NEEDLE, NEWEST, PART, PATTERN, TOP, microseconds } from './truth.mjs';

const encode = encodeURIComponent;
/** The server draws no more; a histogram of five minutes is asked for over a week at most. */
const BARS_MAX = 2_000;

/** The interval that holds every line of all copies, in whole days. */
export function spanOf(answers, copies) {
  const sinceUs = Math.floor(answers.firstUs / DAY_US) * DAY_US - (copies - 1) * DAY_US;
  return { sinceUs, untilUs: (Math.floor(answers.lastUs / DAY_US) + 1) * DAY_US };
}

const iso = (us) => new Date(us / 1_000).toISOString();

/** Makes the calls of one interval. */
class Calls {
  constructor({ sinceUs, untilUs }) {
    Object.assign(this, { sinceUs, untilUs });
    this.span = `since=${iso(sinceUs)}&until=${iso(untilUs)}`;
  }

  get(target, query, read, more = '') {
    return { method: 'GET', target: `${target}?query=${encode(query)}&${this.span}${more}`, read };
  }

  count(query) {
    return this.get('/api/v1/logs/count', query, (answer) => complete(answer).count);
  }

  rows(query, limit, read) {
    return this.get('/api/v1/logs', query, (answer) => read(complete(answer).rows), `&limit=${limit}`);
  }

  histogram(query, read, more) {
    return this.get('/api/v1/logs/histogram', query, (answer) => read(complete(answer)), more);
  }

  /** Rows of the answer begin with the key's parts, then come the measures. */
  aggregate(query, { by = [], measures, limit = 10_000, order }, read) {
    const body = { query, since: iso(this.sinceUs), until: iso(this.untilUs), by, measures, limit, ...(order ? { order } : {}) };
    return { method: 'POST', target: '/api/v1/logs/aggregate', body, read: (answer) => read(complete(answer).rows) };
  }

  sql(text, read) {
    const rowsOf = (answer) => answer.rows.map((row) => Object.fromEntries(answer.columns.map(({ name }, index) => [name, row[index]])));
    return { method: 'POST', target: '/api/v1/sql', body: { sql: text, limit: 100_000, timeoutMs: 120_000 }, read: (answer) => read(rowsOf(answer)) };
  }
}

/** An answer that leaves something out is a wrong one. */
function complete(answer) {
  if (answer.complete !== true) throw new Error(`not complete: ${JSON.stringify(answer.missing).slice(0, 500)}`);
  return answer;
}

const sorted = (entries) => entries.map(([key, value]) => [String(key), value]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
const rounded = (value) => Number(value.toPrecision(9));
const countOf = (rows) => Number(rows[0].n);
const attribute = (name) => `attr(attributes, '${name}')`;
const numberAttribute = (name) => `attr_number(attributes, '${name}')`;

/** Bars with something in them, as [start, count]. */
function barsOf({ startsUs, series, bucketUs }, widthUs, name) {
  if (bucketUs !== widthUs) throw new Error(`bars of ${bucketUs} µs instead of ${widthUs}`);
  const counts = series.find((each) => each.name === name)?.counts ?? [];
  return sorted(startsUs.map((start, index) => [start, counts[index]]).filter(([, count]) => count > 0));
}

/** Puts the bars of one copy on the days of all. */
function onAllDays(bars, copies) {
  return sorted(Array.from({ length: copies }, (_, copy) => Object.entries(bars).map(([start, count]) => [Number(start) - copy * DAY_US, count])).flat());
}

function words({ calls, answers, copies }) {
  const traces = (rows) => [...new Set(rows.map((row) => row.traceId ?? row.trace_id))].length;
  return [
    {
      key: 'needle', what: `word in ${answers.needles.length} lines (\`${NEEDLE}\`)`, gate: 5, goal: 2, peers: [5.8, 38, 570, 1_880],
      wanted: answers.needles.length * copies,
      ways: {
        search: calls.rows(NEEDLE, 1_000, (rows) => (traces(rows) === rows.length ? rows.length : -1)),
        sql: calls.sql(`select trace_id from logs where message like '%${NEEDLE}%'`, (rows) => rows.length),
      },
    },
    {
      key: 'exception', what: `count of lines with \`${EXCEPTION}\``, gate: 20, goal: 5, peers: [223, 233, 541, 2_000], wanted: answers.words * copies,
      ways: { count: calls.count(EXCEPTION), histogram: calls.histogram(EXCEPTION, (all) => all.total), sql: calls.sql(`select count(*) as n from logs where message like '%${EXCEPTION}%'`, countOf) },
    },
    {
      key: 'regex', what: `regex count \`${PATTERN}\``, gate: 40, goal: 25, peers: [42, null, null, null], wanted: answers.matches * copies,
      ways: { count: calls.count(`/${PATTERN}/`), histogram: calls.histogram(`/${PATTERN}/`, (all) => all.total), sql: calls.sql(`select count(*) as n from logs where regexp_like(message, '${PATTERN}')`, countOf) },
    },
    {
      key: 'substring', what: `substring count \`${PART}\``, gate: 50, goal: 25, peers: [446, 60, 544, null], wanted: answers.parts * copies,
      ways: { count: calls.count(`/${PART}/`), histogram: calls.histogram(`/${PART}/`, (all) => all.total), sql: calls.sql(`select count(*) as n from logs where message like '%${PART.replace('_', '\\_')}%' escape '\\'`, countOf) },
    },
  ];
}

function values({ calls, answers, copies }) {
  const user = 'user_id:u479';
  const byService = sorted(Object.entries(answers.services).map(([name, each]) => [name, [each.lines * copies, each.timed === 0 ? null : rounded(each.durationMs / each.timed)]]));
  const wantedTop = answers.topPaths.map(([, count]) => count * copies);
  const topOf = (rows) => rows.map((row) => Number(row.n));
  const meanOf = (value) => (value === null ? null : rounded(Number(value)));
  return [
    {
      key: 'trace', what: 'one trace_id', gate: 8, goal: 2, peers: [16, 29, 118, 2_070], wanted: answers.traceLines,
      ways: {
        search: calls.rows(`trace_id:${answers.trace}`, 1_000, (rows) => rows.length),
        sql: calls.sql(`select timestamp, message from logs where trace_id = '${answers.trace}'`, (rows) => rows.length),
      },
    },
    {
      key: 'user', what: 'count of user_id = u479', gate: 15, goal: 8, peers: [25, 58, null, null], wanted: answers.user * copies,
      ways: { count: calls.count(user), histogram: calls.histogram(user, (all) => all.total), sql: calls.sql(`select count(*) as n from logs where ${attribute('user_id')} = 'u479'`, countOf) },
    },
    {
      key: 'distinct', what: 'exact distinct user_id', gate: 60, goal: 15, peers: [388, 154, 40, null], wanted: answers.distinctUsers,
      ways: {
        aggregate: calls.aggregate('*', { measures: [{ type: 'distinct', field: 'user_id' }] }, (rows) => rows[0][0]),
        sql: calls.sql(`select count(distinct ${attribute('user_id')}) as n from logs`, countOf),
      },
    },
    {
      key: 'services', what: 'count and avg(duration_ms) by service', gate: 22, goal: 12, peers: [23, 30, 51, null], wanted: byService,
      ways: {
        aggregate: calls.aggregate('*', { by: ['service'], measures: [{ type: 'count' }, { type: 'avg', field: 'duration_ms' }] },
          (rows) => sorted(rows.map(([service, count, mean]) => [service, [count, meanOf(mean)]]))),
        sql: calls.sql(`select service, count(*) as n, avg(${numberAttribute('duration_ms')}) as mean from logs group by service`,
          (rows) => sorted(rows.map((row) => [row.service, [Number(row.n), meanOf(row.mean)]]))),
      },
    },
    {
      key: 'paths', what: `top ${TOP} paths`, gate: 150, goal: 80, peers: [684, 158, 162, null], wanted: wantedTop,
      ways: {
        aggregate: calls.aggregate('path:*', { by: ['path'], measures: [{ type: 'count' }], limit: TOP }, (rows) => rows.map(([, count]) => count)),
        sql: calls.sql(`select ${attribute('path')} as path, count(*) as n from logs where ${attribute('path')} is not null group by 1 order by n desc limit ${TOP}`, topOf),
      },
    },
  ];
}

// The server rounds the width of a bar up: one bar more than fits makes it the next one below.
function times({ calls, answers, copies, days }) {
  const newest = answers.newest.map(([us, trace]) => `${us} ${trace}`).sort();
  const newestOf = (rows) => rows.map((row) => `${microseconds(row.timestamp)} ${row.traceId ?? row.trace_id}`).sort();
  const levels = Object.keys(answers.level).sort();
  const bars = levels.map((level) => [level, onAllDays(answers.bars[level], copies)]);
  const hours = onAllDays(answers.errorsPerHour, copies);
  const start = (row) => (typeof row.start === 'number' ? row.start : microseconds(row.start));
  return [
    {
      key: 'errors', what: 'status >= 500 per hour', gate: 22, goal: 12, peers: [31, 25, 189, null], wanted: hours,
      ways: {
        histogram: calls.histogram('status:>=500', (all) => barsOf(all, HOUR_US, 'count'), `&buckets=${24 * days + 1}`),
        sql: calls.sql(`select date_trunc('hour', timestamp) as start, count(*) as n from logs where ${numberAttribute('status')} >= 500 group by 1`,
          (rows) => sorted(rows.map((row) => [start(row), Number(row.n)]))),
      },
    },
    {
      key: 'newest', what: `newest ${NEWEST} with level error`, gate: 15, goal: 8, peers: [32, 64, 197, null], wanted: newest,
      ways: {
        search: calls.rows('level:error', NEWEST, newestOf),
        sql: calls.sql(`select timestamp, trace_id, message from logs where severity = 'error' order by timestamp desc limit ${NEWEST}`, newestOf),
      },
    },
    {
      key: 'levels', what: 'histogram 5 min by level', gate: 80, goal: 40, peers: [158, 95, 246, null], wanted: bars,
      ways: {
        histogram: calls.histogram('*', (all) => levels.map((level) => [level, barsOf(all, BAR_US, level)]), `&by=level&buckets=${288 * days + 1}`),
        sql: calls.sql("select date_bin(interval '5 minutes', timestamp) as start, severity, count(*) as n from logs group by 1, 2",
          (rows) => levels.map((level) => [level, sorted(rows.filter((row) => row.severity === level).map((row) => [start(row), Number(row.n)]))])),
      },
    },
  ].filter(({ key }) => key !== 'levels' || days * 288 < BARS_MAX);
}

/** Gives the questions over data of which `copies` are stored. */
export function questionsOf(answers, copies = 1) {
  const span = spanOf(answers, copies);
  const world = { calls: new Calls(span), answers, copies, days: Math.round((span.untilUs - span.sinceUs) / DAY_US) };
  const order = ['needle', 'exception', 'services', 'errors', 'trace', 'user', 'distinct', 'regex', 'substring', 'newest', 'paths', 'levels'];
  const all = [...words(world), ...values(world), ...times(world)];
  return all.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
}
