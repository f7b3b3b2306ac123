// Walks all keys of all servers, or a sample of them, and finds what holds the memory. Owns the order of the walk.
// measure.ts asks about the keys; analysis.ts makes the result.

import { ANY_DATABASE } from '../../core/policy/key-memory.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { infoFields } from '../../memory/reading.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import { ConnectionLost, ServerError } from '../keyspace/endpoint.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { databasesOf, type KeyedDatabase, type Server, type Servers, stayed } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { WalkPace } from '../keyspace/walk-pace.js';
import { type Analysis, assemble, type Looked, type ServerMemory } from './analysis.js';
import { Biggest } from './biggest.js';
import { Groups } from './groups.js';
import { Measure, type Part, type Refusals } from './measure.js';

export interface AnalyzeOptions {
  /** For CLIENT LIST. */
  readonly name: string;
  /** undefined: groups by patterns alone. */
  readonly rules: RuleSet | undefined;
  /** undefined: all databases that have keys. */
  readonly db: number | undefined;
  /** About how many keys to look at; undefined: all. */
  readonly sample: number | undefined;
  /** SAMPLES of MEMORY USAGE; undefined: depends on the key's size. */
  readonly samples: number | undefined;
  /** How many of the biggest keys of each type to list. */
  readonly biggest: number;
  /** Keys a second; undefined: as fast as the servers answer, for a sample SAMPLE_RATE. */
  readonly maxRate: number | undefined;
  readonly signal: AbortSignal;
  readonly progress?: WalkProgress;
  /** How long a server may be away. */
  readonly patienceMs?: number;
  /** The title of the progress line; default "analyze". */
  readonly title?: string;
}

/**
 * Keys a second for a sample. It takes seconds in any case, and in its first second, before the JIT compiler is done, this
 * program takes the most processor time from a small machine.
 */
const SAMPLE_RATE = 15_000;

/** @throws ServerError */
export async function analyze(servers: Servers, options: AnalyzeOptions): Promise<Analysis> {
  const begun = performance.now();
  const all: { server: Server; databases: KeyedDatabase[] }[] = [];
  for (const server of servers.all) all.push({ server, databases: await databasesOf(server, options.db) });
  const keys = all.flatMap(({ databases }) => databases).reduce((sum, each) => sum + each.keys, 0);
  const share = options.sample === undefined || keys === 0 ? 1 : Math.min(1, options.sample / keys);
  options.progress?.begin(options.title ?? 'analyze', Math.ceil(keys * share));
  const before = await servers.placement();

  const refusals: Refusals = new Map();
  const total = newPart(options);
  const memory: ServerMemory[] = [];
  let lost = false;
  for (const { server, databases } of all) {
    memory.push(await memoryOf(server, databases));
    for (const database of databases) {
      const wanted = Math.ceil(database.keys * share);
      const part = await analyzeDatabase(server, database, wanted, options, refusals);
      total.groups.merge(part.groups);
      total.biggest.merge(part.biggest);
      total.looked += part.looked;
      total.gone += part.gone;
      total.moved ||= part.moved;
      total.mishaps.push(...part.mishaps);
      lost ||= part.lost;
      if (options.signal.aborted || lost) break;
    }
    if (options.signal.aborted || lost) break;
  }
  total.moved ||= !(options.signal.aborted || lost || (await stayed(servers, before)));
  const looked: Looked = {
    servers: all.map(({ server }) => server.name),
    keys,
    sampled: share < 1,
    partial: options.signal.aborted || lost,
    seconds: (performance.now() - begun) / 1000,
  };
  return assemble(looked, total, memory, refusals);
}

async function analyzeDatabase(
  server: Server,
  { db, keys }: KeyedDatabase,
  wanted: number,
  options: AnalyzeOptions,
  refusals: Refusals,
): Promise<Part & { lost: boolean }> {
  const { name, samples, progress } = options;
  const { endpoint } = server;
  const maxRate = options.maxRate ?? (wanted < keys ? SAMPLE_RATE : undefined);
  const onPause = (reason: string | undefined) => progress?.waiting(reason);
  const pace = await WalkPace.begin(server.redis, { maxRate, onPause });
  const measure = new Measure(
    { endpoint, server: server.name, db, name, samples },
    () => newPart(options, db),
    refusals,
  );
  const enough = new AbortController();
  const signal = AbortSignal.any([options.signal, enough.signal]);
  const go = async (cursor: string): Promise<boolean> =>
    walk(
      {
        endpoint,
        db,
        name,
        cursor,
        signal,
        pace: (count, ending) => pace.go(count, ending),
        onAway: onPause,
        ...(options.patienceMs !== undefined && { patienceMs: options.patienceMs }),
        onPage: (count) => {
          progress?.advance(count);
          if (wanted < keys && measure.part.looked >= wanted) enough.abort();
        },
      },
      measure,
    );
  try {
    // SCAN returns keys in the order of a seeded hash, so any stretch of it is a random sample.
    const from = wanted < keys ? String(Math.floor(Math.random() * 2 ** 32)) : '0';
    if ((await go(from)) && from !== '0' && measure.part.looked < wanted) await go('0');
  } catch (error) {
    // Reports what was seen until then: it may have taken long.
    if (!(error instanceof ConnectionLost) || measure.part.looked === 0) throw error;
    measure.part.mishaps.push(`lost before the end: ${error.message}`);
    return { ...measure.part, lost: true };
  } finally {
    measure.close();
    await pace.close();
  }
  return { ...measure.part, lost: false };
}

/** `db`: the database of the counted keys. A key does not show who wrote it, so rules for a user match none. */
function newPart({ rules, biggest }: AnalyzeOptions, db = ANY_DATABASE): Part {
  return {
    groups: new Groups(rules?.view(db, undefined), db),
    biggest: new Biggest(biggest),
    looked: 0,
    gone: 0,
    moved: false,
    mishaps: [],
  };
}

async function memoryOf(
  { redis, name, info }: Server,
  databases: readonly KeyedDatabase[],
): Promise<ServerMemory> {
  let text: string;
  try {
    text = await redis.info('memory');
  } catch (error) {
    throw new ServerError(`${name}: INFO memory is refused: ${(error as Error).message}`);
  }
  const fields = infoFields(text);
  const number = (field: string) => Number(fields.get(field) ?? Number.NaN);
  const cost = new TtlCost(info);
  return {
    usedBytes: number('used_memory'),
    startupBytes: number('used_memory_startup'),
    overheadBytes: number('used_memory_overhead'),
    limitBytes: number('maxmemory'),
    ttlBytes: databases.reduce((sum, { keys, expires }) => sum + cost.bytes(expires, keys - expires), 0),
  };
}
