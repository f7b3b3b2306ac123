// Another client of the server that is analysed: a GET about every millisecond, each timed. A process of its own:
// `PORT KEY`. On any message it says what the GETs since the last one took.
import { Redis } from 'ioredis';
import { Histogram } from '../../src/observe/stats/histogram.js';

export interface GetTimes {
  readonly gets: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const UNITS_PER_MS = 10_000;

const [port, key] = process.argv.slice(2);
const redis = new Redis(Number(port), { enableAutoPipelining: false });
let times = new Histogram();

process.on('message', () => {
  const ms = (share: number) => times.quantile(share) / UNITS_PER_MS;
  process.send?.({ gets: times.count, p50Ms: ms(0.5), p99Ms: ms(0.99) } satisfies GetTimes);
  times = new Histogram();
});
process.on('disconnect', () => process.exit());

for (;;) {
  const asked = performance.now();
  await redis.get(key as string);
  times.record((performance.now() - asked) * UNITS_PER_MS);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
