// `spillway sweep`: gives TTLs to the keys that have none, by the rules, or in a dry run counts them. Owns the order:
// servers, databases, pages of keys.
import type { CompiledRule, RuleSet } from '../../core/policy/rule-set.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import { Pace } from '../keyspace/pace.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { databasesOf, type KeyedDatabase, type Server, type Servers, stayed } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { newCounts, type RuleCounts } from './counts.js';
import { drawSweptTtl } from './draw-ttl.js';
import { DueSizes, ttlRange } from './dry-sizes.js';
import { type Fullness, fullnessOf, Headroom, type MemoryMark } from './headroom.js';
import { idleNote } from './idle.js';
import type { Journal, Place } from './journal.js';
import { endOf, memoryOf, type ServerMemory, type SweepResult, type SweptRule } from './result.js';
import { keyOf, type Progressed, placeOf } from './resume.js';
import { type Giver, giverFor } from './scripts.js';
import { type Apply, Visit } from './visit.js';

export interface SweepOptions {
  /** For CLIENT LIST. */
  readonly name: string;
  readonly rules: RuleSet;
  /** Names of rules; undefined: all. */
  readonly only: ReadonlySet<string> | undefined;
  /** undefined: all that have keys. */
  readonly db: number | undefined;
  /** undefined: a dry run. */
  readonly journal: Journal | undefined;
  /** How far an interrupted sweep came; see progressOf(). */
  readonly from?: Progressed;
  /** The most TTLs to give. */
  readonly maxKeys: number | undefined;
  /** A TTL is longer by up to this share of itself, so that not all keys expire at once. */
  readonly spread: number;
  /** Replaces the TTL of a rule that has a longer one; undefined: the rules' TTLs. */
  readonly mostTtlMs?: number | undefined;
  /** Only keys that nobody has used for this time; undefined: all. */
  readonly idleMs?: number | undefined;
  /** How full the sweep may make a server. */
  readonly mark: MemoryMark;
  /** Keys to look at in a second; undefined: as fast as the servers answer. */
  readonly maxRate: number | undefined;
  readonly signal: AbortSignal;
  readonly progress?: WalkProgress;
}

/** A key does not show who wrote it. */
function byUser(names: readonly string[]): string {
  return `keys that rules with "user" match get no TTL, because a key does not show which user wrote it: ${names.join(', ')}`;
}

/** @throws ServerError */
export async function sweep(servers: Servers, options: SweepOptions): Promise<SweepResult> {
  const begun = performance.now();
  const { rules, journal, maxKeys = Number.POSITIVE_INFINITY, only } = options;
  const counts = new Map<string, RuleCounts>();
  for (const { name, ttlMs, observe } of rules.rules) {
    if (ttlMs > 0 && only?.has(name) !== false) counts.set(name, newCounts(name, observe));
  }
  const sizes = new Map<string, DueSizes>([...counts.keys()].map((name) => [name, new DueSizes()]));
  const sizesOf = ({ name }: CompiledRule): DueSizes => sizes.get(name) as DueSizes;
  const sum = (of: (count: RuleCounts) => number) =>
    [...counts.values()].reduce((total, count) => total + of(count), 0);
  const due = () => sum((count) => (count.observe ? 0 : count.due));
  const full = new AbortController();
  const signal = AbortSignal.any([options.signal, full.signal]);
  const notes = new Set<string>();
  const memory: ServerMemory[] = [];
  let looked = 0;

  const all: { server: Server; databases: KeyedDatabase[] }[] = [];
  for (const server of servers.all) all.push({ server, databases: await databasesOf(server, options.db) });
  const total = all.flatMap(({ databases }) => databases).reduce((keys, each) => keys + each.keys, 0);
  options.progress?.begin(journal === undefined ? 'sweep (dry run)' : 'sweep', total);

  const placement = await servers.placement();
  if (placement === undefined) notes.add(NOT_NOTICED);
  const unknown = rules.rules.filter(({ users, ttlMs }) => users !== undefined && ttlMs > 0);
  if (unknown.length > 0) notes.add(byUser(unknown.map(({ name }) => name)));
  let moved = false;
  for (const { server, databases } of all) {
    const giver =
      journal && (await giverFor(server.redis, server.name, server.info.get('redis_version') ?? ''));
    if (giver?.atomic === false) notes.add(`${server.name}: ${NOT_ATOMIC}`);
    const before = await fullnessOf(server, options.mark);
    if (evictsWhatEnds(before)) notes.add(`${server.name}: ${EVICTS}`);
    const idle = options.idleMs === undefined ? undefined : idleNote(server, before, options.idleMs);
    if (idle !== undefined) notes.add(idle);
    const cost = new TtlCost(server.info);
    const dueBefore = due();
    // Ends this server only: the others may have room.
    const stop = new AbortController();
    const here = AbortSignal.any([signal, stop.signal]);
    let costBytes = 0;
    for (const { db, expires } of databases) {
      if (here.aborted) break;
      const headroom = new Headroom(server, db, options.mark);
      const room = async (keys: number): Promise<number> => {
        const allowed = Math.min(keys, maxKeys - sum((count) => count.given));
        const some = await headroom.room(allowed);
        if (some < allowed) stop.abort();
        else if (allowed < keys) full.abort();
        return some;
      };
      const apply = giver && journal && applyBy(giver, journal, options, room);
      const onPage = (keys: number): void => {
        looked += keys;
        options.progress?.advance(keys);
      };
      const countsOf = ({ name }: CompiledRule): RuleCounts => counts.get(name) as RuleCounts;
      const place = placeOf(server, db, placement);
      const dueHere = due();
      moved =
        (await sweepDatabase(
          server,
          place,
          { ...options, signal: here },
          apply,
          countsOf,
          sizesOf,
          onPage,
        )) || moved;
      costBytes += cost.bytes(expires, due() - dueHere);
    }
    memory.push(memoryOf(server, before, options.mark, due() - dueBefore, costBytes, stop.signal.aborted));
  }
  const outcomeOf = (rule: CompiledRule): Omit<SweptRule, keyof RuleCounts> => {
    if (journal !== undefined) return { dueBytes: null, expireAfterSeconds: null };
    const [first, last] = ttlRange(rule, options.spread, options.mostTtlMs);
    return {
      dueBytes: sizesOf(rule).estimate(counts.get(rule.name)?.due ?? 0),
      expireAfterSeconds: [first / 1000, last / 1000],
    };
  };
  moved ||= !(signal.aborted || (await stayed(servers, placement)));
  return {
    version: 1,
    applied: journal !== undefined,
    ended: endOf(options.signal.aborted, memory, full.signal.aborted, moved),
    seconds: (performance.now() - begun) / 1000,
    looked,
    rules: rules.rules
      .filter(({ name }) => counts.has(name))
      .map((rule) => ({ ...(counts.get(rule.name) as RuleCounts), ...outcomeOf(rule) })),
    memory,
    journal: journal?.file ?? null,
    notes: [...notes],
  };
}

