// Runs the shop: three services and the customers, each a process of its own.
import http from 'node:http';
import path from 'node:path';
import { ask, serveControl } from './control.mjs';
import { HOME, ports, requireService, requireVersion, SERVICES, UsageError } from './layout.mjs';
import { KeptProcess } from './process.mjs';
import { build, currentVersion, point, releaseNote, rememberDeploy } from './release.mjs';
import { createRepository } from './repository.mjs';

const HEALTH_DEADLINE_MS = 30_000;
const HEALTH_POLL_MS = 50;

/**
 * Starts everything and returns `{ stopped, where }`; `stopped` resolves when all children ended.
 * `onSignal` gets the function that stops, before the first child starts.
 */
export async function runShop({ paths, base, env, say, onSignal }) {
  await refuseSecondShop(paths);
  for (const name of SERVICES) prepare(paths, name, say);

  const where = ports(base);
  const processes = Object.fromEntries([...SERVICES, 'traffic'].map((name) => [name, new KeptProcess({
    name,
    describe: () => (name === 'traffic' ? traffic(paths, where, env) : service(paths, name, where, env)),
    logFile: paths.log(name),
    pidFile: paths.pid(name),
    say,
  })]));

  let ended;
  const stopped = new Promise((resolve) => { ended = resolve; });
  let closeControl = () => {};
  let stopping = false;
  const stop = async () => {
    if (stopping) return stopped;
    stopping = true;
    // Ctrl-C reaches the children as well; one that ends by itself now must not start again.
    for (const kept of Object.values(processes)) kept.wanted = false;
    // Customers leave first, then the services from the front to the back: nobody sees a failure.
    for (const name of ['traffic', ...SERVICES.slice().reverse()]) await processes[name].stop();
    closeControl();
    ended();
    return stopped;
  };

  onSignal(stop);
  try {
    closeControl = await serveControl(paths, commands({ paths, processes, where, say, stop }));
    for (const name of [...SERVICES, 'traffic']) {
      processes[name].start();
      await healthy(processes[name], name, where[name], name === 'traffic' ? null : currentVersion(paths, name), () => stopping);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stopped, where };
}

async function refuseSecondShop(paths) {
  const answer = await ask(paths, 'status').catch(() => null);
  if (answer) throw new UsageError(`a shop runs in ${paths.root} already (process ${answer.supervisor})`);
}

function prepare(paths, name, say) {
  createRepository(paths, name, new Date());
  if (currentVersion(paths, name)) return;
  build(paths, name, '1');
  point(paths, name, '1');
  rememberDeploy(paths, name, '1', new Date());
  say(`${name} 1 built`);
}

function service(paths, name, where, env) {
  const version = currentVersion(paths, name);
  const release = paths.release(name, version);
  return {
    file: path.join(release, 'server.mjs'),
    cwd: release,
    env: {
      ...env,
      PORT: String(where[name]),
      CHECKOUT_URL: `http://127.0.0.1:${where.checkout}`,
      PAYMENTS_URL: `http://127.0.0.1:${where.payments}`,
      SERVICE_VERSION: version,
      SERVICE_COMMIT: releaseNote(paths, name, version).commit,
    },
  };
}

function traffic(paths, where, env) {
  return {
    file: path.join(HOME, 'traffic.mjs'),
    cwd: paths.root,
    env: {
      ...env,
      PORT: String(where.traffic),
      STOREFRONT_URL: `http://127.0.0.1:${where.storefront}`,
      PAYMENTS_URL: `http://127.0.0.1:${where.payments}`,
      SHOP_CASES: paths.cases,
    },
  };
}

function commands({ paths, processes, where, say, stop }) {
  let turn = Promise.resolve();
  return {
    async status() {
      const rows = await Promise.all(Object.entries(processes).map(async ([name, kept]) => ({
        name,
        version: name === 'traffic' ? null : currentVersion(paths, name),
        pid: kept.pid,
        port: where[name],
        healthy: (await health(where[name])) !== null,
        restarts: kept.restarts,
      })));
      return { supervisor: process.pid, dir: paths.root, processes: rows };
    },
    // One switch at a time: two deploys of one service must not race for the link.
    switch(request) {
      const result = turn.then(() => switchTo({ paths, processes, where, say }, request));
      turn = result.catch(() => {});
      return result;
    },
    async stop() {
      setImmediate(stop);
      return { supervisor: process.pid };
    },
  };
}

async function switchTo({ paths, processes, where, say }, { service: name, version }) {
  requireService(name);
  requireVersion(name, version);
  const before = currentVersion(paths, name);
  point(paths, name, version);
  await processes[name].restart();
  try {
    await healthy(processes[name], name, where[name], version, () => !processes[name].wanted);
  } catch (error) {
    say(`${name} ${version} did not become healthy; ${before} runs again`);
    point(paths, name, before);
    await processes[name].restart();
    throw error;
  }
  rememberDeploy(paths, name, version, new Date());
  say(`${name} ${version} runs`);
  return { service: name, version, before };
}

async function healthy(kept, name, port, version, cancelled) {
  const giveUpAt = Date.now() + HEALTH_DEADLINE_MS;
  let seen = null;
  while (Date.now() < giveUpAt && !cancelled()) {
    seen = await health(port);
    const ours = seen && seen.pid === kept.pid && (version === null || seen.version === version);
    if (ours) return;
    await new Promise((resolve) => setTimeout(resolve, HEALTH_POLL_MS));
  }
  const stranger = seen && seen.pid !== kept.pid ? `; another process answers on port ${port}` : '';
  throw new UsageError(`${name} did not become healthy on port ${port}${stranger}; see ${kept.logFile}`);
}

function health(port) {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/healthz', agent: false, timeout: 2000 });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.on('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve(response.statusCode === 200 ? JSON.parse(text) : null);
      } catch {
        resolve(null);
      }
    });
  });
}
