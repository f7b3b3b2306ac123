// `npm run bench:policies`: one Redis for caches, locks and jobs, under each eviction policy and through Spillway. What is
// written, what is refused, and which locks are lost.
import { parseArgs } from 'node:util';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { wholeNumber } from '../../test/support/options.js';
import { type GrowingFigures, runGrowing } from './growing-run.js';
import { type MixedFigures, runMixed } from './mixed-run.js';
import { drawGrowing, drawMixed } from './table.js';
import { WAYS, waysNamed } from './ways.js';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    growing: { type: 'boolean', default: false },
    pool: { type: 'string', default: 'session' },
    workers: { type: 'string', default: '1' },
    megabytes: { type: 'string', default: '100' },
    seconds: { type: 'string' },
    /** Cache writes a second; without it as fast as they are answered. */
    rate: { type: 'string' },
    value: { type: 'string', default: '400' },
    /** Sizes of cache values are lognormal with this sigma, and `value` their median; 0: all alike. */
    sigma: { type: 'string', default: '0' },
    /** Cache writes carry no TTL of their own. */
    bare: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const { pool } = options;
if (pool !== 'session' && pool !== 'command')
  throw new Error(`--pool ${pool}: must be "session" or "command"`);
const seconds = wholeNumber(
  'seconds',
  options.seconds ?? (options.quick ? '3' : options.growing ? '120' : '20'),
);
const each = {
  binary: await ensureServerBinary(console.error),
  megabytes: wholeNumber('megabytes', options.megabytes),
  pool,
  workers: wholeNumber('workers', options.workers),
  seconds,
  rate: options.rate === undefined ? 0 : wholeNumber('rate', options.rate),
  valueBytes: wholeNumber('value', options.value),
  sigma: Number(options.sigma),
  ttl: !options.bare,
};
const ways = options.only === undefined ? WAYS : waysNamed(options.only);
const faults: string[] = [];

/** Runs every way in turn and prints the table. */
async function compare<F extends { readonly fault: string | undefined }>(
  run: (way: (typeof WAYS)[number], settings: typeof each) => Promise<F>,
  draw: (rows: readonly (readonly [string, F])[]) => string,
): Promise<void> {
  const rows: (readonly [string, F])[] = [];
  for (const way of ways) {
    console.error(`${way.name} …`);
    const figures = await run(way, each);
    if (figures.fault !== undefined) faults.push(`${way.name}: ${figures.fault}`);
    rows.push([way.name, figures]);
  }
  console.log(options.json ? JSON.stringify(Object.fromEntries(rows), null, 2) : draw(rows));
}

console.error(
  `${each.megabytes} MB, ${each.pool} pooling, ${each.workers} worker(s), values of ${each.valueBytes} bytes, ` +
    `${each.rate === 0 ? 'caches at full speed' : `${each.rate} cache writes a second`}`,
);
if (options.growing) await compare<GrowingFigures>(runGrowing, drawGrowing);
else await compare<MixedFigures>(runMixed, drawMixed);
for (const fault of faults) console.error(`Unexpected error: ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
