// The results as a page.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { section as telemetrySection } from './telemetry/rows.mjs';

const RESULTS = path.join(import.meta.dirname, 'results');
const TITLES = { ledger: 'Ledger', git: 'Git import', ingest: 'Taking in lines', search: 'Search over a million lines', telemetry: 'Log engine', 'telemetry-sizes': 'Log engine, a tenth and ten times', archive: 'Archive and restore', proofs: 'Zero loss, damage and fuzzing', browser: 'The explorer in a browser, ten million lines', start: 'Start', ui: 'First load of the UI', setup: 'Set-up and tests' };

const HEAD = `# Benchmarks

Generated from \`bench/results\` by \`node bench/run.mjs table\`; edit those, not this page.

    ANDON_BIN=<the binary> node bench/run.mjs              all of them
    ANDON_BIN=<the binary> node bench/run.mjs search start some of them

Node 20 and git are enough; the ledger wants PostgreSQL as well. A binary outside a folder named after its profile needs
\`ANDON_PROFILE\`; \`ANDON_BENCH_ALONE=yes\` says that nothing else ran on the machine. Ports and folders are temporary.

Each number stands beside a reference that the same machine reached in the same run, because numbers of different
machines, disks and neighbours cannot be compared; the ratio can, roughly. Speeds are the best of several rounds. Answers
are checked against what was sent: a fast wrong answer fails. **These are numbers of a development build unless the
profile says otherwise**: much of our own code is compiled without optimisation. How much a release build gains is not
measured yet.

The log engine has a bench of its own with gates and goals: [telemetry](telemetry/README.md).
`;

const number = (value) => (Math.abs(value) >= 1_000 ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : String(value));
const cell = (text) => String(text ?? '').replaceAll('|', '\\|');

function tableRow(each) {
  if (each.failed) return `| ${cell(each.what)} | failed | | | | ${cell(each.failed)} |`;
  if (each.number === null) return `| ${cell(each.what)} | not measured yet | ${cell(each.unit)} | | | ${cell(each.note)} |`;
  const { reference } = each;
  return `| ${cell(each.what)} | ${number(each.number)} | ${each.unit} | ${reference ? `${cell(reference.what)}: ${number(reference.number)} ${reference.unit}` : ''} | ${each.ratio ?? ''} | ${cell(each.note)} |`;
}

function section({ bench, date, profile, machine, rows }) {
  const memory = machine.memoryGiB ? `, ${machine.memoryGiB} GiB` : '';
  const load = machine.loadAverageAtEnd === undefined ? '' : `, load average ${machine.loadAverageAtEnd} at the end`;
  const about = `${date}; profile ${profile}; ${machine.cores} cores${memory}${machine.isShared ? `; **shared machine**: other work ran beside it${load}` : ''}.`;
  return `## ${TITLES[bench] ?? bench}\n\n${about}\n\n| what | number | unit | reference | ratio | note |\n|---|--:|---|---|--:|---|\n${rows.map(tableRow).join('\n')}\n`;
}

/** Writes the page from all results. */
export function writeTable() {
  const order = Object.keys(TITLES);
  const results = readdirSync(RESULTS).filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(RESULTS, name), 'utf8')))
    .filter(({ bench }) => TITLES[bench])
    .sort((a, b) => order.indexOf(a.bench) - order.indexOf(b.bench));
  writeFileSync(path.join(import.meta.dirname, 'README.md'), [HEAD, ...results.map((result) => (result.bench.startsWith('telemetry') ? telemetrySection(result, TITLES[result.bench]) : section(result)))].join('\n'));
}
