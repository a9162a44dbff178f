// A real Prometheus, unmodified, with Andon as its Alertmanager: what fires pages, what ends resolves.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { organisation } from './organisation.mjs';
import { Receiver } from './receiver.mjs';
import { Server, freePort, newFolder, removeFolder, spawnOwned, until } from './server.mjs';

const PROMETHEUS = process.env.PROMETHEUS_BIN ?? '/usr/bin/prometheus';

/** The shop that Prometheus scrapes: one metric that the test sets. */
class Shop {
  errors = 0;

  async open() {
    this.port = await freePort();
    this.server = http.createServer((_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`# TYPE shop_failed_payments gauge\nshop_failed_payments ${this.errors}\n`);
    });
    await new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
  }

  close() {
    this.server?.closeAllConnections();
    return new Promise((resolve) => { this.server ? this.server.close(resolve) : resolve(); });
  }
}

const configuration = (server, shop, token) => `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["127.0.0.1:${shop.port}"]}]
alerting:
  alertmanagers:
    - scheme: http
      authorization: {type: Bearer, credentials: "${token}"}
      static_configs: [{targets: ["127.0.0.1:${server.port}"]}]
`;

const RULES = `
groups:
  - name: shop
    rules:
      - alert: Watchdog
        expr: vector(1)
        labels: {severity: info, service: payments, id: watchdog}
        annotations: {summary: Always fires}
      - alert: PaymentsFail
        expr: shop_failed_payments > 0
        labels: {severity: critical, service: payments, id: fail}
        annotations: {summary: "Payments fail: {{ $value }} so far", description: Customers cannot pay}
`;

describe('a real Prometheus', () => {
  let [folder, receiver, server, shop, prometheus] = [];

  before(async () => {
    assert.ok(existsSync(PROMETHEUS), `${PROMETHEUS} is missing: apt-get install prometheus, or set PROMETHEUS_BIN.`);
    receiver = await Receiver.open();
    server = await Server.start({ name: 'prometheus' });
    await server.apply(organisation(receiver.url));
    shop = new Shop();
    await shop.open();
    folder = newFolder('prometheus-data');
    // What sends telemetry needs no more rights than that.
    writeFileSync(path.join(folder, 'prometheus.yml'), configuration(server, shop, await server.newToken('ingest')));
    writeFileSync(path.join(folder, 'rules.yml'), RULES);
    const port = await freePort();
    prometheus = spawnOwned(PROMETHEUS, [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`,
      // Otherwise what fires before Prometheus knows its Alertmanager is sent again only after a minute.
      '--rules.alert.resend-delay=1s',
      `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { stdio: ['ignore', 'inherit', 'inherit'] });
  });

  after(async () => {
    prometheus?.kill('SIGKILL');
    await prometheus?.ended;
    await server?.close();
    await receiver?.close();
    await shop?.close();
    if (folder) removeFolder(folder);
  });

  const alert = async (id) => {
    const { items } = await server.get('/api/v1/alerts');
    return items.find((item) => item.spec.labels.id === id);
  };

  test('pages for what fires', async () => {
    await until('the watchdog is paged', () => receiver.about('id', 'watchdog').length > 0);
    const { spec, status } = await alert('watchdog');
    assert.deepEqual([spec.title, spec.source, spec.service, spec.severity], ['Always fires', 'prometheus', 'component:default/payments', 'sev5']);
    assert.equal(status.state, 'triggered');
    const [page] = receiver.about('id', 'watchdog');
    assert.match(page.body.link, /\/p\//);
    assert.equal(page.path, '/maya');
  });

  test('pages nobody again for what is sent again', async () => {
    const { status: { eventCount } } = await alert('watchdog');
    const [shown] = await server.get('/api/v2/alerts');
    await until('Prometheus sends it again', async () => (await server.get('/api/v2/alerts'))[0].updatedAt > shown.updatedAt);
    assert.equal((await alert('watchdog')).status.eventCount, eventCount);
    assert.equal(receiver.about('id', 'watchdog').length, 1);
  });

  test('opens an alert when a rule begins to fire, with the words of the rule', async () => {
    shop.errors = 7;
    await until('the failure is paged', () => receiver.about('id', 'fail').length > 0);
    const { spec, status } = await alert('fail');
    assert.equal(spec.title, 'Payments fail: 7 so far');
    assert.equal(spec.severity, 'sev1');
    assert.equal(spec.annotations.description, 'Customers cannot pay');
    assert.ok(Date.now() - Date.parse(status.startedAt) < 300_000, `it began when the rule began to fire: ${status.startedAt}`);
    const shown = await server.get(`/api/v2/alerts?filter=${encodeURIComponent('id="fail"')}`);
    assert.equal(shown.length, 1);
    assert.equal(shown[0].labels.alertname, 'PaymentsFail');
    assert.match(shown[0].generatorURL, /graph\?g0\.expr=shop_failed_payments/);
  });

  test('resolves the alert when the rule no longer fires, and leaves the other open', async () => {
    shop.errors = 0;
    await until('the failure is over', async () => (await alert('fail')).status.state === 'resolved');
    assert.equal((await alert('watchdog')).status.state, 'triggered');
    const shown = await server.get('/api/v2/alerts');
    assert.deepEqual(shown.map((one) => one.labels.id), ['watchdog']);
    assert.equal(receiver.about('id', 'watchdog').length, 1);
    assert.equal(receiver.about('id', 'fail').length, 1);
    const actions = (await server.get(`/api/v1/events?object=alert:default/${(await alert('fail')).metadata.name}`)).items.map((event) => event.action);
    assert.ok(actions.includes('alert.triggered') && actions.includes('alert.resolved'), actions.join());
  });

  test('is refused visibly with a token that may not send alerts', async () => {
    const body = [{ labels: { alertname: 'Forged' } }];
    for (const [token, status] of [[null, 401], ['andon_wrong', 401], [await server.newToken('reader'), 403], [await server.newToken('reporter'), 403]]) {
      assert.equal((await server.call('POST', '/api/v2/alerts', body, { token })).status, status);
    }
    assert.equal((await server.get('/api/v1/alerts')).items.some((item) => item.spec.labels.alertname === 'Forged'), false);
  });
});
