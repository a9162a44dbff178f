// Where everything of a running shop is, and who the processes are.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the example itself, which holds the sources and node_modules. */
export const HOME = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The services in the order in which they start: each one after those that it calls. */
export const SERVICES = ['payments', 'checkout', 'storefront'];

const PORT_OFFSETS = { storefront: 0, checkout: 1, payments: 2, traffic: 3 };

/** A mistake of the person at the keyboard: printed without a stack, exit code 2. */
export class UsageError extends Error {}

/** The paths of one work folder. */
export function layout(dir) {
  const root = path.resolve(dir);
  const service = (name) => path.join(root, 'services', name);
  return {
    root,
    control: path.join(root, 'control.json'),
    pid: (name) => path.join(root, 'run', `${name}.pid`),
    log: (name) => path.join(root, 'logs', `${name}.log`),
    cases: path.join(root, 'cases.jsonl'),
    repository: (name) => path.join(root, 'repos', name),
    checkouts: (name) => path.join(service(name), 'checkouts'),
    release: (name, version) => path.join(service(name), 'releases', String(version)),
    current: (name) => path.join(service(name), 'current'),
    deploys: (name) => path.join(service(name), 'deploys.json'),
  };
}

/** The port of each process, from the base port on. */
export function ports(base) {
  return Object.fromEntries(Object.entries(PORT_OFFSETS).map(([name, offset]) => [name, base + offset]));
}

/** Reads SHOP_PORT. */
export function basePort(env) {
  const base = Number(env.SHOP_PORT ?? 4710);
  if (!Number.isInteger(base) || base < 1024 || base > 65_000) {
    throw new UsageError(`SHOP_PORT is ${JSON.stringify(env.SHOP_PORT)}; give a port from 1024 to 65000`);
  }
  return base;
}

/** Refuses a name that is no service of the shop. */
export function requireService(name) {
  if (!SERVICES.includes(name)) {
    throw new UsageError(`there is no service ${JSON.stringify(name ?? '')}; the services are ${SERVICES.join(', ')}`);
  }
  return name;
}

/** Refuses a version that the example does not have. */
export function requireVersion(name, version) {
  const source = sourceTree(name, version);
  if (!/^[1-9][0-9]*$/.test(version ?? '') || !existsSync(source)) {
    throw new UsageError(`there is no version ${JSON.stringify(version ?? '')} of ${name} in ${path.dirname(source)}`);
  }
  return version;
}

/** The tree from which a version is committed. */
export function sourceTree(name, version) {
  return path.join(HOME, 'services', name, 'versions', String(version));
}
