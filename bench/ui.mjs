// What a first visit of the UI loads, as the server sends it.
import http from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { row, startServer, timed } from './measure.mjs';

const BUDGET_KB = 300;
const BUDGET_SCRIPT = path.resolve(import.meta.dirname, '../ui/scripts/budget.mjs');

const read = (plain) => ({ text: plain.toString(), zipped: gzipSync(plain, { level: 9 }).length });

function load(server, target) {
  return new Promise((resolve, reject) => {
    const headers = { 'accept-encoding': 'gzip', accept: 'text/html,*/*', authorization: `Bearer ${server.token}` };
    http.get(server.url + target, { headers }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.once('end', () => {
        const sent = Buffer.concat(pieces);
        const encoding = answer.headers['content-encoding'];
        if (answer.statusCode !== 200) reject(new Error(`GET ${target}: ${answer.statusCode}`));
        else resolve({ sent: sent.length, encoding, ...read(encoding === 'gzip' ? gunzipSync(sent) : sent) });
      });
    }).once('error', reject);
  });
}

/** What the build says: the home page with its chart, which the page itself asks for later. */
function budgetRow() {
  if (!existsSync(path.resolve(BUDGET_SCRIPT, '../../dist/.vite/manifest.json'))) return [];
  const said = timed(process.execPath, [BUDGET_SCRIPT], { codes: [0, 1] }).stdout.toString();
  const found = /first load of the home page with its chart ([\d.]+) kB/.exec(said);
  if (!found) throw new Error(`the budget script says nothing of a first load: ${said}`);
  return [row('first load of the home page with its chart, by the build', Number(found[1]), 'kB gzip', { reference: { what: 'budget', number: BUDGET_KB, unit: 'kB' } })];
}

export async function ui() {
  const server = await startServer('ui');
  try {
    const page = await load(server, '/');
    const assets = [...new Set([...page.text.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css|svg))"/g)].map((match) => match[1]))];
    if (assets.length === 0) throw new Error('the page loads nothing: was the binary built without the UI?');
    const loaded = await Promise.all(assets.map((asset) => load(server, asset)));
    const sent = loaded.reduce((sum, each) => sum + each.sent, page.sent);
    const zipped = loaded.reduce((sum, each) => sum + each.zipped, page.zipped);
    const plain = loaded.filter((each) => !each.encoding).length;
    return [
      row('what the first page names, as the server sends it', sent / 1_000, 'kB', { reference: { what: 'budget', number: BUDGET_KB, unit: 'kB' }, note: `${assets.length + 1} files, ${plain} of them not compressed` }),
      row('the same in gzip', zipped / 1_000, 'kB gzip', { reference: { what: 'budget', number: BUDGET_KB, unit: 'kB' } }),
      ...budgetRow(),
    ];
  } finally {
    await server.close();
  }
}
