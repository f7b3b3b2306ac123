// `npm run bench [-- throughput micro …]`: the benchmarks one after the other, each a program of its own that keeps its
// figures in bench/results, and then docs/PERFORMANCE.md made of them. With --quick in sizes whose figures say nothing
// but that everything runs: nothing is kept, unless --into names a folder. Exit code 1 when one fails; the others run
// all the same.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choose } from './report/parts.js';

const PARTS = ['throughput', 'latency', 'costs', 'http', 'micro', 'scenario'] as const;
const DOCUMENT = new URL('../scripts/generate-performance.ts', import.meta.url);

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, into: { type: 'string' } },
});
const { quick, into } = options;
const parts = choose('benchmark', positionals, PARTS);
const args = [...(quick ? ['--quick'] : []), ...(quick && into === undefined ? [] : ['--save'])];
const env = into === undefined ? process.env : { ...process.env, SPILLWAY_RESULTS: path.resolve(into) };

const failed: string[] = [];
for (const part of parts) {
  console.error(`\n${part}: npm run bench:${part} -- ${args.join(' ')}`);
  const start = performance.now();
  if (!run(new URL(`${part}/main.ts`, import.meta.url), args)) failed.push(part);
  console.error(`${part} took ${Math.round((performance.now() - start) / 1000)} s`);
}
if (!quick && into === undefined && !run(DOCUMENT, [])) failed.push('docs/PERFORMANCE.md');
console.error(failed.length === 0 ? '\nevery benchmark ran' : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(program: URL, programArgs: readonly string[]): boolean {
  const command = [...process.execArgv, fileURLToPath(program), ...programArgs];
  return spawnSync(process.execPath, command, { stdio: 'inherit', env }).status === 0;
}
