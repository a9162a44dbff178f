// Python's own OpenTelemetry exporters, unmodified, over HTTP and gRPC: every line is found again.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Server, run } from './server.mjs';

const LINES = 50;
const FOLDER = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), 'python');
const CACHE = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'andon', 'python-otlp');

/** Makes Python's environment once, and again when the requirements change; gives its interpreter. */
async function pythonWithExporters() {
  const requirements = path.join(FOLDER, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const done = path.join(CACHE, `complete-${digest}`);
  const python = path.join(CACHE, 'bin', 'python');
  if (existsSync(done) && (await run(python, ['-c', 'import opentelemetry.sdk'])).code === 0) return python;
  // What broke off in the middle is not mended.
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(path.dirname(CACHE), { recursive: true });
  const made = await run('python3', ['-m', 'venv', CACHE]);
  assert.equal(made.code, 0, `python3 -m venv: ${made.stderr} (apt-get install python3-venv)`);
  const installed = await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], { limitMs: 600_000 });
  assert.equal(installed.code, 0, installed.stderr);
  writeFileSync(done, '');
  return python;
}

describe("Python's OpenTelemetry exporter", () => {
  let [server, python] = [];

  before(async () => {
    python = await pythonWithExporters();
    server = await Server.start({ name: 'otlp' });
  }, { timeout: 700_000 });

  after(() => server?.close());

  const log = (protocol, token, more = {}) => {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
    const env = { ...Object.fromEntries(kept), ANDON_TOKEN: token ?? '', ...more };
    return run(python, [path.join(FOLDER, 'log_lines.py'), protocol, server.url, String(LINES)], { env });
  };

  for (const protocol of ['http', 'grpc']) {
    test(`over ${protocol}: every line is found by search and SQL, with attributes and trace`, async () => {
      const { code, stdout, stderr } = await log(protocol, await server.newToken('ingest'));
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      const logged = stdout.trim().split('\n').map((line) => JSON.parse(line));
      assert.equal(logged.length, LINES);

      const service = `python-${protocol}`;
      const { rows, complete } = await server.get(`/api/v1/logs?query=${encodeURIComponent(`service:"${service}"`)}&since=1h&limit=1000`);
      assert.equal(complete, true);
      assert.equal(rows.length, LINES);
      const found = new Map(rows.map((row) => [row.attributes.order, row]));
      for (const { order, trace, span } of logged) {
        const row = found.get(order);
        assert.deepEqual(
          [row.message, row.severity, row.traceId, row.spanId, row.scope, row.attributes.customer, row.attributes.amount, row.resource['service.version']],
          [`order ${order} was paid: ünïcødé`, order % 10 === 0 ? 'error' : 'info', trace, span, 'acceptance.orders', `customer-${order}`, order + 0.5, '1.2.3'],
        );
        assert.ok(Math.abs(Date.parse(row.timestamp) - Date.now()) < 600_000, row.timestamp);
      }

      const sql = await server.sql(`select attr_number(attributes, 'order') as "order", trace_id, span_id, message, severity_number
        from logs where service = '${service}' order by 1`);
      assert.deepEqual(sql.map((row) => [row.order, row.trace_id, row.span_id]), logged.map((line) => [line.order, line.trace, line.span]));

      const by = async (query) => (await server.andonJson(['logs', query, '--since', '1h', '--limit', '1000'])).length;
      assert.equal(await by(`service:"${service}" AND level:error`), LINES / 10);
      assert.equal(await by(`service:"${service}" AND customer:"customer-7"`), 1);
      assert.equal(await by(`service:"${service}" AND order:[10 TO 19]`), 10);
      assert.equal(await by(`service:"${service}" AND trace_id:${logged[3].trace}`), 1);
      assert.equal(await by(`service:"${service}" AND "was paid"`), LINES);
    });

    test(`over ${protocol}: compressed lines are read too`, async () => {
      const count = async () => (await server.andonJson(['sql', `select count(*) as n from logs where service = 'python-${protocol}'`]))[0].n;
      const known = await count();
      const { code, stderr } = await log(protocol, await server.newToken('ingest'), { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(await count(), known + LINES);
    });

    test(`over ${protocol}: without a token nothing is stored, and the exporter says why`, async () => {
      const [{ n: before }] = await server.andonJson(['sql', 'select count(*) as n from logs']);
      const { stderr } = await log(protocol, null);
      assert.match(stderr, protocol === 'http' ? /401/ : /UNAUTHENTICATED/);
      const wrong = await log(protocol, await server.newToken('reader'));
      assert.match(wrong.stderr, protocol === 'http' ? /403/ : /PERMISSION_DENIED/);
      assert.deepEqual(await server.andonJson(['sql', 'select count(*) as n from logs']), [{ n: before }]);
    });
  }
});
