#!/usr/bin/env node
// The demo shop's own tool: it starts the shop, commits and builds versions, and switches to them.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ask } from './lib/control.mjs';
import { basePort, HOME, layout, requireService, requireVersion, UsageError } from './lib/layout.mjs';
import { build, checkout, previousVersion } from './lib/release.mjs';
import { commitVersion } from './lib/repository.mjs';
import { runShop } from './lib/supervisor.mjs';

const STOP_DEADLINE_MS = 60_000;

const USAGE = `usage: shop.mjs COMMAND --dir DIR        (or SHOP_DIR in the environment)

  up                           start the shop and stay; stops everything on SIGTERM or SIGINT
  status [--json]              what runs
  down                         stop the shop that runs in DIR
  commit SERVICE VERSION       commit a version into the service's repository; prints the commit
  deploy SERVICE VERSION [--no-test] | deploy SERVICE --rollback
                               run the deploy script, which asks Andon first

the deploy script's tools:
  checkout SERVICE VERSION     a clean checkout of the version's commit; prints the folder
  build SERVICE VERSION        build the release
  switch SERVICE VERSION       run the built release instead of the current one
  previous SERVICE             print the version that a rollback goes to

environment: SHOP_PORT (4710), SHOP_RATE (5 purchases a second), SHOP_SEED, SHOP_TRACES=1 (export
spans too), ANDON_URL and ANDON_TOKEN (where telemetry goes; without them the shop only prints)`;

const OPTIONS = {
  dir: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  'no-test': { type: 'boolean' },
  rollback: { type: 'boolean' },
};

const COMMANDS = {
  async up({ paths }) {
    requireDependencies();
    const say = (line) => console.log(`${new Date().toISOString()} ${line}`);
    const shop = await runShop({ paths, base: basePort(process.env), env: process.env, say, onSignal });
    say(`the shop is open: http://127.0.0.1:${shop.where.storefront}/`);
    await shop.stopped;
    say('the shop is closed');
  },

  async status({ paths, values }) {
    const status = await ask(paths, 'status');
    if (values.json) return console.log(JSON.stringify(status));
    for (const row of status.processes) {
      const state = row.healthy ? 'healthy' : 'NOT HEALTHY';
      console.log([
        row.name.padEnd(12), (row.version ?? '-').padEnd(4), state.padEnd(12),
        `port ${row.port}`, `process ${row.pid ?? '-'}`, `${row.restarts} restarts`,
      ].join('  '));
    }
  },

  async down({ paths }) {
    await ask(paths, 'stop');
    for (const giveUpAt = Date.now() + STOP_DEADLINE_MS; existsSync(paths.control);) {
      if (Date.now() > giveUpAt) throw new Error('the shop did not stop in time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },

  commit({ paths, service, version }) {
    console.log(commitVersion(paths, service(), version(), new Date()));
  },

  checkout({ paths, service, version }) {
    console.log(checkout(paths, service(), version()));
  },

  build({ paths, service, version }) {
    console.log(JSON.stringify(build(paths, service(), version())));
  },

  async switch({ paths, service, version }) {
    console.log(JSON.stringify(await ask(paths, 'switch', { service: service(), version: version() })));
  },

  previous({ paths, service }) {
    console.log(previousVersion(paths, service()));
  },

  deploy({ paths, service, version, values }) {
    const passed = values.rollback ? ['--rollback'] : [version(), ...(values['no-test'] ? ['--no-test'] : [])];
    const result = spawnSync(path.join(HOME, 'deploy.sh'), [service(), ...passed], {
      stdio: 'inherit',
      env: { ...process.env, SHOP_DIR: paths.root },
    });
    if (result.error) throw result.error;
    process.exitCode = result.status ?? 1;
  },
};

function onSignal(stop) {
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);
}

function requireDependencies() {
  if (!existsSync(path.join(HOME, 'node_modules', '@opentelemetry', 'api'))) {
    throw new UsageError(`the OpenTelemetry SDK is not installed; run: npm ci --prefix ${HOME}`);
  }
}

async function main() {
  const { values, positionals } = readArguments();
  const [name, service, version, ...rest] = positionals;
  if (values.help) return console.log(USAGE);
  if (!Object.hasOwn(COMMANDS, name ?? '') || rest.length > 0) throw new UsageError(USAGE);
  const dir = values.dir ?? process.env.SHOP_DIR;
  if (!dir) throw new UsageError('name the work folder with --dir or SHOP_DIR');
  await COMMANDS[name]({
    paths: layout(dir),
    values,
    service: () => requireService(service),
    version: () => requireVersion(service, version),
  });
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message}\n\n${USAGE}`);
  }
}

main().catch((error) => {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
