// Results as rows with a gate and a goal, and their page.
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { andonBinary } from '../../tests/acceptance/server.mjs';
import { machine, profile } from '../measure.mjs';

const RESULTS = path.join(import.meta.dirname, '../results');
const PEERS = ['VictoriaLogs 1.43.1', 'ClickHouse 26.9 in process', 'DuckDB 2.0 on Parquet', 'CLP-S'];

const rounded = (number) => (Math.abs(number) >= 100 ? Math.round(number) : Number(number.toPrecision(3)));

/** Says how a number stands to what was asked; both are the most that it may be. */
export function verdict(number, gate, goal) {
  if (gate === undefined) return '';
  if (number <= goal) return 'goal met';
  return number <= gate ? 'gate met' : 'MISSED';
}

export function row(what, number, unit, { gate, goal, peers, note, first, ways } = {}) {
  const result = { what, number: rounded(number), unit };
  if (first !== undefined) result.first = rounded(first);
  if (gate !== undefined) Object.assign(result, { gate, goal, verdict: verdict(number, gate, goal) });
  if (peers) result.peers = peers;
  if (ways) result.ways = ways;
  if (note) result.note = note;
  const asked = gate === undefined ? '' : ` (gate ${gate}, goal ${goal}: ${result.verdict})`;
  console.log(`  ${what}: ${result.number} ${unit}${asked}${note ? `; ${note}` : ''}`);
  return result;
}

export function failedRow(what, failed, more = {}) {
  console.error(`  FAILED ${what}: ${failed}`);
  return { what, failed, ...more };
}

/** Makes the row of a question from how its ways did; the first way that the server has counts. */
export function questionRow(question, ways, { judged }) {
  const { what, gate, goal, peers } = question;
  const present = Object.entries(ways).filter(([, way]) => !way.isAbsent);
  const asked = judged ? { gate, goal, peers } : {};
  const wrong = present.find(([, way]) => way.failed);
  const told = Object.fromEntries(present.filter(([, way]) => !way.failed).map(([name, way]) => [name, rounded(way.median)]));
  if (wrong) return failedRow(what, `${wrong[0]}: ${wrong[1].failed}`, { ways: told });
  const [name, way] = present[0];
  const others = present.slice(1).map(([other, { median }]) => `${other} ${rounded(median)}`);
  const absent = Object.keys(ways).filter((each) => ways[each].isAbsent);
  const note = [`by ${name}`, `p95 ${rounded(way.p95)} of ${way.runs}`, ...others, ...absent.map((each) => `${each}: not there`)].join(', ');
  return row(what, way.median, 'ms', { ...asked, first: way.first, ways: told, note });
}

const versionOf = (command, args) => execFileSync(command, args, { encoding: 'utf8' }).trim();

function versions() {
  const found = { andon: versionOf(andonBinary(), ['--version']), 'andon MB': Math.round(statSync(andonBinary()).size / 1e6), node: process.version, kernel: os.release() };
  try {
    found.commit = versionOf('git', ['-C', import.meta.dirname, 'rev-parse', '--short', 'HEAD']);
  } catch {
    found.commit = 'unknown';
  }
  return found;
}

const cell = (text) => String(text ?? '').replaceAll('|', '\\|');
const number = (value) => (value === null || value === undefined ? '' : Math.abs(value) >= 1_000 ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : String(value));

function line(each, withPeers) {
  const peers = withPeers ? `${(each.peers ?? ['', '', '', '']).map((peer) => ` ${peer === null ? '-' : number(peer)} |`).join('')}` : '';
  if (each.failed) return `| ${cell(each.what)} | failed | | |${peers} | | | ${cell(each.failed)} |`;
  return `| ${cell(each.what)} | ${number(each.number)} | ${each.unit} | ${number(each.first)} |${peers} ${number(each.gate)} | ${number(each.goal)} | ${each.verdict ?? ''} | ${cell(each.note)} |`;
}

/** Writes one result as a section of a page. */
export function section(result, title = 'Log engine') {
  const { date, profile: built, machine: { cores, memoryGiB, isShared, loadAverageAtEnd, processor }, data, versions: used, rows } = result;
  const withPeers = rows.some((each) => each.peers);
  const head = withPeers ? PEERS.map((name) => ` ${name} |`).join('') : '';
  const shared = isShared ? `; **shared machine**: other work ran beside it, load average ${loadAverageAtEnd} at the end` : '';
  return `## ${title}

${date}; profile ${built}; ${cores} cores${processor ? ` (${processor})` : ''}, ${memoryGiB} GiB${shared}. Data: ${data}. ${Object.entries(used).map(([name, version]) => `${name} ${version}`).join('; ')}.
Peers were measured on a machine of the same kind at another time. Every answer is compared with a brute-force pass over the data.

| what | number | unit | first | ${head.trimStart()} gate | goal | | note |
|---|--:|---|--:|${withPeers ? '--:|'.repeat(PEERS.length) : ''}--:|--:|---|---|
${rows.map((each) => line(each, withPeers)).join('\n')}
`;
}

/** Keeps the rows as JSON and as a page. */
export function keep(name, data, rows) {
  mkdirSync(RESULTS, { recursive: true });
  const described = { ...machine(), processor: os.cpus()[0]?.model };
  const result = { bench: name, date: new Date().toISOString().slice(0, 10), profile: profile(), machine: described, versions: versions(), data, rows };
  writeFileSync(path.join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(path.join(RESULTS, `${name}.md`), section(result));
}
