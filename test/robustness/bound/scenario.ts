// What a scenario of a badly behaved client is: what it does, how much of it, and the memory that it may cost.
// Types and the allowances that the table in scenarios.ts is made of; no scenario stands here.
import type { RedisProcess } from '../../../src/cli/local-server/redis-server.js';
import type { Figure } from '../../support/figures.js';
import type { RawClient } from '../../support/raw-client.js';
import { MB } from './proc.js';

/** Where an offender goes about it: at the proxy, or, for comparison, at a server of the same kind itself. */
export interface Place {
  readonly port: number;
  /** The server behind it, or that it is. */
  readonly redis: RedisProcess;
  /** Straight at that server. */
  readonly control: RawClient;
  /** Only as the offender's own process: memory a connection, say. */
  readonly pid: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What the size counts. */
  readonly unit: string;
  /** Zero: not in CI. */
  readonly ci: number;
  readonly full: number;
  /** By how many bytes the proxy's resident memory may peak above what it was before, and why so many. */
  readonly bound: (size: number) => number;
  readonly because: string;
  readonly config?: Record<string, unknown>;
  readonly redisArgs?: readonly string[];
  /** Plays it, and takes it back. Throws when the offender itself does not see what it should. */
  offend(place: Place, size: number): Promise<Record<string, Figure>>;
}

/** A bound with its reason: bytes each, and what does not depend on the size. */
export function atMost(
  because: string,
  bytesEach: number,
  base = TRAFFIC,
): Pick<Scenario, 'bound' | 'because'> {
  return { bound: (size) => base + bytesEach * size, because };
}

/**
 * What full traffic of whatever kind costs for a while, since Node reads into buffers of 64 KB that V8 collects
 * only when some dozen megabytes of them have come together; from Node 24 on later still.
 */
export const TRAFFIC = (Number.parseInt(process.versions.node, 10) < 24 ? 80 : 128) * MB;

/** @throws Error that shows both, cut, when they differ. */
export function insist(what: string, seen: string | number | boolean, due: string | number | boolean): void {
  if (seen === due) return;
  const show = (value: string | number | boolean): string => JSON.stringify(value).slice(0, 300);
  throw new Error(`${what}: ${show(seen)}, not ${show(due)}`);
}
