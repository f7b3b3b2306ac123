// `npm run bench:reserve`: the proof that room is kept for higher priorities, on a real Redis of 64 MB: in both kinds of
// pooling, with two workers, and with four proxies on one server. A verdict for each promise; exit code 1 when one fails.
import { parseArgs } from 'node:util';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { wholeNumber } from '../../test/support/options.js';
import { runReserve } from './run.js';
import { judgeReserve } from './verdict.js';

const WAYS = [
  { pool: 'session', workers: 1, proxies: 1 },
  { pool: 'command', workers: 1, proxies: 1 },
  { pool: 'session', workers: 2, proxies: 1 },
  { pool: 'session', workers: 1, proxies: 4 },
] as const;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    /** Without the reserve, to see what it is for. */
    off: { type: 'boolean', default: false },
  },
});
const seconds = wholeNumber('seconds', options.seconds);
const binary = await ensureServerBinary(console.error);
let failed = 0;
for (const way of WAYS) {
  const figures = await runReserve({ ...way, binary, seconds, ...(options.off && { reserve: 'off' }) });
  console.log(`${way.pool} pooling, ${way.workers} worker(s), ${way.proxies} proxies`);
  for (const { requirement, pass, measured } of judgeReserve(figures)) {
    console.log(`  ${pass ? 'holds' : 'FAILS'}  ${requirement}: ${measured}`);
    if (!pass) failed++;
  }
}
console.error(failed === 0 ? 'All requirements hold.' : `${failed} requirements do not hold.`);
process.exitCode = failed === 0 ? 0 : 1;
