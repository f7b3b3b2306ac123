// `npm run bench:throughput`: redis-benchmark straight at Redis, through Spillway of both poolings and through its peers,
// one Redis for all, in turn, round by round. Behind Spillway clients send a plain SET and the proxy gives the TTL;
// everywhere else they send `… EX 3600`, so that the work done in the end is the same.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import type { ThroughputResults } from '../report/types.js';
import { CONNECTIONS, Meter } from './measure.js';
import { fits, parsePipelines, parseSizes, parseTests, requestsAt } from './options.js';
import { drawTable, type Sample, summarize } from './results.js';
import { type Endpoint, privateRedis, startEndpoints, withEndings } from './targets.js';

const QUICK = { rounds: '1', requests: '5000', sizes: '64,16384' };
const DEFAULTS = { rounds: '5', requests: '60000', sizes: '64,1024,16384,65536,1048576' };
const WARM_UP_REQUESTS = 200_000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    requests: { type: 'string' },
    tests: { type: 'string', default: 'set,get,mixed' },
    pipelines: { type: 'string', default: '1,16,64' },
    sizes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const defaults = options.quick ? QUICK : DEFAULTS;
const rounds = wholeNumber('rounds', options.rounds ?? defaults.rounds);
const requests = wholeNumber('requests', options.requests ?? defaults.requests);
const tests = parseTests(options.tests);
const sizes = parseSizes(options.sizes ?? defaults.sizes);
const pipelines = parsePipelines(options.pipelines);
const cases = tests.flatMap((test) =>
  sizes.flatMap((bytes) =>
    pipelines
      .filter((pipeline) => fits(CONNECTIONS, pipeline, bytes))
      .map((pipeline) => ({ test, bytes, pipeline })),
  ),
);

await withEndings(async (endings) => {
  const redis = await privateRedis(endings);
  const endpoints = await startEndpoints(endings, redis);
  const meter = new Meter(redis);
  endings.add(() => meter.close());
  for (const endpoint of endpoints) await meter.warmUp(endpoint, options.quick ? requests : WARM_UP_REQUESTS);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { test, bytes, pipeline } of cases) {
      console.error(`round ${round + 1} of ${rounds}, ${test}, ${bytes} bytes, P = ${pipeline}`);
      samples.push(...(await measureAll(meter, endpoints, { round, test, bytes, pipeline })));
    }
  }
  const results: ThroughputResults = {
    ...circumstances(rounds),
    connections: CONNECTIONS,
    rows: summarize(samples),
  };
  for (const test of tests) {
    for (const bytes of sizes) {
      console.log(
        `${test}, ${CONNECTIONS} connections, values of ${bytes} bytes, medians of ${rounds} rounds`,
      );
      console.log(drawTable(results.rows.filter((row) => row.test === test && row.bytes === bytes)));
    }
  }
  if (options.save) keepResults('throughput', results);
});

/** Each target once, in the order of the tables whatever the turn. */
async function measureAll(
  meter: Meter,
  endpoints: readonly Endpoint[],
  at: Pick<Sample, 'round' | 'test' | 'bytes' | 'pipeline'>,
): Promise<Sample[]> {
  await meter.prepare(at.test, at.bytes);
  const samples: Sample[] = [];
  for (let i = 0; i < endpoints.length; i++) {
    // Each round starts with another target, so that none always follows the same one.
    const turn = (i + at.round) % endpoints.length;
    const endpoint = endpoints[turn] as Endpoint;
    const run = { ...at, requests: requestsAt(at.pipeline, at.bytes, requests) };
    const measured = await meter.measure(endpoint, run);
    samples[turn] = { ...at, target: endpoint.name, ...measured };
  }
  return samples;
}
