// How many keys may get a TTL before the server is as full as a sweep may make it: a TTL takes memory, and a server that
// is to be saved must not be filled by that. Reads INFO; owns nothing.
// Invariants: by the last reading and the cost of what was given since, used memory stays below the mark; no reading
// counts for longer than READING_MS, as others write, too.

import { parseMemory, type Reading } from '../../memory/reading.js';
import { refusal } from '../keyspace/endpoint.js';
import { databasesOf, type Server } from '../keyspace/servers.js';
import { TtlCost } from '../keyspace/ttl-cost.js';

/** What bounds a sweep. */
export interface MemoryMark {
  /** Share of the limit that used memory may reach; undefined: no bound. */
  readonly until: number | undefined;
  /** A limit below the server's own, or where it has none; undefined: the server's alone. */
  readonly limitBytes: number | undefined;
}

/** A server's memory as the mark sees it. */
export interface Fullness {
  /** What the server compares with its limit. */
  readonly usedBytes: number;
  /** 0: none. */
  readonly limitBytes: number;
  readonly policy: string;
}

/** Where a sweep stops by itself: the lowest band of the configuration, where Spillway begins to refuse writes. */
export function firstBand(bands: readonly (readonly [start: number, full: number] | null)[]): number {
  const starts = bands.flatMap((band) => (band === null ? [] : [band[0]]));
  return starts.length === 0 ? WITHOUT_BANDS : Math.min(...starts);
}

const WITHOUT_BANDS = 0.95;
const READING_MS = 100;
/** By so many keys the cost of a TTL is trusted; then INFO is asked again. */
const MOST_KEYS = 1000;

export class Headroom {
  private readonly cost: TtlCost;
  private readAt = Number.NEGATIVE_INFINITY;
  private left = 0;

  constructor(
    private readonly server: Server,
    private readonly db: number,
    private readonly mark: MemoryMark,
  ) {
    this.cost = new TtlCost(server.info);
  }

  /** How many of so many keys may get a TTL now; what is let through counts as given. @throws ServerError */
  async room(keys: number): Promise<number> {
    if (this.mark.until === undefined) return keys;
    if (this.left < keys || performance.now() - this.readAt > READING_MS) await this.read(this.mark.until);
    const some = Math.min(keys, this.left);
    this.left -= some;
    return some;
  }

  private async read(until: number): Promise<void> {
    const { usedBytes, limitBytes } = await fullnessOf(this.server, this.mark);
    const [database] = await databasesOf(this.server, this.db);
    this.readAt = performance.now();
    this.left =
      limitBytes === 0
        ? MOST_KEYS
        : Math.min(MOST_KEYS, this.cost.fits(database?.expires ?? 0, until * limitBytes - usedBytes));
  }
}

/** @throws ServerError */
export async function fullnessOf({ name, redis }: Server, mark: MemoryMark): Promise<Fullness> {
  let reading: Reading | undefined;
  try {
    reading = parseMemory(await redis.info('memory'));
  } catch (error) {
    throw refusal(name, error as Error);
  }
  const limits = [reading?.maxmemoryBytes ?? 0, mark.limitBytes ?? 0].filter((bytes) => bytes > 0);
  return {
    usedBytes: reading === undefined ? 0 : reading.usedBytes - reading.notCountedBytes,
    limitBytes: limits.length === 0 ? 0 : Math.min(...limits),
    policy: reading?.policy ?? '',
  };
}
