// The sums of one group of keys. estimate.ts makes estimates of them.
import { bandOf, IDLE_BANDS, TTL_BANDS } from './bands.js';

/** Details that are asked of some keys only. */
export interface Details {
  readonly type: string;
  /** '': unknown. */
  readonly encoding: string;
  /** Seconds since the key was last used; NaN: unknown. */
  readonly idle: number;
}

export class Tally {
  keys = 0;
  bytes = 0;
  /** Sum of the squares of the keys' bytes. */
  squares = 0;
  largest = 0;
  withoutTtl = 0;
  withoutTtlBytes = 0;
  /** Seconds; 0: none has a TTL. */
  longestTtl = 0;
  readonly ttlKeys = new Float64Array(TTL_BANDS.length);
  readonly ttlBytes = new Float64Array(TTL_BANDS.length);
  /** Of the keys that were asked for details. */
  readonly types = new Map<string, number>();
  readonly encodings = new Map<string, number>();
  readonly idleKeys = new Float64Array(IDLE_BANDS.length);
  detailed = 0;

  /** `ttlMs`: as PTTL, so negative without one. */
  add(bytes: number, ttlMs: number): void {
    this.keys++;
    this.bytes += bytes;
    this.squares += bytes * bytes;
    if (bytes > this.largest) this.largest = bytes;
    if (ttlMs < 0) {
      this.withoutTtl++;
      this.withoutTtlBytes += bytes;
    } else {
      const seconds = ttlMs / 1000;
      if (seconds > this.longestTtl) this.longestTtl = seconds;
      const band = bandOf(seconds, TTL_BANDS);
      this.ttlKeys[band]++;
      this.ttlBytes[band] += bytes;
    }
  }

  merge(other: Tally): void {
    this.keys += other.keys;
    this.bytes += other.bytes;
    this.squares += other.squares;
    this.largest = Math.max(this.largest, other.largest);
    this.withoutTtl += other.withoutTtl;
    this.withoutTtlBytes += other.withoutTtlBytes;
    this.longestTtl = Math.max(this.longestTtl, other.longestTtl);
    this.detailed += other.detailed;
    for (const name of ['ttlKeys', 'ttlBytes', 'idleKeys'] as const) {
      for (const [i, value] of other[name].entries()) this[name][i] += value;
    }
    for (const [type, keys] of other.types) count(this.types, type, keys);
    for (const [encoding, keys] of other.encodings) count(this.encodings, encoding, keys);
  }

  addDetails({ type, encoding, idle }: Details): void {
    this.detailed++;
    count(this.types, type);
    if (encoding !== '') count(this.encodings, encoding);
    if (!Number.isNaN(idle)) this.idleKeys[bandOf(idle, IDLE_BANDS)]++;
  }
}

/** The most names of types that are kept, because modules add their own. */
const MAX_NAMES = 50;

function count(names: Map<string, number>, name: string, by = 1): void {
  if (names.size < MAX_NAMES || names.has(name)) names.set(name, (names.get(name) ?? 0) + by);
}
