// Makes a large git history from a seed, by way of `git fast-import`: several authors, branches, merges of
// two and three parents, tags of both sorts, also on branches, and dates that a rebase has moved.
import assert from 'node:assert/strict';
import { Chance } from './chance.mjs';
import { run } from './server.mjs';

// One person has two addresses, as people do who also work from home.
const AUTHORS = [
  'Maya Lindqvist <maya@acme.example>', 'Maya Lindqvist <maya@home.example>', 'Sam Okafor <sam@acme.example>',
  'Kim Tanaka <kim@acme.example>', 'Alex Moreau <alex@acme.example>', 'Ünïcødé «名前» <u@acme.example>',
  "Rio O'Santos <rio@acme.example>", 'Lee Nakamura <lee@acme.example>', 'bot[bot] <bot@acme.example>',
];
/** How many different names these are: what `git shortlog -sn` counts. */
export const AUTHOR_NAMES = AUTHORS.length - 1;
const START_S = 1_500_000_000;

const data = (text) => `data ${Buffer.byteLength(text)}\n${text}\n`;

class Writer {
  #out = [];
  #marks = 0;
  #second = START_S;

  constructor(seed) {
    this.chance = new Chance(seed);
  }

  get commits() {
    return this.#marks;
  }

  commit(branch, parents, subject) {
    this.#second += this.chance.between(60, 20_000);
    const author = this.chance.pick(AUTHORS);
    // Written before it was committed, in some time zone.
    const written = this.#second - this.chance.between(0, 500_000);
    this.#marks += 1;
    const [first, ...others] = parents;
    this.#out.push(
      `commit refs/heads/${branch}\nmark :${this.#marks}\nauthor ${author} ${written} +0530\ncommitter ${this.chance.pick(AUTHORS)} ${this.#second} -0800\n`,
      data(`${subject} ${this.#marks}\n\nWith a body, and a line that\ncommit 0000 could be taken for another.`),
      first ? `from :${first}\n` : '',
      ...others.map((parent) => `merge :${parent}\n`),
      `M 100644 inline file-${this.#marks % 50}\n${data(`content ${this.#marks}`)}`,
    );
    return this.#marks;
  }

  tag(name, commit, isAnnotated) {
    this.#second += 60;
    if (isAnnotated) this.#out.push(`tag ${name}\nfrom :${commit}\ntagger ${this.chance.pick(AUTHORS)} ${this.#second} +0000\n${data(`Release ${name}`)}`);
    else this.#out.push(`reset refs/tags/${name}\nfrom :${commit}\n\n`);
  }

  text() {
    return this.#out.join('');
  }
}

/** Writes a history with at least so many commits and exactly so many tags. */
function history(seed, commits, tags) {
  const writer = new Writer(seed);
  const { chance } = writer;
  let main = writer.commit('main', [], 'Start');
  for (let number = 1; writer.commits < commits || number <= tags; number += 1) {
    const due = Math.ceil((commits * number) / (tags + 1));
    while (writer.commits < due) main = grow(writer, main);
    if (number > tags) continue;
    // Some releases are mended on a branch of their own, which is never merged.
    const isMended = chance.next() < 0.15;
    const tagged = isMended ? writer.commit(`release-${number}`, [main], 'Mend the release') : main;
    writer.tag(`v${number}`, tagged, chance.next() < 0.5);
  }
  return writer.text();
}

/** Adds a commit, or one or two branches and their merge, to the main line. */
function grow(writer, main) {
  const { chance } = writer;
  if (chance.next() < 0.7) return writer.commit('main', [main], 'Work on');
  const tips = Array.from({ length: chance.next() < 0.2 ? 2 : 1 }, () => {
    const branch = `feature-${writer.commits}`;
    let tip = main;
    for (let left = chance.between(1, 6); left > 0; left -= 1) tip = writer.commit(branch, [tip], 'Build a part');
    return tip;
  });
  // Some work is given up.
  if (chance.next() < 0.1) return writer.commit('main', [main], 'Go another way');
  return writer.commit('main', [main, ...tips], 'Merge');
}

/** A git that no setting of this machine reaches. */
export async function git(folder, args, options = {}) {
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C.UTF-8', ...options.env };
  const { code, stdout, stderr } = await run('git', ['-C', folder, ...args], { ...options, env });
  assert.equal(code, 0, `git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** Makes a bare repository with a history; its objects are files of their own if `isLoose`. */
export async function makeRepository(folder, { seed, commits, tags, isLoose = false }) {
  await git(folder, ['init', '--quiet', '--bare', '--initial-branch=main']);
  const settings = isLoose ? ['-c', 'fastimport.unpackLimit=1000000'] : ['-c', 'fastimport.unpackLimit=0'];
  await git(folder, [...settings, 'fast-import', '--quiet', '--done'], { input: `${history(seed, commits, tags)}done\n` });
}
