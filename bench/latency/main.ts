// `npm run bench:latency`: SETs at a fixed rate, half of what direct can do, timed from when each was due; straight at
// Redis, through Spillway and through its peers, in turn. What is compared is the waiting at a load that all of them
// should bear, not how much they can bear.
import { parseArgs } from 'node:util';
import { median } from '../../test/support/median.js';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import { inTurn } from '../report/rounds.js';
import type { LatencyResults, LatencyRow } from '../report/types.js';
import { commandFor, load } from '../throughput/redis-benchmark.js';
import { type Endpoint, privateRedis, startEndpoints, withEndings } from '../throughput/targets.js';
import { type GeneratorFigures, type GeneratorOptions, generate } from './generator.js';

const CONNECTIONS = 50;
const CAPACITY_REQUESTS = 100_000;
const WARM_UP_REQUESTS = 100_000;
const WARM_UP_SECONDS = 1;
/** Keys that the generator writes. */
const KEYS = 1024;
/** A rate is kept when so much of it is achieved and requests are sent no later than this, in the middle. */
const KEPT_SHARE = 0.98;
const KEPT_LATE_MS = 2;
const LOWER_BY = 0.8;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const rounds = options.quick ? 1 : wholeNumber('rounds', options.rounds);
const seconds = options.quick ? 1 : wholeNumber('seconds', options.seconds);

await withEndings(async (endings) => {
  const redis = await privateRedis(endings);
  const endpoints = await startEndpoints(endings, redis);
  for (const endpoint of endpoints) await warmUp(endpoint);
  const ratePerSecond = await findRate(endpoints[0] as Endpoint);
  const samples = await inTurn(rounds, endpoints, async (endpoint, round) => {
    const figures = await generate(sets(endpoint, ratePerSecond, seconds));
    const { p50, p99, max, sentLateP50 } = figures;
    console.error(
      `round ${round + 1} of ${rounds}, ${endpoint.name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ` +
        `max ${max.toFixed(1)} ms; sent late by ${sentLateP50.toFixed(2)} ms`,
    );
    return figures;
  });
  const results: LatencyResults = {
    ...circumstances(rounds),
    connections: CONNECTIONS,
    ratePerSecond,
    rows: endpoints.map((endpoint, i) => summarize(endpoint, samples[i] as GeneratorFigures[])),
  };
  console.log(`SET, ${CONNECTIONS} connections, ${ratePerSecond} a second, milliseconds from when due`);
  console.table(results.rows);
  if (options.save) keepResults('latency', results);
});

/** Half of what direct can do, or what the generator can keep up with, if that is less. */
async function findRate(direct: Endpoint): Promise<number> {
  const { requestsPerSecond } = await load({
    port: direct.port,
    connections: CONNECTIONS,
    pipeline: 1,
    requests: CAPACITY_REQUESTS,
    command: commandFor('set', true),
  });
  let rate = roundRate(requestsPerSecond / 2);
  console.error(`direct can do ${Math.round(requestsPerSecond)} a second: trying ${rate}`);
  for (;;) {
    const { achievedPerSecond, sentLateP50 } = await generate(sets(direct, rate, 1));
    if (achievedPerSecond >= KEPT_SHARE * rate && sentLateP50 <= KEPT_LATE_MS) return rate;
    rate = roundRate(rate * LOWER_BY);
    console.error(`the generator cannot keep that up: trying ${rate}`);
  }
}

/** Down to full hundreds, and never to nothing. */
function roundRate(rate: number): number {
  return Math.max(100, Math.floor(rate / 100) * 100);
}

function sets({ port, clientGivesTtl }: Endpoint, ratePerSecond: number, seconds: number): GeneratorOptions {
  const [name, , value, ...expiry] = commandFor('set', clientGivesTtl) as [string, string, string];
  const commands = Array.from({ length: KEYS }, (_, i) => [
    name,
    `key:${String(i).padStart(12, '0')}`,
    value,
    ...expiry,
  ]);
  return {
    port,
    connections: CONNECTIONS,
    ratePerSecond,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds,
    commands,
    linesPerReply: 1,
  };
}

/** Compilers and allocators settle before anything counts. */
async function warmUp({ port, clientGivesTtl }: Endpoint): Promise<void> {
  const command = commandFor('set', clientGivesTtl);
  await load({ port, connections: CONNECTIONS, pipeline: 16, requests: WARM_UP_REQUESTS, command });
}

function summarize({ name }: Endpoint, samples: readonly GeneratorFigures[]): LatencyRow {
  const middle = (read: (figures: GeneratorFigures) => number): number => median(samples.map(read));
  return {
    target: name,
    achievedPerSecond: middle((figures) => figures.achievedPerSecond),
    p50: middle((figures) => figures.p50),
    p90: middle((figures) => figures.p90),
    p99: middle((figures) => figures.p99),
    p999: middle((figures) => figures.p999),
    max: middle((figures) => figures.max),
  };
}
