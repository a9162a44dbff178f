#!/usr/bin/env node
// Zero loss as a measurement: senders number their lines, the server is killed again and again, its disk runs full,
// and in the end nothing that was acknowledged is missing, and nothing is there twice unless its sender had to send
// it again.
//
//   ANDON_BIN=<binary> node bench/telemetry/loss.mjs [--kills 100] [--full-disk 3] [--senders 4] [--seed N] [--port N]
//
// The full disk needs a small file system, which only root may mount; without it the run says so and goes on.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Chance, seedOf } from '../../tests/acceptance/chance.mjs';
import { Server, freePort, newFolder, until } from '../../tests/acceptance/server.mjs';
import { pause } from '../measure.mjs';
import { glance, judge } from './loss-verdict.mjs';
import { startSenders } from './loss-senders.mjs';
import { family } from './processes.mjs';
import { SmallDisk } from './small-disk.mjs';

const DISK_MB = 1_024;
const SHORTEST_LIFE_MS = 100;
const LONGEST_LIFE_MS = 1_500;
const LONGEST_START_MS = 300;
const KILL_IN_START_SHARE = 0.2;
const CLEAN_END_SHARE = 0.15;
const FULL_MS = 2_000;
/** How long the telemetry process may take to come back by itself. */
const COME_BACK_MS = 60_000;

class Run {
  senders = undefined;
  told = { kills: 0, workerKills: 0, startKills: 0, cleanEnds: 0, fullDisks: 0, slowestStartMs: 0 };
  wrong = [];

  constructor({ kills, fullDisk, senders, seed, disk, port, log }) {
    Object.assign(this, { kills, fullDisk, count: senders, seed, disk, port, log });
    this.chance = new Chance(seed);
  }

