// What happens to a server while it is killed again and again, and the books of what it acknowledged.
//
// Every load writes down what it is about to send before it sends it, and what was acknowledged when it
// was. A call without an answer is in doubt: it may have happened or not, but never by half.
import { Chance } from './chance.mjs';

/** Lines that the server stores with one append; a longer body may be cut between two appends. */
export const LINES_PER_APPEND = 4_096;
/** Objects of one apply, which are stored together or not at all. */
export const BUNDLE = 8;
const PUT_WRITERS = 2;
const LINE_WRITERS = 3;

/** The books: what was sent, and what was acknowledged. */
export class Books {
  /** `{service, number, lines, isAcknowledged}` */
  batches = [];
  /** Per object, how far it was written: `{sent, acknowledged}`. */
  objects = new Map();
  /** Per alert's id, whether it was acknowledged. */
  alerts = new Map();
  /** Per idempotency key: the change's name, once acknowledged. */
  changes = new Map();
  /** The change that was sent without an answer, to be sent again as it was. */
  changeInDoubt = undefined;

  counter(name) {
    if (!this.objects.has(name)) this.objects.set(name, { sent: 0, acknowledged: 0 });
    return this.objects.get(name);
  }
}

const component = (name, counter) => ({
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name, annotations: { 'crash.test/counter': String(counter) } },
  spec: { type: 'service', lifecycle: 'production', owner: 'payments-team' },
});

/** All loads of one life of a server. */
export class Load {
  constructor(server, books, life, seed) {
    Object.assign(this, { server, books, life, token: server.token });
    this.isOn = true;
    this.failures = [];
    const loads = [
      ...Array.from({ length: LINE_WRITERS }, (_, writer) => (chance) => this.#writeLines(chance, writer)),
      ...Array.from({ length: PUT_WRITERS }, (_, writer) => () => this.#putObject(`put-${writer}`)),
      () => this.#applyBundle(),
      (chance) => this.#postAlerts(chance),
      () => this.#recordChange(),
    ];
    this.running = Promise.all(loads.map((load, index) => this.#repeat(load, new Chance(seed + index * 7_919))));
  }

  /** Ends the loads and throws what the server answered wrongly while it lived. */
  async end() {
    this.isOn = false;
    await this.running;
    if (this.failures.length > 0) throw this.failures[0];
  }

  async #repeat(load, chance) {
    while (this.isOn) {
      try {
        await load(chance);
      } catch (error) {
        // The death of the server in mid-call is what this is about; a refusal is not.
        if (error.isRefusal) this.failures.push(error);
        return;
      }
    }
  }

  async #send(method, target, body, headers) {
    const answer = await this.server.call(method, target, body, { token: this.token, headers });
    if (answer.status < 200 || answer.status > 299) {
      throw Object.assign(new Error(`${method} ${target}: ${answer.status} ${answer.text}`), { isRefusal: true });
    }
    return answer.body;
  }

  async #writeLines(chance, writer) {
    const service = `crash-${this.life}`;
    const isOtlp = writer === 0;
    // Now and then a body of several appends.
    const lines = !isOtlp && chance.next() < 0.05 ? chance.between(LINES_PER_APPEND, 2 * LINES_PER_APPEND) : chance.between(1, 200);
    const batch = { service, number: this.books.batches.length, lines, isAcknowledged: false };
    this.books.batches.push(batch);
    if (isOtlp) {
      await this.#send('POST', '/v1/logs', otlpBody(batch));
    } else {
      const answer = await this.#send('POST', '/api/v1/ingest/ndjson', ndjsonBody(batch), { 'content-type': 'application/x-ndjson' });
      if (answer.accepted !== lines || answer.refused !== 0) throw Object.assign(new Error(JSON.stringify(answer)), { isRefusal: true });
    }
    batch.isAcknowledged = true;
  }

  async #putObject(name) {
    const counter = this.books.counter(name);
    const next = counter.acknowledged + 1;
    counter.sent = next;
    const stored = await this.#send('PUT', `/api/v1/components/${name}`, component(name, next));
    if (stored.metadata.version !== next) {
      throw Object.assign(new Error(`${name} has version ${stored.metadata.version} after ${next} writes`), { isRefusal: true });
    }
    counter.acknowledged = next;
  }

  async #applyBundle() {
    const names = Array.from({ length: BUNDLE }, (_, index) => `bundle-${index}`);
    const counters = names.map((name) => this.books.counter(name));
    const next = counters[0].acknowledged + 1;
    for (const counter of counters) counter.sent = next;
    const yaml = names.map((name) => JSON.stringify(component(name, next))).join('\n---\n');
    await this.#send('POST', '/api/v1/apply', yaml, { 'content-type': 'application/yaml' });
    for (const counter of counters) counter.acknowledged = next;
  }

  async #postAlerts(chance) {
    const ids = Array.from({ length: chance.between(1, 3) }, () => `${this.life}-${this.books.alerts.size}-${chance.between(0, 1e9)}`);
    for (const id of ids) this.books.alerts.set(id, false);
    const alerts = ids.map((id) => ({
      labels: { alertname: 'Crash', id, service: 'payments', severity: chance.next() < 0.05 ? 'critical' : 'warning' },
      annotations: { summary: `Alert ${id}` },
      endsAt: new Date(Date.now() + 12 * 3_600_000).toISOString(),
    }));
    await this.#send('POST', '/api/v2/alerts', alerts);
    for (const id of ids) this.books.alerts.set(id, true);
  }

  /** Records a change as a deploy script does: what is in doubt is sent again with the same key. */
  async #recordChange() {
    const request = this.books.changeInDoubt ?? newChange(`change-${this.books.changes.size}`);
    this.books.changeInDoubt = request;
    const change = await this.#send('POST', '/api/v1/changes', request);
    this.books.changes.set(request.idempotencyKey, change.metadata.name);
    this.books.changeInDoubt = undefined;
  }
}

function newChange(key) {
  return {
    spec: { service: 'component:default/payments', version: key },
    stages: [{ name: 'deploy', startedAt: new Date(Date.now() - 1_000).toISOString(), finishedAt: new Date().toISOString() }],
    outcome: 'succeeded',
    idempotencyKey: key,
  };
}

function ndjsonBody({ service, number, lines }) {
  const text = [];
  for (let line = 0; line < lines; line += 1) {
    text.push(`{"service":"${service}","level":"info","message":"batch ${number} line ${line}","batch":${number},"line":${line}}`);
  }
  return `${text.join('\n')}\n`;
}

function otlpBody({ service, number, lines }) {
  const timeUnixNano = `${Date.now()}000000`;
  const attribute = (key, value) => ({ key, value: { intValue: String(value) } });
  const logRecords = Array.from({ length: lines }, (_, line) => ({
    timeUnixNano,
    severityNumber: 9,
    body: { stringValue: `batch ${number} line ${line}` },
    attributes: [attribute('batch', number), attribute('line', line)],
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
}
