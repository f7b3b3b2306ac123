// `npm run bench:scenario`: the proof of shedding. A real Redis of 100 MB with noeviction, writers at full speed on four
// priorities, direct and proxied in one run; a verdict for each requirement; exit code 1 when one fails.
import { parseArgs } from 'node:util';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import type { ScenarioResults } from '../report/types.js';
import { drawFigures, drawVerdicts } from './report.js';
import { runScenario } from './run.js';
import { parseSizes } from './values.js';
import { judge } from './verdict.js';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string' },
    sizes: { type: 'string', default: 'mixed' },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const seconds = wholeNumber('seconds', options.seconds ?? (options.quick ? '4' : '8'));
const sizes = parseSizes(options.sizes);
const binary = await ensureServerBinary(console.error);

const results = [];
for (const size of sizes) {
  const title = size === 'mixed' ? 'values of 100 bytes to 8 KB' : `values of ${size} bytes`;
  const figures = await runScenario({
    binary,
    size,
    seconds,
    report: (line) => console.error(`${title}; ${line}`),
  });
  const verdicts = judge(figures);
  results.push({ title, size, verdicts, figures });
  if (!options.json) console.log(`${title}\n${drawFigures(figures)}\n${drawVerdicts(verdicts)}\n`);
}
if (options.json) console.log(JSON.stringify(results, null, 2));
if (options.save) {
  const verdicts = results.flatMap(({ title, verdicts: own }) =>
    own.map((verdict) => ({ sizes: title, ...verdict })),
  );
  const kept: ScenarioResults = { ...circumstances(1), verdicts };
  keepResults('scenario', kept);
}
const failed = results.flatMap(({ verdicts }) => verdicts).filter(({ pass }) => !pass);
console.error(failed.length === 0 ? 'All requirements hold.' : `${failed.length} requirements do not hold.`);
process.exitCode = failed.length === 0 ? 0 : 1;
