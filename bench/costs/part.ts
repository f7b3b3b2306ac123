// What the parts of the benchmark have in common.
import { load } from '../throughput/redis-benchmark.js';

export interface PartOptions {
  readonly rounds: number;
  /** Little of everything: to see that it works. */
  readonly quick: boolean;
  report(line: string): void;
}

export const CONNECTIONS = 50;
const WARM_UP_REQUESTS = 100_000;

/** Compilers and allocators settle before anything counts. */
export async function warmUp(port: number, command: readonly string[]): Promise<void> {
  await load({ port, connections: CONNECTIONS, pipeline: 16, requests: WARM_UP_REQUESTS, command });
}

/** SETs at pipeline 16, a second. */
export async function setsPerSecond(
  port: number,
  command: readonly string[],
  quick: boolean,
): Promise<number> {
  const requests = quick ? 50_000 : 300_000;
  return (await load({ port, connections: CONNECTIONS, pipeline: 16, requests, command })).requestsPerSecond;
}
