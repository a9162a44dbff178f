// Compares what a server has after a crash with the books of what it acknowledged.
import assert from 'node:assert/strict';
import { BUNDLE, LINES_PER_APPEND } from './crash-load.mjs';

/** Every acknowledged line is there exactly once, and no append is there by half. */
export async function checkLines(server, books, service) {
  const rows = await server.sql(`select attr(attributes, 'batch') as batch, count(*) as lines,
    count(distinct attr(attributes, 'line')) as different, max(attr_number(attributes, 'line')) as last from logs where service = '${service}' group by 1`);
  const found = new Map(rows.map((row) => [Number(row.batch), row]));
  const wrong = [];
  let total = 0;
  for (const batch of books.batches.filter((one) => one.service === service)) {
    const { lines, different, last } = found.get(batch.number) ?? { lines: 0, different: 0, last: -1 };
    found.delete(batch.number);
    total += lines;
    // A long body is stored as it comes: its beginning may be there, in whole appends, when its end is not.
    const isBeginning = lines >= LINES_PER_APPEND && lines < batch.lines && last === lines - 1;
    const isRight = lines === batch.lines || (!batch.isAcknowledged && (lines === 0 || isBeginning));
    if (!isRight || different !== lines) wrong.push({ ...batch, found: lines, different, last });
  }
  assert.deepEqual(wrong, [], `${service}: batches that are not as they were acknowledged`);
  assert.deepEqual([...found.keys()], [], `${service}: batches that nobody sent`);
  const searched = await server.get(`/api/v1/logs/histogram?query=${encodeURIComponent(`service:"${service}"`)}&since=2h`);
  assert.equal(searched.total, total, `${service}: search and SQL count alike`);
  return total;
}

/** Every acknowledged version of every object is there, with its event; what was applied together is. */
export async function checkObjects(server, books) {
  const components = await server.sql(`select name, version, spec from components`);
  const versions = new Map(components.map((row) => [row.name, row.version]));
  const events = await server.sql(`select object, count(*) as events, count(distinct version) as different,
    max(version) as last from events where object like 'component:default/%' and version is not null group by object`);
  const written = new Map(events.map((row) => [row.object, row]));
  for (const [name, counter] of books.objects) {
    const version = versions.get(name) ?? 0;
    assert.ok(version === counter.acknowledged || version === counter.sent,
      `${name}: ${counter.acknowledged} versions were acknowledged, ${counter.sent} sent, ${version} are there`);
    if (version > 0) {
      const object = await server.get(`/api/v1/components/${name}`);
      assert.equal(object.metadata.annotations['crash.test/counter'], String(version), `${name} holds what version ${version} said`);
      const { events: count, different, last } = written.get(`component:default/${name}`);
      assert.deepEqual({ count, different, last }, { count: version, different: version, last: version }, `${name}: one event per version`);
    }
    // What was in doubt has been decided.
    Object.assign(counter, { acknowledged: version, sent: version });
  }
  const bundle = Array.from({ length: BUNDLE }, (_, index) => versions.get(`bundle-${index}`) ?? 0);
  assert.equal(new Set(bundle).size, 1, `an apply is stored whole or not at all: ${bundle}`);
}

/** Every acknowledged change is there, and one sent again is the same. */
export async function checkChanges(server, books) {
  const rows = await server.sql('select name, spec from changes');
  const versions = new Map(rows.map((row) => [row.name, JSON.parse(row.spec).version]));
  for (const [key, name] of books.changes) assert.equal(versions.get(name), key, `${name} was acknowledged`);
  assert.equal(new Set(versions.values()).size, versions.size, 'no change is there twice');
}

/** Every acknowledged alert is there, once. */
export async function checkAlerts(server, books) {
  const rows = await server.sql('select name, spec from alerts');
  const ids = rows.map((row) => JSON.parse(row.spec).labels.id);
  assert.equal(new Set(ids).size, ids.length, 'no alert is there twice');
  const known = new Set(ids);
  const lost = [...books.alerts].filter(([id, isAcknowledged]) => isAcknowledged && !known.has(id)).map(([id]) => id);
  assert.deepEqual(lost, [], 'every acknowledged alert is there');
  return ids;
}

/** The ledger verifies, has no gap, and has lost nothing since the last time; gives its length. */
export async function checkLedger(server, eventsBefore) {
  const { code, stdout, stderr } = await server.andon(['-o', 'json', 'audit', 'verify']);
  assert.equal(code, 0, stderr);
  const verified = JSON.parse(stdout);
  assert.equal(verified.ok, true);
  const [{ events, first, last }] = await server.sql('select count(*) as events, min(sequence) as first, max(sequence) as last from events');
  assert.equal(first, 1);
  assert.equal(last, events, 'sequence numbers have no gap');
  assert.ok(events >= eventsBefore, `${events} events, ${eventsBefore} before`);
  return events;
}

/** Every alert has been paged; no page arrived twice in one life of the server. */
export function checkPages(receiver, alerts) {
  const pages = new Map();
  for (const page of receiver.pages) {
    const { id } = page.body.alert.labels;
    assert.equal(page.headers['idempotency-key'], page.body.id);
    if (!pages.has(id)) pages.set(id, []);
    pages.get(id).push(page);
  }
  let duplicates = 0;
  for (const id of alerts) {
    const got = pages.get(id) ?? [];
    assert.ok(got.length > 0, `alert ${id} was not paged`);
    const one = JSON.stringify(got.map(({ at, path, life, body }) => ({ at: new Date(at).toISOString(), path, life, id: body.id, alert: body.alert })), null, 1);
    assert.equal(new Set(got.map((page) => page.body.id)).size, 1, `alert ${id} is one page, however often it is sent: ${one}`);
    const lives = got.map((page) => page.life);
    assert.equal(new Set(lives).size, lives.length, `alert ${id} was paged twice without a kill between: ${lives}`);
    duplicates += got.length - 1;
    pages.delete(id);
  }
  assert.deepEqual([...pages.keys()], [], 'nobody is paged for an alert that is not there');
  return duplicates;
}
