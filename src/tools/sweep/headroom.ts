// Says how many keys may get a TTL before used memory reaches the mark: TTLs take memory, and the sweep must not fill the
// server that it should relieve. Reads INFO; owns nothing.
// Invariants: used memory, by the last reading plus the cost of the TTLs given since, stays below the mark. A reading is
// used for READING_MS at most, because other clients write too.

import { parseMemory, type Reading } from '../../memory/reading.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import { refusal } from '../keyspace/endpoint.js';
import { databasesOf, type Server } from '../keyspace/servers.js';

/** Where a sweep must stop. */
export interface MemoryMark {
  /** Share of the limit that used memory may reach; undefined: no bound. */
  readonly until: number | undefined;
  /** A limit lower than maxmemory, or for a server without maxmemory; undefined: only maxmemory counts. */
  readonly limitBytes: number | undefined;
}

/** A server's memory in relation to its limit. */
export interface Fullness {
  /** What the server compares with its limit. */
  readonly usedBytes: number;
  /** 0: none. */
  readonly limitBytes: number;
  readonly policy: string;
}

/** The default mark: the start of the lowest band of the configuration, where Spillway begins to refuse writes. */
export function firstBand(bands: readonly (readonly [start: number, full: number] | null)[]): number {
  const starts = bands.flatMap((band) => (band === null ? [] : [band[0]]));
  return starts.length === 0 ? WITHOUT_BANDS : Math.min(...starts);
}

const WITHOUT_BANDS = 0.95;
const READING_MS = 100;
/** After this many TTLs INFO is read again, instead of adding their estimated cost. */
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

  /** How many of this many keys may get a TTL now; they count as given. @throws ServerError */
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
