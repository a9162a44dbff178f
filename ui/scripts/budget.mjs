// Measures what a first visit loads: the page, its scripts and styles, and those of the home page, in gzip.
// Fails above the budgets of the project: 300 kB for the first load, 60 kB for what a further page adds.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const FIRST_LOAD_KB_MAX = 300
const PAGE_KB_MAX = 60
const dist = path.resolve(import.meta.dirname, '../dist')
const gz = (file) => gzipSync(readFileSync(path.join(dist, file)), { level: 9 }).length / 1_000
const manifest = JSON.parse(readFileSync(path.join(dist, '.vite/manifest.json'), 'utf8'))

/** A chunk with everything that it imports before it can run. */
function closure(key, seen = new Set()) {
  const chunk = manifest[key]
  if (!chunk || seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const css of chunk.css ?? []) seen.add(css)
  for (const next of chunk.imports ?? []) closure(next, seen)
  return seen
}

const sum = (files) => [...files].reduce((total, file) => total + gz(file), 0)
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
const shell = closure(entry)
const home = closure('src/features/home/HomePage.tsx', new Set(shell))
closure('src/charts/Plot.tsx', home)
const first = sum(home) + gz('index.html')
const pages = Object.keys(manifest)
  .filter((key) => /Page\.tsx$/.test(key))
  .map((key) => [path.basename(key, '.tsx'), sum([...closure(key)].filter((file) => !home.has(file)))])
  .sort((a, b) => b[1] - a[1])
const all = readdirSync(path.join(dist, 'assets')).reduce((total, name) => total + gz(`assets/${name}`), 0)

const kb = (n) => `${n.toFixed(1)} kB`
console.log(`shell ${kb(sum(shell))}, first load of the home page with its chart ${kb(first)} of ${FIRST_LOAD_KB_MAX} kB (gzip), ${home.size + 1} files; everything ${kb(all)}`)
for (const [name, size] of pages.slice(0, 8)) console.log(`  ${name} adds ${kb(size)}`)
const heavy = pages.filter(([, size]) => size > PAGE_KB_MAX)
if (first > FIRST_LOAD_KB_MAX || heavy.length > 0) {
  console.error(`over budget: ${first > FIRST_LOAD_KB_MAX ? 'first load ' : ''}${heavy.map(([name]) => name).join(' ')}`)
  process.exit(1)
}
