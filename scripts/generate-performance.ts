// Writes docs/PERFORMANCE.md and the plots in docs/performance from the figures that the benchmarks leave in
// bench/results, and docs/performance/notes.md if there is one; with --check writes nothing and exits 1 when a file
// differs. Plots whose figures are gone are removed. Never measures, and never fills in a figure that is not there.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { performanceDocument } from './performance/document.js';
import { plots } from './performance/plots.js';
import { readResults } from './performance/results.js';

const ROOT = new URL('../', import.meta.url);
const PLOTS = new URL('docs/performance/', ROOT);
const NOTES = new URL('notes.md', PLOTS);

const results = readResults(new URL('bench/results/', ROOT));
const figures = plots(results);
const notes = existsSync(NOTES) ? readFileSync(NOTES, 'utf8') : undefined;
const wanted = new Map([
  ['PERFORMANCE.md', performanceDocument(results, figures, notes)],
  ...figures.map(({ file, svg }) => [`performance/${file}`, svg] as const),
]);
const stale = (existsSync(PLOTS) ? readdirSync(PLOTS) : [])
  .filter((name) => name.endsWith('.svg'))
  .map((name) => `performance/${name}`)
  .filter((name) => !wanted.has(name));
const addressOf = (name: string): URL => new URL(`docs/${name}`, ROOT);

if (!process.argv.includes('--check')) {
  if (figures.length > 0) mkdirSync(PLOTS, { recursive: true });
  for (const [name, text] of wanted) writeFileSync(addressOf(name), text);
  for (const name of stale) rmSync(addressOf(name));
} else {
  const differing = [...wanted]
    .filter(([name, text]) => !existsSync(addressOf(name)) || readFileSync(addressOf(name), 'utf8') !== text)
    .map(([name]) => name);
  for (const name of [...differing, ...stale]) {
    console.error(`docs/${name} is not up to date; run: npx tsx scripts/generate-performance.ts`);
    process.exitCode = 1;
  }
}
