// A soak: `tsx test/robustness/soak.ts --minutes 20 [--scale 2] [--entry source]`. Mixed clients through the built
// proxy (run `npm run build` first), sheds and CLIENT KILLs now and then, every reply checked.
// Judges: no wrong reply, resident memory and descriptors flat over the last two thirds, every key with its TTL.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { keepRun } from '../support/figures.js';
import { wholeNumber } from '../support/options.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { until } from '../support/wait.js';
import { descriptors, MB, resident, residentPeak } from './bound/proc.js';
import { load, type Soak, VICTIM } from './soak-load.js';
import { Tally } from './soak-tally.js';
import { type Sample, slopeAMinute } from './soak-trend.js';

const SAMPLE_MS = 10_000;
/** Fewer samples than these say nothing of a trend: Node has not even found its size by then. */
const SAMPLES_JUDGED = 30;
/** A leak of one byte a reply would rise faster than this at the rate of the load here. */
const RESIDENT_SLOPE_LIMIT = MB / 2;
const DESCRIPTOR_SLOPE_LIMIT = 1;
const KILL_MS = 2_000;
/** Redis is filled beyond the band of the least important rule, and emptied again, so often. */
const PRESSURE_MS = 10_000;
const BALLAST_BYTES = 200 * MB;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    scale: { type: 'string', default: '2' },
    entry: { type: 'string', default: 'dist' },
  },
});
const minutes = Number(options.minutes);
if (!(minutes > 0)) throw new Error(`--minutes ${options.minutes}: must be a number above 0`);
const scale = wholeNumber('scale', options.scale);

const redis = await startRedis({
  binary: await ensureServerBinary(console.error),
  args: ['--maxmemory', '256mb', '--maxmemory-policy', 'noeviction'],
});
const proxy = await startProxyProcess({
  entry: options.entry === 'source' ? 'source' : 'dist',
  config: {
    upstream: { url: `redis://127.0.0.1:${redis.port}` },
    rules: [
      { name: 'low', match: 'low:*', ttl: '1h', applyTo: 'all', priority: 'low' },
      { name: 'jobs', match: 'q:*', durable: true, priority: 'critical' },
      { name: 'rest', match: '*', ttl: '1h', applyTo: 'all', priority: 'critical' },
    ],
    memory: { shed: { low: ['50%', '60%'] } },
  },
});
const control = new Redis({ host: '127.0.0.1', port: redis.port });
const descriptorsBefore = descriptors(proxy.pid);
const soak: Soak = { port: proxy.port, tally: new Tally(), over: false };
const startedAt = performance.now();
const samples: Sample[] = [];
const sample = (): void => {
  const minute = (performance.now() - startedAt) / 60_000;
  samples.push({ minute, residentBytes: resident(proxy.pid), descriptors: descriptors(proxy.pid) });
  const { right, wrong, sheds, kills } = soak.tally;
  const { residentBytes, descriptors: open } = samples.at(-1) as Sample;
  console.error(
    `${minute.toFixed(1)} min: ${(residentBytes / MB).toFixed(1)} MB, ${open} descriptors, ${right} right, ${wrong} wrong, ${sheds} shed, ${kills} killed`,
  );
};
const failed = (error: Error): void => soak.tally.mismatch(`control: ${error.message}`);
const killer = setInterval(() => void killOne().catch(failed), KILL_MS);
const presser = setInterval(() => void pressOrFree().catch(failed), PRESSURE_MS);
const sampler = setInterval(sample, Math.min(SAMPLE_MS, (minutes * 60_000) / 12));
const loading = load(soak, scale);
await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
for (const timer of [killer, presser, sampler]) clearInterval(timer);
soak.over = true;
await loading;
await until(() => descriptors(proxy.pid) <= descriptorsBefore, {
  timeoutMs: 60_000,
  describe: () => `${descriptorsBefore} descriptors as before: there are ${descriptors(proxy.pid)}`,
});
const keysWithoutTtl = await lackingTtl();

const { tally } = soak;
const residentSlope = slopeAMinute(samples, ({ residentBytes }) => residentBytes);
const descriptorSlope = slopeAMinute(samples, (each) => each.descriptors);
const judged = samples.length >= SAMPLES_JUDGED;
const complaints = [
  ...(tally.wrong > 0 ? [`${tally.wrong} mismatches`] : []),
  ...(judged && residentSlope > RESIDENT_SLOPE_LIMIT ? ['resident memory is not flat'] : []),
  ...(judged && descriptorSlope > DESCRIPTOR_SLOPE_LIMIT ? ['descriptors are not flat'] : []),
  ...(keysWithoutTtl.length > 0 ? [`keys without a TTL: ${keysWithoutTtl.slice(0, 10).join(' ')}`] : []),
];
const inMiB = (bytes: number): number => Math.round((bytes / MB) * 100) / 100;
const figures = {
  minutes,
  replies: tally.right,
  mismatches: tally.wrong,
  messages: tally.messages,
  visits: tally.visits,
  sheds: tally.sheds,
  kills: tally.kills,
  residentFirstMiB: inMiB(samples[0]?.residentBytes ?? 0),
  residentLastMiB: inMiB(samples.at(-1)?.residentBytes ?? 0),
  residentPeakMiB: inMiB(residentPeak(proxy.pid)),
  residentSlopeMiBAMinute: inMiB(residentSlope),
  residentSlopeLimitMiBAMinute: inMiB(RESIDENT_SLOPE_LIMIT),
  slopesJudged: judged,
  descriptorsBefore,
  descriptorsMost: Math.max(...samples.map((each) => each.descriptors)),
  descriptorsAfter: descriptors(proxy.pid),
  descriptorSlopeAMinute: Math.round(descriptorSlope * 100) / 100,
  keysWithoutTtl: keysWithoutTtl.length,
  held: complaints.length === 0,
};
const table = new Table({ style: { head: [], border: [] } });
for (const [name, value] of Object.entries(figures)) table.push([name, String(value)]);
console.log(table.toString());
for (const example of tally.examples) console.error(example);
for (const complaint of complaints) console.error(complaint);
keepRun('soak', figures);
control.disconnect();
await proxy.stop();
await redis.stop();
process.exitCode = complaints.length > 0 ? 1 : 0;

async function killOne(): Promise<void> {
  const list = String(await control.call('CLIENT', 'LIST'));
  const ids = list.split('\n').flatMap((line) => {
    const found = line.includes(` name=${VICTIM} `) ? /^id=(\d+)/.exec(line) : null;
    return found?.[1] ?? [];
  });
  const id = ids[Math.floor(Math.random() * ids.length)];
  if (id !== undefined) await control.call('CLIENT', 'KILL', 'ID', id);
}

/** Straight at Redis, so that nothing but pressure comes of it. */
async function pressOrFree(): Promise<void> {
  if ((await control.unlink('ballast')) === 0) await control.setrange('ballast', BALLAST_BYTES - 1, 'x');
}

/** Keys that no rule calls durable and that would stay for ever all the same. */
async function lackingTtl(): Promise<string[]> {
  const keys = (await control.keys('*')).filter((key) => !/^(q:|ballast$)/.test(key));
  const ttls = await Promise.all(keys.map((key) => control.pttl(key)));
  return keys.filter((_key, i) => ttls[i] === -1);
}
