// The result of an analysis, from which the JSON, the tables and the report are made. Field names are an API (docs/TOOLS.md).
// Pure.
import { MB } from '../../core/units.js';
import { bytesText } from '../../core/words.js';
import { bandName, IDLE_BANDS, TTL_BANDS } from './bands.js';
import { type ByteSums, type Estimate, estimateBytes, estimateCount, type Sample } from './estimate.js';
import type { Group } from './groups.js';
import { keyText } from './key-text.js';
import type { Part, Refusals } from './measure.js';

export interface Analysis {
  readonly version: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  readonly servers: readonly string[];
  /** The walk ended before all keys were seen. */
  readonly partial: boolean;
  /** Estimated from a sample of the keys: the truth is between low and high in 95% of samples. */
  readonly sampled: boolean;
  readonly keys: { readonly total: number; readonly looked: number; readonly gone: number };
  readonly memory: {
    readonly usedBytes: number;
    /** 0: none. */
    readonly limitBytes: number;
    /** Bytes of the keys, by MEMORY USAGE. */
    readonly keyBytes: Estimate;
    /** The rest of usedBytes: the empty server, tables, buffers. */
    readonly otherBytes: number;
    /** The most that TTLs for all keys without one would take. */
    readonly ttlBytes: number;
  };
  /** The group with the most memory first. */
  readonly groups: readonly GroupAnalysis[];
  readonly biggest: Readonly<Record<string, readonly BigKeyEntry[]>>;
  /** What could not be measured, and why. */
  readonly notes: readonly string[];
}

export interface GroupAnalysis {
  readonly name: string;
  readonly by: 'rule' | 'pattern' | 'others';
  /** The database of its keys; null: several, or no other database has keys. */
  readonly db: number | null;
  readonly keys: Estimate;
  readonly bytes: Estimate;
  /** Share of the bytes of all groups. */
  readonly share: number;
  readonly averageBytes: number;
  readonly largestBytes: number;
  readonly withoutTtl: Estimate;
  readonly withoutTtlBytes: number;
  /** The longest TTL seen; null: no key has one. */
  readonly longestTtlSeconds: number | null;
  readonly ttl: readonly Band[];
  /** Shares of the keys, measured on some of them. */
  readonly types: Readonly<Record<string, number>>;
  readonly encodings: Readonly<Record<string, number>>;
  readonly idle: readonly { readonly band: string; readonly share: number }[];
}

export interface Band {
  readonly band: string;
  /** Upper end; null: none. */
  readonly seconds: number | null;
  readonly keys: number;
  readonly bytes: number;
}

export interface BigKeyEntry {
  /** See keyText(). */
  readonly key: string;
  readonly server: string;
  readonly db: number;
  readonly encoding: string;
  readonly bytes: number;
  readonly ttlSeconds: number | null;
}

/** What was walked, and how far. */
export interface Looked {
  readonly servers: readonly string[];
  readonly keys: number;
  readonly sampled: boolean;
  readonly partial: boolean;
  readonly seconds: number;
}

export interface ServerMemory {
  readonly usedBytes: number;
  readonly startupBytes: number;
  /** NaN: INFO does not have it. */
  readonly overheadBytes: number;
  readonly limitBytes: number;
  /** The most that TTLs for all keys without one would take. */
  readonly ttlBytes: number;
}

/**
 * Bytes of each key that both used_memory_overhead and MEMORY USAGE count: in Redis 7.0 an entry of the table (24 bytes) and
 * an object (16; getMemoryOverheadData in object.c). The allocator gives 32 bytes for the 24.
 */
const COUNTED_TWICE = 32;

/** A note is made if INFO and MEMORY USAGE differ by more than each of these. */
const APART = { share: 0.2, bytes: 16 * MB, keyBytes: 2 * COUNTED_TWICE };

