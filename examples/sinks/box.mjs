// The messages that came in: a file of JSON lines that outlives the process, the newest kept in memory.
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';

const MOST_IN_MEMORY = 1000;

export class Box {
  constructor(dir) {
    mkdirSync(dir, { recursive: true });
    this.file = path.join(dir, 'messages.jsonl');
    this.messages = read(this.file);
    this.next = (this.messages.at(-1)?.id ?? 0) + 1;
    this.messages = this.messages.slice(-MOST_IN_MEMORY);
    this.descriptor = openSync(this.file, 'a');
  }

  /** Stores a message before it is answered for; returns it with its number and time. */
  add(message) {
    const stored = { id: this.next, received_at: new Date().toISOString(), ...message };
    writeSync(this.descriptor, `${JSON.stringify(stored)}\n`);
    fdatasyncSync(this.descriptor);
    this.next += 1;
    this.messages.push(stored);
    if (this.messages.length > MOST_IN_MEMORY) this.messages.shift();
    return stored;
  }

  /** Newest first; `after` is the highest number that the caller knows. */
  list({ after = 0, kind = null, to = null }) {
    return this.messages
      .filter((message) => message.id > after)
      .filter((message) => !kind || message.kind === kind)
      .filter((message) => !to || message.to?.some((address) => address.toLowerCase() === to.toLowerCase()))
      .reverse();
  }

  close() {
    closeSync(this.descriptor);
  }
}

// A line that was cut off by a crash is passed over; every whole line is read.
function read(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line ? [JSON.parse(line)] : [];
    } catch {
      return [];
    }
  });
}
