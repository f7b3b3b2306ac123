// `npm run bench:throughput`: redis-benchmark straight at Redis, through Spillway of both poolings and through its peers,
// one Redis for all, in turn, round by round. Behind Spillway clients send a plain SET and the proxy gives the TTL;
// everywhere else they send `… EX 3600`, so that the work done in the end is the same.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import type { ThroughputResults } from '../report/types.js';
import { CONNECTIONS, Meter } from './measure.js';
import { parsePipelines, parseTests, requestsAt } from './options.js';
import { drawTable, type Sample, summarize } from './results.js';
import { type RunningTarget, startTargets } from './targets.js';

const QUICK = { rounds: '2', requests: '20000' };

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    requests: { type: 'string' },
    tests: { type: 'string', default: 'set,get,mixed' },
    pipelines: { type: 'string', default: '1,16,64' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const defaults = options.quick ? QUICK : { rounds: '5', requests: '60000' };
const rounds = wholeNumber('rounds', options.rounds ?? defaults.rounds);
const requests = wholeNumber('requests', options.requests ?? defaults.requests);
const tests = parseTests(options.tests);
const pipelines = parsePipelines(options.pipelines);

const targets = await startTargets(console.error);
const meter = new Meter(targets.redis);
try {
  for (const target of targets.all) await meter.warmUp(target);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const test of tests) {
      for (const pipeline of pipelines) {
        console.error(`round ${round + 1} of ${rounds}, ${test}, P = ${pipeline}`);
        samples.push(...(await measureAll(round, test, pipeline)));
      }
    }
  }
  const results: ThroughputResults = {
    ...circumstances(rounds),
    connections: CONNECTIONS,
    rows: summarize(samples),
  };
  for (const test of tests) {
    console.log(`${test}, ${CONNECTIONS} connections, values of 64 bytes, medians of ${rounds} rounds`);
    console.log(drawTable(results.rows.filter((row) => row.test === test)));
  }
  if (options.save) keepResults('throughput', results);
} finally {
  meter.close();
  await targets.stop();
}

/** Each target once, in the order of the tables whatever the turn. */
async function measureAll(round: number, test: Sample['test'], pipeline: number): Promise<Sample[]> {
  await meter.prepare(test);
  const samples: Sample[] = [];
  const { all } = targets;
  for (let i = 0; i < all.length; i++) {
    // Each round starts with another target, so that none always follows the same one.
    const turn = (i + round) % all.length;
    const target = all[turn] as RunningTarget;
    const run = { test, pipeline, requests: requestsAt(pipeline, requests) };
    samples[turn] = { round, test, pipeline, target: target.name, ...(await meter.measure(target, run)) };
  }
  return samples;
}
