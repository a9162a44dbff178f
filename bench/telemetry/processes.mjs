// What all processes of a server use together: it may have a worker process of its own for telemetry.
import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;
/** How often numbers are read: what a process does in its last moments is missed by at most so much. */
const SAMPLE_MS = 50;

/** Reads the parent and the processor seconds of a process; nothing when it is gone. */
function readStat(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

function readMemory(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kilobytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    return { peak: kilobytes('VmHWM') * 1_024, anonymous: kilobytes('RssAnon') * 1_024 };
  } catch {
    return undefined;
  }
}

/** Lists a process and all that descend from it. */
export function family(root) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = pid > 0 ? readStat(pid) : undefined;
    if (stat) parents.set(pid, stat.parent);
  }
  const found = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (found.has(pid) || !found.has(parent)) continue;
      found.add(pid);
      grown = true;
    }
  }
  return [...found].filter((pid) => pid === root || parents.has(pid));
}

/** Processor seconds that the whole machine has been busy, for all its work. */
export function machineBusySeconds() {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/).slice(1).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Watches a server's processes until it is told to end; also what has ended meanwhile counts. */
export class Watch {
  #seen = new Map();
  #timer;
  #families = 0;
  #pids = [];
  /** The most anonymous memory that they had together. */
  anonymousPeakBytes = 0;

  constructor(root) {
    this.root = root;
    this.sample();
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
  }

  sample() {
    // Finding new processes costs more than reading known ones.
    if (this.#families % 10 === 0) this.#pids = family(this.root);
    this.#families += 1;
    let anonymous = 0;
    for (const pid of this.#pids) {
      const [stat, memory] = [readStat(pid), readMemory(pid)];
      if (!stat || !memory?.peak) continue;
      anonymous += memory.anonymous;
      this.#seen.set(pid, { cpu: stat.cpu, peak: memory.peak });
    }
    this.anonymousPeakBytes = Math.max(this.anonymousPeakBytes, anonymous);
  }

  end() {
    clearInterval(this.#timer);
  }

  #sum(of) {
    return [...this.#seen.values()].reduce((sum, each) => sum + of(each), 0);
  }

  /** How many processes there were. */
  get processes() {
    return this.#seen.size;
  }

  /** Processor seconds of all of them since each began. */
  get cpuSeconds() {
    return this.#sum((each) => each.cpu);
  }

  /** The sum of the most that each of them had (VmHWM); pages that they share count for each. */
  get peakBytes() {
    return this.#sum((each) => each.peak);
  }
}
