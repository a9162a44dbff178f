// One child process that is kept alive: started, watched, restarted after a crash, stopped in time.
import { fork } from 'node:child_process';
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { writeWhole } from './files.mjs';

const STOP_DEADLINE_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const STEADY_AFTER_MS = 30_000;
const LOG_LIMIT_BYTES = 5 * 1024 * 1024;

export class KeptProcess {
  /** `describe()` says what to run at each start, so that a restart picks up the current release. */
  constructor({ name, describe, logFile, pidFile, say }) {
    Object.assign(this, { name, describe, logFile, pidFile, say });
    this.child = null;
    this.wanted = false;
    this.restarts = 0;
    this.pauseMs = FIRST_PAUSE_MS;
    mkdirSync(path.dirname(logFile), { recursive: true });
  }

  get pid() {
    return this.child?.pid ?? null;
  }

  start() {
    this.wanted = true;
    if (this.child) return;
    const { file, cwd, env } = this.describe();
    const child = fork(file, [], { cwd, env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.child = child;
    this.startedAt = Date.now();
    if (child.pid) writeWhole(this.pidFile, `${child.pid}\n`);
    this.#keepOutput(child);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => { this.#ended(child, signal ?? `code ${code}`); resolve(); });
      child.once('error', (error) => { this.#ended(child, error.message); resolve(); });
    });
  }

  #ended(child, how) {
    if (this.child !== child) return;
    this.child = null;
    rmSync(this.pidFile, { force: true });
    if (!this.wanted) return;
    if (Date.now() - this.startedAt > STEADY_AFTER_MS) this.pauseMs = FIRST_PAUSE_MS;
    this.restarts += 1;
    this.say(`${this.name} ended (${how}); it starts again in ${this.pauseMs} ms`);
    this.timer = setTimeout(() => this.wanted && this.start(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Stops the child politely, and by force when it does not listen. */
  async stop() {
    this.wanted = false;
    clearTimeout(this.timer);
    const { child } = this;
    if (!child) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.exited;
    clearTimeout(force);
  }

  async restart() {
    await this.stop();
    this.pauseMs = FIRST_PAUSE_MS;
    this.start();
  }

  // A shop that runs for weeks must not fill the disk: one old file is kept beside the current one.
  #keepOutput(child) {
    let written = size(this.logFile);
    let sink = createWriteStream(this.logFile, { flags: 'a' });
    const write = (chunk) => {
      if (written > LOG_LIMIT_BYTES) {
        sink.end();
        renameSync(this.logFile, `${this.logFile}.1`);
        sink = createWriteStream(this.logFile, { flags: 'a' });
        written = 0;
      }
      written += chunk.length;
      sink.write(chunk);
    };
    child.stdout.on('data', write);
    child.stderr.on('data', write);
    child.once('close', () => sink.end());
  }
}

function size(file) {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
