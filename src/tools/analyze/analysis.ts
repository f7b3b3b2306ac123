// The result of an analysis: a document that JSON, the tables and the report are made of. Field names are an API
// (docs/TOOLS.md). Pure.
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
  /** Ended before it was done. */
  readonly partial: boolean;
  /** Estimated from some of the keys: low and high enclose the truth nineteen times of twenty. */
  readonly sampled: boolean;
  readonly keys: { readonly total: number; readonly looked: number; readonly gone: number };
  readonly memory: {
    readonly usedBytes: number;
    /** 0: none. */
    readonly limitBytes: number;
    /** Of the keys, as MEMORY USAGE tells. */
    readonly keyBytes: Estimate;
    /** The server's own: started empty, tables, buffers; what is left of usedBytes. */
    readonly otherBytes: number;
    /** That TTLs for all keys without one would take, at most. */
    readonly ttlBytes: number;
  };
  /** The one that holds most memory first. */
  readonly groups: readonly GroupAnalysis[];
  readonly biggest: Readonly<Record<string, readonly BigKeyEntry[]>>;
  /** What could not be asked, and why. */
  readonly notes: readonly string[];
}

export interface GroupAnalysis {
  readonly name: string;
  readonly by: 'rule' | 'pattern' | 'others';
  readonly keys: Estimate;
  readonly bytes: Estimate;
  /** Of the bytes of all groups. */
  readonly share: number;
  readonly averageBytes: number;
  readonly largestBytes: number;
  readonly withoutTtl: Estimate;
  readonly withoutTtlBytes: number;
  /** Of those that were looked at; null: none has a TTL. */
  readonly longestTtlSeconds: number | null;
  readonly ttl: readonly Band[];
  /** Shares of the keys, of a part of them. */
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

/** What was done, and how far. */
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
  /** NaN where it is not told. */
  readonly overheadBytes: number;
  readonly limitBytes: number;
  /** That TTLs for all keys without one would take, at most. */
  readonly ttlBytes: number;
}

/**
 * Of each key, used_memory_overhead counts what MEMORY USAGE counts as the key's: an entry of the table (24 bytes) and an
 * object (16), in Redis 7.0 (getMemoryOverheadData in object.c). The allocator gives 32 bytes for the 24.
 */
const COUNTED_TWICE = 32;

const MB = 2 ** 20;
/** What the server tells and what MEMORY USAGE tells may differ by such a share, and so much, before it is said. */
const APART = { share: 0.2, bytes: 16 * MB, keyBytes: 2 * COUNTED_TWICE };

export function assemble(
  looked: Looked,
  part: Part,
  memory: readonly ServerMemory[],
  refusals: Refusals,
): Analysis {
  // Whoever was gone has not been there, as far as the estimates go.
  const sampled = part.looked - part.gone;
  const whole = !looked.sampled && !looked.partial;
  const share = part.looked === 0 ? 1 : sampled / part.looked;
  const sample: Sample = { population: whole ? sampled : Math.max(sampled, looked.keys * share), sampled };
  const groups = part.groups.all.filter(({ tally }) => tally.keys > 0);
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
    keys: { total: looked.keys, looked: part.looked, gone: part.gone },
    memory: {
      usedBytes: used,
      limitBytes: sum(memory, ({ limitBytes }) => limitBytes),
      keyBytes,
      otherBytes: Math.max(0, used - keyBytes.estimate),
      ttlBytes: sum(memory, ({ ttlBytes }) => ttlBytes),
    },
    groups: groups
      .map((group) => groupAnalysis(group, sample, sums, known))
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
        ([command, error]) => `${command} is refused, and what it tells is left out: ${error}`,
      ),
      ...part.mishaps,
      ...(part.moved ? [MOVED] : []),
      ...(whole ? difference(keyBytes.estimate, known, sample.population) : []),
    ],
  };
}

/** A few large keys in a sample make for more than there is. */
function atMost(bytes: number, { estimate, low, high }: Estimate, whole: boolean): Estimate {
  if (whole) return { estimate, low, high };
  return { estimate: Math.min(estimate, bytes), low: Math.min(low, bytes), high: Math.min(high, bytes) };
}

const MOVED =
  'keys have moved from one server to another meanwhile: some may be counted twice, others not at all';

/** Of the same keys. */
function difference(told: number, known: number, keys: number): string[] {
  const apart = Math.max(APART.bytes, APART.share * known, APART.keyBytes * keys);
  if (!(Math.abs(told - known) > apart)) return [];
  const why =
    told < known
      ? 'it looked at too few elements of large collections (--samples 0: at all)'
      : 'it tells too much of some types, such as streams with much that is pending';
  return [`MEMORY USAGE tells of ${megabytes(told)}, the server of ${megabytes(known)} of data: ${why}`];
}

function groupAnalysis(
  { name, by, tally }: Group,
  sample: Sample,
  all: ByteSums,
  known: number,
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

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}
