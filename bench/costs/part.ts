// What the parts of the benchmark have in common.
import { type LoadTarget, load } from '../throughput/redis-benchmark.js';

export interface PartOptions {
  readonly rounds: number;
  /** Little of everything: to see that it works. */
  readonly quick: boolean;
  report(line: string): void;
}

export const CONNECTIONS = 50;
const WARM_UP_REQUESTS = 100_000;
/** For differences of a few per cent a round is done so many times. */
export const FINE = 3;

/** Compilers and allocators settle before anything counts. Resolves with requests a second, by and large. */
export async function warmUp(
  target: number | LoadTarget,
  command: readonly string[],
  quick: boolean,
): Promise<number> {
  const address = typeof target === 'number' ? { port: target } : target;
  return sendAtDepth16(address, command, WARM_UP_REQUESTS / (quick ? 20 : 1));
}

/** SETs at pipeline 16, a second. Takes a second or so with the rate that is expected. */
export async function setsPerSecond(
  port: number,
  command: readonly string[],
  quick: boolean,
  expected: number,
): Promise<number> {
  return sendAtDepth16({ port }, command, Math.ceil(expected / (quick ? 10 : 1)));
}

async function sendAtDepth16(
  target: LoadTarget,
  command: readonly string[],
  requests: number,
): Promise<number> {
  return (await load({ ...target, connections: CONNECTIONS, pipeline: 16, requests, command }))
    .requestsPerSecond;
}
