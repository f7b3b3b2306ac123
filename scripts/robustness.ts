// `npm run robustness [-- fuzz links …]`: the full runs behind docs/RELIABILITY.md, one after the other. About an hour.
// Each is a program of its own that prints its summary, keeps its figures and exits 1 when a promise is broken.
import { spawnSync } from 'node:child_process';

const RUNS: Readonly<Record<string, readonly string[]>> = {
  random: ['test/conformance/random-full.ts', '--minutes', '10'],
  fuzz: ['test/robustness/fuzz-full.ts'],
  links: ['test/robustness/links-full.ts'],
  servers: ['test/robustness/servers-full.ts'],
  rights: ['test/robustness/rights-full.ts'],
  bounds: ['test/robustness/bounds-full.ts'],
  soak: ['test/robustness/soak.ts', '--minutes', '20'],
};

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNS);
const unknown = chosen.filter((name) => !Object.hasOwn(RUNS, name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are ${Object.keys(RUNS).join(', ')}`);
  process.exit(64);
}
const broken = chosen.filter((name) => {
  console.log(`\n${name}: npx tsx ${RUNS[name].join(' ')}`);
  return spawnSync('npx', ['tsx', ...RUNS[name]], { stdio: 'inherit' }).status !== 0;
});
console.log(broken.length === 0 ? '\nevery promise held' : `\nbroken: ${broken.join(', ')}`);
process.exitCode = broken.length === 0 ? 0 : 1;
