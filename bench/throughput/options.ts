// What the throughput benchmarks read from their command lines, beyond single numbers. Pure.
import { wholeNumber } from '../../test/support/options.js';
import { TESTS, type Test } from './redis-benchmark.js';

/** `1,16,64`. @throws Error naming the flag when one is no whole number above 0. */
export function parsePipelines(text: string): number[] {
  return [...new Set(text.split(',').map((part) => wholeNumber('pipelines', part)))];
}

/** `set,get`. @throws Error naming the one that is unknown. */
export function parseTests(text: string): Test[] {
  const names = [...new Set(text.split(','))];
  for (const name of names) {
    if (!TESTS.includes(name as Test)) throw new Error(`--tests ${name}: must be of ${TESTS.join(', ')}`);
  }
  return names as Test[];
}

/** Pipelined runs are shorter by far: they get more requests for as steady a figure. */
export function requestsAt(pipeline: number, requests: number): number {
  return pipeline === 1 ? requests : requests * 5;
}
