// Clean checkouts, releases and the memory of what was deployed.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pointLink, readJsonFile, writeWhole } from './files.mjs';
import { HOME, UsageError } from './layout.mjs';
import { commitOf, exportTree } from './repository.mjs';

const DEPLOYS_REMEMBERED = 200;

/** A clean checkout of one commit with its dependencies, for tests and for the build. */
export function checkout(paths, name, version) {
  const commit = requireCommit(paths, name, version);
  const target = path.join(paths.checkouts(name), commit);
  if (existsSync(target)) return target;
  const beginning = path.join(paths.checkouts(name), `.${commit}.${process.pid}`);
  mkdirSync(beginning, { recursive: true });
  exportTree(paths, name, commit, beginning);
  symlinkSync(path.join(HOME, 'node_modules'), path.join(beginning, 'node_modules'));
  renameSync(beginning, target);
  return target;
}

/** Builds a release: the tree of the commit, each module parsed, with a note of what and when. */
export function build(paths, name, version, now = () => new Date()) {
  const started = now();
  const source = checkout(paths, name, version);
  const release = paths.release(name, version);
  const beginning = `${release}.${process.pid}.tmp`;
  rmSync(beginning, { recursive: true, force: true });
  cpSync(source, beginning, { recursive: true, verbatimSymlinks: true });
  for (const file of readdirSync(beginning).filter((entry) => entry.endsWith('.mjs'))) {
    execFileSync(process.execPath, ['--check', path.join(beginning, file)], { stdio: ['ignore', 'ignore', 'pipe'] });
  }
  const note = {
    service: name,
    version: String(version),
    commit: commitOf(paths, name, version),
    build_started_at: started.toISOString(),
    build_finished_at: now().toISOString(),
  };
  writeWhole(path.join(beginning, 'release.json'), `${JSON.stringify(note, null, 2)}\n`);
  rmSync(release, { recursive: true, force: true });
  renameSync(beginning, release);
  return note;
}

/** The note of a built release. */
export function releaseNote(paths, name, version) {
  const note = readJsonFile(path.join(paths.release(name, version), 'release.json'), null);
  if (!note) throw new UsageError(`${name} ${version} is not built`);
  return note;
}

/** The version to which `current` points, or null. */
export function currentVersion(paths, name) {
  try {
    return path.basename(readlinkSync(paths.current(name)));
  } catch {
    return null;
  }
}

/** Points `current` at a built release. */
export function point(paths, name, version) {
  releaseNote(paths, name, version);
  pointLink(paths.current(name), path.join('releases', String(version)));
}

// `stack` is what a rollback walks down; `log` is everything that happened, newest last.
function deploys(paths, name) {
  return readJsonFile(paths.deploys(name), { stack: [], log: [] });
}

/** Remembers a successful switch. Going back takes versions off the stack, going on puts one on. */
export function rememberDeploy(paths, name, version, at) {
  const { stack, log } = deploys(paths, name);
  const place = stack.lastIndexOf(String(version));
  const next = place >= 0 ? stack.slice(0, place + 1) : [...stack, String(version)];
  const entry = { version: String(version), at: at.toISOString() };
  writeWhole(paths.deploys(name), `${JSON.stringify({ stack: next, log: [...log, entry].slice(-DEPLOYS_REMEMBERED) })}\n`);
}

/** The version that a rollback goes to. */
export function previousVersion(paths, name) {
  const { stack } = deploys(paths, name);
  if (stack.length < 2) throw new UsageError(`${name} has no earlier version to roll back to`);
  return stack.at(-2);
}

function requireCommit(paths, name, version) {
  const commit = commitOf(paths, name, version);
  if (!commit) throw new UsageError(`${name} ${version} is not committed; run: shop.mjs commit ${name} ${version}`);
  return commit;
}
