// An export as Parquet, over HTTP and by the command line, read by pyarrow and DuckDB from PyPI: the same lines as a search gives, typed,
// with plain messages.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { python } from './senders.mjs';
import { Server, newFolder, removeFolder, run } from './server.mjs';

const LINES = 25_000;

const READ = `
import json, sys, pyarrow.parquet as parquet
file = parquet.ParquetFile(sys.argv[1])
table = file.read()
row = table.slice(12345, 1).to_pylist()[0]
row["timestamp"] = row["timestamp"].isoformat()
row["received_at"] = row["received_at"].isoformat()
print(json.dumps({
    "lines": table.num_rows,
    "types": {field.name: str(field.type) for field in table.schema},
    "row": row,
    "sum": sum(value for value in table.column("a.n").to_pylist() if value is not None),
    "different": len(set(table.column("id").to_pylist())),
    "metadata": {key.decode(): value.decode() for key, value in file.metadata.metadata.items() if key.startswith(b"andon")},
}))
`;

const COUNT = `
import json, sys, duckdb
rows = duckdb.sql(f"""select service, count(*), avg("a.ms"), max(length(message)) from read_parquet('{sys.argv[1]}') group by service order by service""").fetchall()
print(json.dumps(rows))
`;

describe('an export as Parquet', () => {
  let [server, interpreter, folder] = [];

  before(async () => {
    interpreter = await python(['pyarrow==26.0.1', 'duckdb==2.0.0']);
    folder = newFolder('parquet');
    server = await Server.start({ name: 'parquet' });
    const start = Date.now() - 600_000;
    for (let first = 0; first < LINES; first += 5_000) {
      const lines = Array.from({ length: 5_000 }, (_, index) => {
        const n = first + index;
        return {
          timestamp: new Date(start + n).toISOString(), service: n % 2 ? 'web' : 'payments', level: n % 10 ? 'info' : 'error', message: `order ${n} was paid: ünïcødé`,
          n, ms: n % 3 ? n / 4 : n, ok: n % 2 === 0, ...(n === 20_001 ? { n: 'many' } : {}), tags: { place: n % 7 },
        };
      });
      await server.ingest(lines);
    }
  }, { timeout: 700_000 });

  after(async () => {
    await server?.close();
    if (folder) removeFolder(folder);
  });

  const exported = async (name, args) => {
    const file = path.join(folder, name);
    const script = 'file=$1; shift; exec "$@" > "$file"';
    const env = { ...process.env, NO_COLOR: '1', ANDON_URL: server.url, ANDON_TOKEN: server.token };
    const { code, stderr } = await run('sh', ['-c', script, 'sh', file, server.binary, 'logs', ...args, '--export', 'parquet'], { env });
    assert.deepEqual([code, stderr], [0, '']);
    return file;
  };

  test('pyarrow reads every line, with types and plain messages', async () => {
    const file = await exported('all.parquet', ['*', '--since', '1h']);
    const { code, stdout, stderr } = await run(interpreter, ['-c', READ, file]);
    assert.equal(code, 0, stderr);
    const read = JSON.parse(stdout);
    assert.deepEqual([read.lines, read.different], [LINES, LINES]);
    assert.deepEqual(read.metadata, { 'andon.lines': String(LINES) });
    const { timestamp, message, service, severity } = read.types;
    assert.deepEqual([timestamp, message, service, severity], ['timestamp[us, tz=UTC]', 'string', 'string', 'string']);
    assert.deepEqual([read.types['a.n'], read.types['a.ms'], read.types['a.ok']], ['int64', 'double', 'bool']);
    assert.equal(read.sum, (LINES * (LINES - 1)) / 2 - 20_001);
    const { rows: [row] } = await server.get(`/api/v1/logs?query=${encodeURIComponent('n:12345')}&since=1h`);
    assert.deepEqual([read.row.id, read.row.message, read.row.service, read.row['a.n'], read.row['a.ms']], [row.id, row.message, 'web', 12_345, 12_345]);
    assert.equal(Date.parse(read.row.timestamp), Date.parse(row.timestamp));
    assert.deepEqual(JSON.parse(read.row.attributes), { tags: { place: 12_345 % 7 } });
  });

  test('DuckDB counts what SQL here counts; a limit tells where it goes on', async () => {
    const file = await exported('errors.parquet', ['level:error', '--since', '1h']);
    const { code, stdout, stderr } = await run(interpreter, ['-c', COUNT, file]);
    assert.equal(code, 0, stderr);
    const [[service, count, mean, longest]] = JSON.parse(stdout);
    const [here] = await server.sql("select service, count(*) as n, avg(attr_number(attributes, 'ms')) as mean, max(length(message)) as longest from logs where severity = 'error' group by service");
    assert.deepEqual([service, count, longest], [here.service, here.n, here.longest]);
    assert.ok(Math.abs(mean - here.mean) < 1e-6);

    const part = await exported('part.parquet', ['*', '--since', '1h', '--limit', '15000']);
    const read = JSON.parse((await run(interpreter, ['-c', READ, part])).stdout);
    assert.equal(read.lines, 15_000);
    const next = read.metadata['andon.next'];
    const answer = await server.call('GET', `/api/v1/logs/export?since=1h&format=parquet&cursor=${encodeURIComponent(next)}`);
    assert.equal(answer.headers['content-disposition'], 'attachment; filename="logs.parquet"');
    assert.equal(answer.headers['content-type'], 'application/vnd.apache.parquet');
  });

  test('what cannot be searched is a problem and no file', async () => {
    const answer = await server.call('GET', `/api/v1/logs/export?since=1h&format=parquet&query=${encodeURIComponent('(')}`);
    assert.deepEqual([answer.status, answer.body.code.startsWith('LOG') || answer.body.code.length > 0], [400, true]);
  });
});
