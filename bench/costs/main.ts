// `npm run bench:costs`: what rules, statistics, connections and large values cost, one thing varied at a time.
// `-- rules idle …` runs these parts only; with --save, what is kept of the others stays.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults, keptResults } from '../report/keep.js';
import type { Circumstances, CostsResults } from '../report/types.js';
import { measureConnections } from './connections.js';
import { measureCrowd } from './crowd.js';
import { measureIdle } from './idle.js';
import type { PartOptions } from './part.js';
import { measurePolicy } from './policy.js';
import { measureRules } from './rules.js';
import { measureStatistics } from './statistics.js';
import { measureUnix } from './unix.js';
import { measureValues } from './values.js';

const PARTS: Readonly<Record<string, (options: PartOptions) => Promise<Partial<CostsResults>>>> = {
  rules: async (options) => ({ rules: await measureRules(options) }),
  policy: async (options) => ({ policy: await measurePolicy(options) }),
  statistics: async (options) => ({ statistics: await measureStatistics(options) }),
  connections: async (options) => ({ connections: await measureConnections(options) }),
  values: async (options) => ({ values: await measureValues(options) }),
  idle: async (options) => ({ idle: await measureIdle(options) }),
  crowd: async (options) => ({ crowd: await measureCrowd(options) }),
  unix: async (options) => ({ unix: await measureUnix(options) }),
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const rounds = options.quick ? 1 : wholeNumber('rounds', options.rounds);
const chosen = positionals.length === 0 ? Object.keys(PARTS) : positionals;
for (const name of chosen) {
  if (PARTS[name] === undefined) throw new Error(`${name}: must be one of ${Object.keys(PARTS).join(', ')}`);
}

/** A part that was never measured has no rows, and its rates are 0. */
const NOTHING: Omit<CostsResults, keyof Circumstances> = {
  ...{ rules: [], policy: [], connections: [], values: [], idle: [], crowd: [], unix: [] },
  statistics: { onPerSecond: 0, offPerSecond: 0 },
};
let results: CostsResults = { ...NOTHING, ...keptResults<CostsResults>('costs'), ...circumstances(rounds) };
for (const name of chosen) {
  const start = performance.now();
  const part = await PARTS[name]?.({ rounds, quick: options.quick, report: console.error });
  results = { ...results, ...part };
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${name} (${seconds} s)`);
  for (const rows of Object.values(part ?? {})) console.table(rows);
}
if (options.save) keepResults('costs', results);