/** Each page costs a flush of the journal, and its script blocks the server's other clients for about 2 µs a key. */
const APPLY_PAGE_KEYS = 64;

const NOT_ATOMIC =
  'EVAL is refused: a key that changes its type, or is used, between check and write gets a TTL too. --undo needs a user with the ' +
  'right to EVAL';
const NOT_NOTICED = 'CLUSTER NODES is refused: sweep cannot notice slots that move meanwhile';
const EVICTS =
  'the server is over maxmemory and evicts keys that have a TTL: it may evict a key as soon as it gets one, and --undo cannot bring it back';

function evictsWhatEnds({ policy, usedBytes, limitBytes }: Fullness): boolean {
  return policy.startsWith('volatile-') && limitBytes > 0 && usedBytes > limitBytes;
}

/** Returns whether it met keys that had moved to another server. */
async function sweepDatabase(
  server: Server,
  place: Place,
  options: SweepOptions,
  apply: Apply | undefined,
  counts: (rule: CompiledRule) => RuleCounts,
  sizes: (rule: CompiledRule) => DueSizes,
  onPage: (keys: number) => void,
): Promise<boolean> {
  const { name, rules, only, idleMs, signal, maxRate, progress } = options;
  const { endpoint } = server;
  const { db } = place;
  const cursor = options.from?.get(keyOf(place));
  if (cursor === '0') return false;
  const visit = new Visit({
    ...{ endpoint, place, name, rules, only, idleMs, counts, apply },
    ...(apply === undefined && { sizes }),
  });
  const pace = new Pace(server.redis, { maxRate, onPause: (reason) => progress?.waiting(reason) });
  try {
    await pace.start();
    await walk(
      {
        endpoint,
        db,
        name,
        signal,
        ...(cursor !== undefined && { cursor, run: server.info.get('run_id') }),
        ...(apply && { pageKeys: APPLY_PAGE_KEYS }),
        pace: (keys, ending) => pace.go(keys, ending),
        onPage,
        onAway: (reason) => progress?.waiting(reason),
      },
      visit,
    );
    return visit.moved;
  } finally {
    visit.close();
    await pace.close();
  }
}

function applyBy(
  giver: Giver,
  journal: Journal,
  { spread, mostTtlMs }: SweepOptions,
  room: Apply['room'],
): Apply {
  return {
    giver,
    journal,
    drawTtl: (rule) => drawSweptTtl(rule, spread, Math.random, mostTtlMs),
    room,
  };
}