export function assemble(
  looked: Looked,
  part: Part,
  memory: readonly ServerMemory[],
  refusals: Refusals,
): Analysis {
  // For the estimates, a key that was gone has never been there.
  const sampled = part.looked - part.gone;
  const whole = !looked.sampled && !looked.partial;
  const share = part.looked === 0 ? 1 : sampled / part.looked;
  const sample: Sample = { population: whole ? sampled : Math.max(sampled, looked.keys * share), sampled };
  const groups = part.groups.all.filter(({ tally }) => tally.keys > 0);
  const several = groups.some(({ db }) => db !== groups[0]?.db);
  const sums = { bytes: 0, squares: 0 };
  for (const { tally } of groups) {
    sums.bytes += tally.bytes;
    sums.squares += tally.squares;
  }
  const used = sum(memory, ({ usedBytes }) => usedBytes);
  const dataset = used - sum(memory, ({ overheadBytes, startupBytes }) => overheadBytes || startupBytes);
  const known = dataset + COUNTED_TWICE * sample.population;
  const keyBytes = atMost(used, estimateBytes(sample, sums, sums, known), whole);
  return {
    version: 1,
    at: new Date().toISOString(),
    seconds: looked.seconds,
    servers: looked.servers,
    partial: looked.partial,
    sampled: looked.sampled,
    // Keys may come during the walk, and a sample may meet a key twice.
    keys: { total: Math.max(looked.keys, part.looked), looked: part.looked, gone: part.gone },
    memory: {
      usedBytes: used,
      limitBytes: sum(memory, ({ limitBytes }) => limitBytes),
      keyBytes,
      otherBytes: Math.max(0, used - keyBytes.estimate),
      ttlBytes: sum(memory, ({ ttlBytes }) => ttlBytes),
    },
    groups: groups
      .map((group) => groupAnalysis(group, sample, sums, known, several))
      .sort((a, b) => b.bytes.estimate - a.bytes.estimate),
    biggest: Object.fromEntries(
      [...part.biggest.byType].map(([type, list]) => [
        type,
        list.map(({ key, server, db, encoding, bytes, ttlMs }) => {
          const ttlSeconds = ttlMs === null ? null : ttlMs / 1000;
          return { key: keyText(key), server, db, encoding, bytes, ttlSeconds };
        }),
      ]),
    ),
    notes: [
      ...[...refusals].map(
        ([command, error]) => `${command} is refused, so its figures are missing: ${error}`,
      ),
      ...part.mishaps,
      ...(part.moved ? [MOVED] : []),
      ...(whole ? difference(keyBytes.estimate, known, sample.population) : []),
    ],
  };
}

/** Limits an estimate to the used memory, which a few large keys in a sample could exceed. */
function atMost(bytes: number, { estimate, low, high }: Estimate, whole: boolean): Estimate {
  if (whole) return { estimate, low, high };
  return { estimate: Math.min(estimate, bytes), low: Math.min(low, bytes), high: Math.min(high, bytes) };
}

const MOVED =
  'keys moved from one server to another during the walk: some may be counted twice, others not at all';

/** A note if MEMORY USAGE and INFO differ much about the same keys. */
function difference(told: number, known: number, keys: number): string[] {
  const apart = Math.max(APART.bytes, APART.share * known, APART.keyBytes * keys);
  if (!(Math.abs(told - known) > apart)) return [];
  const why =
    told < known
      ? 'MEMORY USAGE saw too few elements of large collections (--samples 0 measures all)'
      : 'MEMORY USAGE overestimates some types, such as streams with many pending entries';
  return [`MEMORY USAGE adds up to ${bytesText(told)}, but INFO reports ${bytesText(known)} of data: ${why}`];
}

function groupAnalysis(
  { name, by, tally, db }: Group,
  sample: Sample,
  all: ByteSums,
  known: number,
  several: boolean,
): GroupAnalysis {
  const scale = sample.sampled === 0 ? 1 : sample.population / sample.sampled;
  const shares = (counts: ReadonlyMap<string, number>) =>
    Object.fromEntries(
      [...counts].sort(([, a], [, b]) => b - a).map(([key, n]) => [key, n / tally.detailed]),
    );
  const idle = sum([...tally.idleKeys], (keys) => keys);
  return {
    name,
    by,
    db: several ? db : null,
    keys: estimateCount(sample, tally.keys),
    bytes: estimateBytes(sample, tally, all, known),
    share: all.bytes === 0 ? 0 : tally.bytes / all.bytes,
    averageBytes: tally.bytes / tally.keys,
    largestBytes: tally.largest,
    withoutTtl: estimateCount(sample, tally.withoutTtl),
    withoutTtlBytes: tally.withoutTtlBytes * scale,
    longestTtlSeconds: tally.longestTtl === 0 ? null : tally.longestTtl,
    ttl: TTL_BANDS.map((end, i) => ({
      band: bandName(i, TTL_BANDS),
      seconds: Number.isFinite(end) ? end : null,
      keys: tally.ttlKeys[i] * scale,
      bytes: tally.ttlBytes[i] * scale,
    })),
    types: shares(tally.types),
    encodings: shares(tally.encodings),
    idle:
      idle === 0
        ? []
        : IDLE_BANDS.map((_, i) => ({ band: bandName(i, IDLE_BANDS), share: tally.idleKeys[i] / idle })),
  };
}

function sum<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((total, each) => total + of(each), 0);
}
