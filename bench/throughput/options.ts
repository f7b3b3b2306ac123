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

/** `64,16384`. @throws Error naming the flag when one is no whole number above 0. */
export function parseSizes(text: string): number[] {
  return [...new Set(text.split(',').map((part) => wholeNumber('sizes', part)))];
}

/** So much of values goes through in a run at most. */
const RUN_BYTES = 1.5 * 2 ** 30;

/**
 * Pipelined runs are shorter by far: they get more requests for as steady a figure. Large values get fewer.
 * @param requests of one command in flight, with small values
 */
export function requestsAt(pipeline: number, bytes: number, requests: number): number {
  return Math.min(pipeline === 1 ? requests : requests * 5, Math.ceil(RUN_BYTES / bytes));
}

/** More would fill the memory of the machine, not measure a proxy. */
const IN_FLIGHT_BYTES = 256 * 2 ** 20;

/** Whether so many commands are let be in flight at once. */
export function fits(connections: number, pipeline: number, bytes: number): boolean {
  return connections * pipeline * bytes <= IN_FLIGHT_BYTES;
}
