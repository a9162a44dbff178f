// A git history of more than 10,000 commits, imported: the numbers are git's own.
import assert from 'node:assert/strict';
import { chmodSync, closeSync, cpSync, mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { seedOf } from './chance.mjs';
import { AUTHOR_NAMES, git, makeRepository } from './git-history.mjs';
import { Server, newFolder, removeFolder } from './server.mjs';

const COMMITS = Number(process.env.ANDON_COMMITS ?? 12_000);
const TAGS = 40;

const CATALOG = ['payments', 'broken', 'mended'].map((name) => `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ${name}}
spec: {type: service, lifecycle: production, owner: team}`).join('\n---');

describe('git import', () => {
  let [folder, repository, server] = [];
  const seed = seedOf();
  const sub = (name) => {
    const made = path.join(folder, name);
    mkdirSync(made);
    return made;
  };
  const number = async (args, where = repository) => Number(await git(where, args));
  const lines = async (args) => (await git(repository, args)).split('\n').filter(Boolean);
  const known = async (address) => (await server.get('/api/v1/repositories')).items.find((item) => item.repository === address);
  const changes = async (service) => (await server.get(`/api/v1/changes?service=component:default/${service}&limit=1000`)).items;

  before(async () => {
    folder = newFolder('git');
    repository = sub('payments.git');
    await makeRepository(repository, { seed, commits: COMMITS, tags: TAGS });
    server = await Server.start({ name: 'git-server' });
    await server.apply(`{apiVersion: backstage.io/v1alpha1, kind: Group, metadata: {name: team}, spec: {type: team, children: []}}\n---${CATALOG}`);
  });

  after(async () => {
    await server?.close();
    if (folder) removeFolder(folder);
  });

  test('counts commits, merges, authors and tags as git does', async (t) => {
    t.diagnostic(`seed ${seed}: ANDON_SEED=${seed} makes the same history again`);
    const started = performance.now();
    const [told] = await server.andonJson(['import', 'git', repository, '--service', 'payments']);
    const seconds = (performance.now() - started) / 1_000;
    t.diagnostic(`${told.commits} commits in ${seconds.toFixed(1)} s: ${Math.round(told.commits / seconds)} commits per second`);

    const commits = await number(['rev-list', '--all', '--count']);
    const merges = await number(['rev-list', '--all', '--merges', '--count']);
    const authors = (await lines(['shortlog', '-sn', '--all'])).length;
    const dates = (await lines(['log', '--all', '--format=%ct'])).map(Number);
    assert.ok(commits > 10_000 || COMMITS <= 10_000, `${commits} commits`);
    assert.ok(merges > commits / 100 && authors === AUTHOR_NAMES, `${merges} merges, ${authors} authors`);
    assert.equal((await lines(['shortlog', '-sne', '--all'])).length, AUTHOR_NAMES + 1, 'one person has two addresses');
    assert.equal((await lines(['tag'])).length, TAGS);
    const expected = {
      commits, merges, authors, firstAt: Math.min(...dates) * 1_000, lastAt: Math.max(...dates) * 1_000,
    };
    const seen = ({ commits, merges, authors, firstAt, lastAt }) => ({ commits, merges, authors, firstAt: Date.parse(firstAt), lastAt: Date.parse(lastAt) });
    assert.deepEqual(seen(told), expected);
    assert.deepEqual(seen(await known(repository)), expected);
    assert.deepEqual([told.newCommits, told.tags, told.deploys], [commits, TAGS, TAGS]);
  });

  test('counts the commits, authors and waits of each deploy as git does', async () => {
    const items = await changes('payments');
    assert.equal(items.length, TAGS);
    const tags = await lines(['for-each-ref', 'refs/tags', '--sort=creatordate', '--format=%(refname:short) %(creatordate:unix)']);
    let before;
    for (const [index, line] of tags.entries()) {
      const [tag, at] = line.split(' ');
      const { spec, status } = items.find((item) => item.spec.version === tag);
      assert.equal(spec.commit, await git(repository, ['rev-parse', `${tag}^{commit}`]));
      assert.equal(Date.parse(status.deployedAt), Number(at) * 1_000, tag);
      if (index > 0) {
        const range = `${before}..${tag}`;
        assert.equal(status.commitCount, await number(['rev-list', '--count', range]), range);
        assert.deepEqual([...status.authors].sort(), [...new Set(await lines(['log', '--format=%an', range]))].sort(), range);
        const first = Math.min(...(await lines(['log', '--format=%at', range])).map(Number)) * 1_000;
        assert.equal(Date.parse(status.firstCommitAt), first, range);
        assert.equal(status.timeToValueMs, Number(at) * 1_000 - first, range);
      }
      before = tag;
    }
  });

  test('adds nothing when it is repeated, and only what is new later', async () => {
    const events = async () => (await server.sql('select count(*) as n from events'))[0].n;
    const eventsBefore = await events();
    const [again] = await server.andonJson(['import', 'git', repository, '--service', 'payments']);
    assert.deepEqual([again.newCommits, again.deploys, (await changes('payments')).length], [0, 0, TAGS]);
    assert.equal(await events(), eventsBefore);

    // After the last tag, and before now, as the dates of a real release are.
    const lastAt = Math.max(...(await lines(['for-each-ref', 'refs/tags', '--format=%(creatordate:unix)'])).map(Number));
    const second = Math.max(lastAt, Math.max(...(await lines(['log', '--all', '--format=%ct'])).map(Number))) + 60;
    const env = Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'Sam Okafor'], [`GIT_${who}_EMAIL`, 'sam@acme.example'], [`GIT_${who}_DATE`, `${second} +0000`]]));
    const tree = await git(repository, ['rev-parse', 'main^{tree}']);
    let tip = 'main';
    for (let count = 0; count < 5; count += 1) tip = await git(repository, ['commit-tree', tree, '-p', tip, '-m', `Later ${count}`], { env });
    await git(repository, ['update-ref', 'refs/heads/main', tip]);
    await git(repository, ['tag', 'v-later', tip]);
    const last = (await lines(['for-each-ref', 'refs/tags', '--sort=-creatordate', '--format=%(refname:short)'])).find((tag) => tag !== 'v-later');
    const [later] = await server.andonJson(['import', 'git', repository, '--service', 'payments']);
    assert.deepEqual([later.newCommits, later.deploys], [5, 1]);
    const deployed = (await changes('payments')).find((item) => item.spec.version === 'v-later');
    assert.equal(deployed.status.commitCount, await number(['rev-list', '--count', `${last}..v-later`]));
    assert.equal((await known(repository)).commits, await number(['rev-list', '--all', '--count']));
  });

  /** Imports what is damaged, which must be refused whole. */
  async function refused(target, words) {
    const eventsBefore = (await server.sql('select count(*) as n from events'))[0].n;
    const { code, stdout, stderr } = await server.andon(['import', 'git', target, '--service', 'broken']);
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /error\[DEL-0005\]/);
    assert.match(stderr, words);
    assert.match(stderr, /hint: /);
    assert.equal(await known(target), undefined);
    assert.deepEqual(await changes('broken'), []);
    assert.equal((await server.sql('select count(*) as n from events'))[0].n, eventsBefore);
  }

  test('refuses a repository with an overwritten object whole, and says which git cannot read', async () => {
    const loose = sub('loose.git');
    await makeRepository(loose, { seed, commits: 60, tags: 3, isLoose: true });
    const sha = await git(loose, ['rev-parse', 'main~5']);
    const object = path.join(loose, 'objects', sha.slice(0, 2), sha.slice(2));
    chmodSync(object, 0o644);
    writeFileSync(object, 'this is no object any more');
    await refused(loose, new RegExp(`${sha}.*\\n.*hint: Run .*fsck`, 's'));
  });

  test('refuses a repository with damage in the middle of a pack whole', async () => {
    const damaged = path.join(folder, 'damaged.git');
    cpSync(repository, damaged, { recursive: true });
    const packs = path.join(damaged, 'objects', 'pack');
    const pack = path.join(packs, readdirSync(packs).find((name) => name.endsWith('.pack')));
    const sha = await git(damaged, ['rev-parse', 'v20^{commit}']);
    const listed = (await git(damaged, ['verify-pack', '-v', pack.replace(/pack$/, 'idx')])).split('\n');
    const [, , , size, offset] = listed.find((line) => line.startsWith(sha)).split(/\s+/);
    chmodSync(pack, 0o644);
    const file = openSync(pack, 'r+');
    // Behind the header of the object, so that its length still fits.
    writeSync(file, Buffer.alloc(Math.min(40, Number(size) - 10), 0xa5), 0, undefined, Number(offset) + 8);
    closeSync(file);
    await refused(damaged, /git says: /);
  });

  test('says what is no repository, and imports the good ones beside it', async () => {
    await refused(path.join(folder, 'nowhere'), /There is no folder/);
    await refused(sub('empty'), /is no git repository/);
    const good = sub('mended.git');
    await makeRepository(good, { seed: seed + 1, commits: 50, tags: 2 });
    const { code, stdout, stderr } = await server.andon(['-o', 'json', 'import', 'git', path.join(folder, 'nowhere'), good, '--service', 'mended']);
    assert.equal(code, 1, 'not everything was imported');
    assert.match(stderr, /There is no folder/);
    assert.equal(JSON.parse(stdout).length, 1);
    assert.equal((await known(good)).commits, await number(['rev-list', '--all', '--count'], good));
  });
});
