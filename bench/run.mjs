#!/usr/bin/env node
// Measures the binary in $ANDON_BIN and keeps the results in bench/results; bench/README.md shows them.
//
//   ANDON_BIN=<binary> node bench/run.mjs [ledger] [git] [ingest] [search] [start] [ui] [table]
import { git } from './git.mjs';
import { ingest } from './ingest.mjs';
import { ledger } from './ledger.mjs';
import { keep } from './measure.mjs';
import { search } from './search.mjs';
import { start } from './start.mjs';
import { writeTable } from './table.mjs';
import { ui } from './ui.mjs';

const BENCHES = { ui, start, ledger, git, ingest, search };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => name !== 'table' && !BENCHES[name]);
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}, and table`);
  process.exit(2);
}
let failed = 0;
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(name);
  try {
    keep(name, await bench());
  } catch (error) {
    failed += 1;
    console.error(`${name} failed: ${error.stack}`);
  }
}
writeTable();
process.exit(failed === 0 ? 0 : 1);
