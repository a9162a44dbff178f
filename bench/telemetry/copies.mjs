// More data than the file has: the same lines on the days before, with other trace ids.
//
// A copy is the file with two changes in every line: the day of `timestamp` is earlier by the number of the copy,
// and the first byte of `trace_id` is another one. Words, users and values stay; sums are those of the file times
// the copies. It is written before it is sent, so that making it is not measured.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const START = Buffer.from('{"timestamp":"');
const TRACE = Buffer.from('"trace_id":"');
const LINE_FEED = 10;
const DATE_LENGTH = 10;
/** Copies must not meet: their first bytes differ by an odd number. */
const TRACE_STEP = 37;

/** Writes the first `share` of a file, in whole lines. */
export function writeShare(from, to, bytes) {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  const piece = Buffer.allocUnsafe(8 << 20);
  for (let left = bytes; left > 0;) {
    const length = readSync(source, piece, 0, Math.min(left, piece.length));
    if (length === 0) break;
    left -= length;
    const part = piece.subarray(0, length);
    writeSync(target, left > 0 ? part : part.subarray(0, part.lastIndexOf(LINE_FEED) + 1));
  }
  [source, target].forEach(closeSync);
}

function dayBefore(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) - days * 86_400_000).toISOString().slice(0, DATE_LENGTH);
}

/** Changes whole lines in place. */
function change(lines, copy, dates) {
  for (let at = 0; at < lines.length;) {
    if (!lines.subarray(at, at + START.length).equals(START)) throw new Error('a line does not begin with its timestamp: this data cannot be copied');
    const day = at + START.length;
    const date = lines.toString('latin1', day, day + DATE_LENGTH);
    if (!dates.has(date)) dates.set(date, dayBefore(date, copy));
    lines.write(dates.get(date), day, 'latin1');
    const trace = lines.indexOf(TRACE, day) + TRACE.length;
    const first = Number.parseInt(lines.toString('latin1', trace, trace + 2), 16);
    lines.write(((first + copy * TRACE_STEP) & 255).toString(16).padStart(2, '0'), trace, 'latin1');
    at = lines.indexOf(LINE_FEED, trace) + 1;
    if (at === 0) break;
  }
}

/** Writes copy number `copy`, counted from one. */
export function writeCopy(from, to, copy) {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  const piece = Buffer.allocUnsafe(8 << 20);
  const dates = new Map();
  let kept = 0;
  for (;;) {
    const length = readSync(source, piece, kept, piece.length - kept);
    if (length === 0) break;
    const end = piece.lastIndexOf(LINE_FEED, kept + length - 1) + 1;
    const lines = piece.subarray(0, end);
    change(lines, copy, dates);
    writeSync(target, lines);
    piece.copyWithin(0, end, kept + length);
    kept += length - end;
  }
  if (kept > 0) throw new Error('the last line has no end: this data cannot be copied');
  [source, target].forEach(closeSync);
}