  async #server() {
    const folder = this.disk ? path.join(this.disk.folder, 'server') : newFolder('loss');
    mkdirSync(folder, { recursive: true });
    this.server = new Server(folder, this.port ?? await freePort(), [], { ANDON_LOG: 'warn' });
    // The log of the server is not what the disk is filled with.
    this.server.logFile = `${newFolder('loss-log')}/server.log`;
    this.server.spawn();
    await this.server.ready();
  }

  async #restart() {
    const started = performance.now();
    await this.server.restart();
    this.told.slowestStartMs = Math.max(this.told.slowestStartMs, Math.round(performance.now() - started));
  }

  /** Kills the telemetry process alone: it has to come back by itself, and the server lives on meanwhile. */
  async #killWorker(workers) {
    process.kill(this.chance.pick(workers), 'SIGKILL');
    this.told.workerKills += 1;
    this.told.kills += 1;
    await this.#acknowledgesAgain('after its telemetry process was killed');
  }

  async #killServer(workers, isAll) {
    await this.server.kill();
    if (isAll) for (const pid of workers) try { process.kill(pid, 'SIGKILL'); } catch { /* it went with the server */ }
    this.told.kills += 1;
    while (this.chance.next() < KILL_IN_START_SHARE && this.told.kills < this.kills) {
      this.server.spawn();
      await pause(this.chance.between(1, LONGEST_START_MS));
      await this.server.kill();
      this.told.kills += 1;
      this.told.startKills += 1;
    }
    await this.#restart();
  }

  async #acknowledgesAgain(when) {
    const since = Date.now();
    await until(`lines are taken ${when}`, () => this.senders.every((sender) => sender.lastAcknowledgedAt > since), COME_BACK_MS);
  }

  async #liveAndDie() {
    await pause(this.chance.between(SHORTEST_LIFE_MS, LONGEST_LIFE_MS));
    const workers = family(this.server.pid).filter((pid) => pid !== this.server.pid && isAndon(pid));
    const choice = this.chance.next();
    if (workers.length > 0 && choice < 0.4) await this.#killWorker(workers);
    else await this.#killServer(workers, choice < 0.7);
    this.wrong.push(...await glance(this.server, this.senders));
    if (this.chance.next() >= CLEAN_END_SHARE) return;
    const how = await this.server.stop();
    if (how.code !== 0) this.wrong.push(`a clean end gave ${JSON.stringify(how)}`);
    this.told.cleanEnds += 1;
    await this.#restart();
  }

  /** Fills the disk under full load, looks, kills in the middle of it, and gives the room back. */
  async #fillDisk() {
    this.disk.fill();
    const until_ = Date.now() + FULL_MS;
    while (Date.now() < until_) {
      // What is freed by others' flushes is taken, too.
      this.disk.fill();
      this.wrong.push(...await glance(this.server, this.senders));
      const { status } = await this.server.call('GET', '/readyz', undefined, { token: null });
      if (status !== 200) this.wrong.push(`/readyz says ${status} while the disk is full`);
      await pause(200);
    }
    if (this.chance.next() < 0.7) {
      await this.server.kill();
      this.told.kills += 1;
      this.disk.fill();
      await this.#restart();
      this.wrong.push(...await glance(this.server, this.senders));
    }
    this.disk.relieve();
    this.told.fullDisks += 1;
    await this.#acknowledgesAgain('once the disk has room again');
  }

  async all() {
    await this.#server();
    try {
      this.senders = await startSenders(this.server, this.count, this.seed);
      const failed = Promise.all(this.senders.map((sender) => sender.running));
      await Promise.race([failed, this.#episodes()]);
      await Promise.all(this.senders.map((sender) => sender.end()));
      return await this.#verdict();
    } catch (error) {
      throw new Error(`seed ${this.seed}: ${error.message}\n${this.server.log().slice(-3_000)}`, { cause: error });
    } finally {
      this.senders?.forEach((sender) => sender.abort());
      await this.server.close();
    }
  }

  async #episodes() {
    const episodes = this.disk ? this.fullDisk : 0;
    let done = 0;
    while (this.told.kills < this.kills || done < episodes) {
      const isDue = done < episodes && this.told.kills >= ((done + 0.5) * this.kills) / episodes;
      if (isDue) {
        await this.#fillDisk();
        done += 1;
        this.log(`full disk ${done} of ${episodes}`);
      } else {
        await this.#liveAndDie();
      }
      if (this.told.kills % 10 === 0) this.log(`${this.told.kills} of ${this.kills} kills, ${this.senders.reduce((sum, each) => sum + each.acknowledged, 0)} lines acknowledged`);
    }
  }

  async #verdict() {
    const living = await judge(this.server, this.senders);
    await this.server.stop();
    await this.#restart();
    // The clean end has moved what was in memory into files: the same lines, once.
    const stored = await judge(this.server, this.senders);
    const again = stored.wrong.map((text) => `after a clean end: ${text}`);
    const inDoubt = this.senders.reduce((sum, sender) => sum + sender.inDoubt.length, 0);
    const pushedBack = this.senders.reduce((sum, sender) => sum + sender.pushedBack, 0);
    return { seed: this.seed, disk: this.disk?.kind ?? 'none', ...this.told, ...living, bodiesInDoubt: inDoubt, pushedBack, wrong: [...new Set([...this.wrong, ...living.wrong, ...again])] };
  }
}

function isAndon(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('andon');
  } catch {
    return false;
  }
}

/** Runs the proof and gives what was found; `wrong` is empty when it holds. */
export async function proveNoLoss({ kills, fullDisk, senders = 4, seed = seedOf(), port, log = () => {} }) {
  const disk = fullDisk > 0 ? SmallDisk.mount(DISK_MB) : undefined;
  if (fullDisk > 0 && !disk) log(`NOT RUN: ${fullDisk} full-disk episodes: no small file system can be mounted here; run it as root`);
  try {
    return await new Run({ kills, fullDisk, senders, seed, disk, port, log }).all();
  } finally {
    disk?.unmount();
  }
}

async function main() {
  const number = (fallback) => ({ type: 'string', default: String(fallback) });
  const { values } = parseArgs({ options: { kills: number(100), 'full-disk': number(3), senders: number(4), seed: { type: 'string' }, port: { type: 'string' } } });
  const found = await proveNoLoss({
    kills: Number(values.kills), fullDisk: Number(values['full-disk']), senders: Number(values.senders),
    ...(values.seed ? { seed: Number(values.seed) } : {}), port: values.port ? Number(values.port) : undefined, log: (text) => console.log(text),
  });
  const { senders, wrong, ...sum } = found;
  for (const sender of senders) console.log(`  ${sender.sender}: ${sender.acknowledged} acknowledged, ${sender.lines} there, ${sender.missing} missing, ${sender.duplicates} twice after a retry`);
  console.log(JSON.stringify(sum));
  for (const text of wrong) console.error(`WRONG: ${text}`);
  process.exit(wrong.length === 0 ? 0 : 1);
}

if (process.argv[1] === import.meta.filename) await main();
