// One small git repository per service, made from the trees under services/<name>/versions.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { HOME, sourceTree, UsageError } from './layout.mjs';

// The person's own git settings (signing, hooks, templates) have no say in the demo's repositories.
const QUIET_GIT = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
const HOUR_MS = 3_600_000;

function git(repository, args, env = {}) {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  return execFileSync('git', ['-C', repository, ...args], {
    encoding: 'utf8',
    env: { ...inherited, ...QUIET_GIT, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 16 * 1024 * 1024,
  }).trim();
}

function history(name) {
  return JSON.parse(readFileSync(path.join(HOME, 'services', name, 'history.json'), 'utf8'));
}

/** Makes the repository with the commits of version 1; one that is there already is left alone. */
export function createRepository(paths, name, now) {
  const repository = paths.repository(name);
  if (existsSync(path.join(repository, '.git'))) return;
  const beginning = `${repository}.${process.pid}.tmp`;
  rmSync(beginning, { recursive: true, force: true });
  mkdirSync(beginning, { recursive: true });
  git(beginning, ['init', '--quiet', '--initial-branch=main']);
  const { people, versions } = history(name);
  for (const commit of versions['1']) {
    for (const file of commit.files) cpSync(path.join(sourceTree(name, 1), file), path.join(beginning, file));
    record(beginning, people[commit.author], commit.message, new Date(now - commit.hours_ago * HOUR_MS));
  }
  requireSameTree(beginning, name);
  git(beginning, ['tag', 'v1']);
  renameSync(beginning, repository);
}

// A file that history.json forgets would be missing from the first release.
function requireSameTree(repository, name) {
  const committed = git(repository, ['ls-files']).split('\n').sort();
  const source = readdirSync(sourceTree(name, 1), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(sourceTree(name, 1), path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
  if (committed.join() !== source.join()) {
    throw new Error(`services/${name}/history.json does not commit every file of version 1`);
  }
}

/** Commits a version on top of the branch and tags it; a version that is committed already stays. */
export function commitVersion(paths, name, version, now) {
  const repository = paths.repository(name);
  if (!existsSync(repository)) throw new UsageError(`${repository} is not there; start the shop first: shop.mjs up`);
  const existing = commitOf(paths, name, version);
  if (existing) return existing;
  const { people, versions } = history(name);
  const [commit] = versions[version];
  for (const entry of readdirSync(repository)) {
    if (entry !== '.git') rmSync(path.join(repository, entry), { recursive: true });
  }
  cpSync(sourceTree(name, version), repository, { recursive: true });
  record(repository, people[commit.author], commit.message, now);
  git(repository, ['tag', `v${version}`]);
  return commitOf(paths, name, version);
}

function record(repository, person, message, date) {
  const [, author, email] = /^(.*) <(.*)>$/.exec(person);
  const when = date.toISOString();
  git(repository, ['add', '--all']);
  git(repository, ['commit', '--quiet', '--message', message], {
    GIT_AUTHOR_NAME: author,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: when,
    GIT_COMMITTER_NAME: author,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: when,
  });
}

/** The commit of a version, or null when it is not committed yet. */
export function commitOf(paths, name, version) {
  try {
    return git(paths.repository(name), ['rev-parse', '--verify', '--quiet', `refs/tags/v${version}^{commit}`]);
  } catch {
    return null;
  }
}

/** Writes the tree of a commit into an empty folder. */
export function exportTree(paths, name, commit, target) {
  const archive = path.join(path.dirname(target), `${path.basename(target)}.tar`);
  git(paths.repository(name), ['archive', '--format=tar', `--output=${archive}`, commit]);
  execFileSync('tar', ['-xf', archive, '-C', target]);
  rmSync(archive);
}
