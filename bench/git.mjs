// Importing a git history against `git log` over the same repository.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { newFolder, removeFolder } from '../tests/acceptance/server.mjs';
import { expectSame, nowMs, row, startServer, timed, times } from './measure.mjs';

const COMMITS = Number(process.env.ANDON_BENCH_COMMITS ?? 20_000);
const IMPORTS = 2;
const MERGE_EVERY = 10;
const TAG_EVERY = 500;
const FIRST_SECOND = 1_600_000_000;
const LOG = ['log', '--all', '--date-order', '-z', '--format=%H%x00%P%x00%aN%x00%aE%x00%at%x00%ct%x00%s'];

/** The stream for `git fast-import`: a history with merges, twelve authors and tags, the same each time. */
function history() {
  const out = [];
  for (let commit = 1; commit <= COMMITS; commit += 1) {
    const isSide = commit % MERGE_EVERY === MERGE_EVERY - 1;
    const isMerge = commit > MERGE_EVERY && commit % MERGE_EVERY === 0;
    const author = `Author ${commit % 12} <author${commit % 12}@bench.example>`;
    const time = FIRST_SECOND + commit * 300;
    const message = `Change ${commit}: make the basket keep what customers put into it\n`;
    const content = `${commit}\n`;
    // A side branch leaves the commit before it and comes back with the next one.
    const parent = commit > 1 ? `from :${isMerge ? commit - 2 : commit - 1}\n` : '';
    const second = isMerge ? `merge :${commit - 1}\n` : '';
    out.push(`commit refs/heads/${isSide ? 'side' : 'main'}\nmark :${commit}\nauthor ${author} ${time} +0000\ncommitter ${author} ${time + 60} +0000\n`
      + `data ${message.length}\n${message}${parent}${second}M 100644 inline src/file${commit % 200}.txt\ndata ${content.length}\n${content}\n`);
    if (commit % TAG_EVERY === 0) out.push(`reset refs/tags/v1.${commit / TAG_EVERY}.0\nfrom :${commit}\n\n`);
  }
  return out.join('');
}

function makeRepository(folder) {
  timed('git', ['init', '-q', '-b', 'main', folder]);
  const { status, stderr } = spawnSync('git', ['-C', folder, 'fast-import', '--quiet', '--force'], { input: history() });
  if (status !== 0) throw new Error(`git fast-import: ${stderr}`);
}

async function importOnce(repository, commits) {
  const server = await startServer('git');
  try {
    const run = async () => {
      const started = nowMs();
      const answer = await server.andon(['import', 'git', repository, '-o', 'json'], { limitMs: 600_000 });
      if (answer.code !== 0) throw new Error(`andon import git: exit ${answer.code} ${answer.stderr}`);
      return (nowMs() - started) / 1_000;
    };
    const first = await run();
    expectSame('commits stored', (await server.get('/api/v1/repositories')).items[0].commits, commits);
    return { first, again: await run() };
  } finally {
    await server.close();
  }
}

export async function git() {
  const folder = newFolder('bench-git');
  const repository = path.join(folder, 'basket');
  makeRepository(repository);
  const commits = Number(timed('git', ['-C', repository, 'rev-list', '--all', '--count']).stdout.toString());
  const logMs = Math.min(...await times(3, () => timed('git', ['-C', repository, ...LOG])));
  const reference = { what: '`git log` of the same fields', number: commits / (logMs / 1_000), unit: 'commits/s' };
  const imports = [];
  for (let index = 0; index < IMPORTS; index += 1) imports.push(await importOnce(repository, commits));
  removeFolder(folder);
  const best = (of) => Math.min(...imports.map(of));
  return [
    row(`import a history of ${commits} commits`, commits / best((each) => each.first), 'commits/s', { reference, note: 'the command line, the API and SQLite together; the number of commits agrees with git' }),
    row('import it again, with nothing new', commits / best((each) => each.again), 'commits/s', { reference }),
  ];
}
