// `spillway sweep`: gives TTLs to the keys that have none, by the rules, or in a dry run counts them. Owns the order:
// servers, databases, the journal, and where an interrupted sweep continues. That order is one story, so the file is long.
import { createHash } from 'node:crypto';
import type { CompiledRule, RuleSet } from '../../core/policy/rule-set.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import { ServerError } from '../keyspace/endpoint.js';
import { Pace } from '../keyspace/pace.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { databasesOf, type KeyedDatabase, type Server, type Servers, stayed } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { newCounts, type RuleCounts } from './counts.js';
import { drawSweptTtl } from './draw-ttl.js';
import { DueSizes, ttlRange } from './dry-sizes.js';
import { type Fullness, fullnessOf, Headroom, type MemoryMark } from './headroom.js';
import { idleNote } from './idle.js';
import { type Journal, type Place, readJournal } from './journal.js';
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

export interface SweepResult {
  readonly version: 1;
  readonly applied: boolean;
  /**
   * Why it ended before all keys were done; null: it did not. `memory`: a server is as full as the sweep may make it;
   * `moved`: keys moved to another server, where the sweep may have missed them.
   */
  readonly ended: 'interrupted' | 'maxKeys' | 'memory' | 'moved' | null;
  readonly seconds: number;
  readonly looked: number;
  readonly rules: readonly SweptRule[];
  readonly memory: readonly ServerMemory[];
  /** The journal's file; null: a dry run. */
  readonly journal: string | null;
  /** What the operator should know. */
  readonly notes: readonly string[];
}

/** A rule's counts, and of a dry run what comes of its due keys. */
export interface SweptRule extends RuleCounts {
  /** What the due keys hold, by the sizes of some; null: not known, or not a dry run. */
  readonly dueBytes: number | null;
  /** After how many seconds the first and the last of them expire; null: not a dry run. */
  readonly expireAfterSeconds: readonly [number, number] | null;
}

/** The memory of a server, and how much of it the TTLs take. */
export interface ServerMemory {
  readonly server: string;
  /** Before the sweep, as the server compares it with its limit. */
  readonly usedBytes: number;
  /** null: it has none. */
  readonly limitBytes: number | null;
  readonly policy: string;
  /** Where the sweep stops; null: nowhere. */
  readonly untilBytes: number | null;
  /** Keys without a TTL that should get one. */
  readonly due: number;
  /** The most that the TTLs of all due keys take. */
  readonly costBytes: number;
  /** The server is as full as the sweep may make it. */
  readonly stopped: boolean;
}

/** A key does not show who wrote it. */
function byUser(names: readonly string[]): string {
  return `keys that rules with "user" match get no TTL, because a key does not show which user wrote it: ${names.join(', ')}`;
}

/** Cursors by place; see keyOf(). */
export type Progressed = ReadonlyMap<string, string>;

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

/**
 * How far the sweep of this journal came, and the length of the journal's whole lines.
 * @param terms of the sweep that continues it; see digestTerms()
 * @throws ServerError also when it began with other terms, because these decided which keys it passed over
 */
export async function progressOf(file: string, terms: string): Promise<{ from: Progressed; length: number }> {
  const from = new Map<string, string>();
  let length = 0;
  const entries = readJournal(file, (whole) => {
    length = whole;
  });
  for await (const entry of entries) {
    if (entry.kind === 'begun' && entry.terms !== terms) throw new ServerError(`${file} ${OTHER_TERMS}`);
    if (entry.kind === 'damaged') throw new ServerError(`${file}, line ${entry.line}: ${DAMAGED}`);
    if (entry.kind === 'undone') throw new ServerError(`${file} has been undone: begin a new sweep`);
    // If the server's run is unknown, it may be another one by now, and then the cursor means nothing.
    if (entry.kind === 'done' && entry.place.run !== '') from.set(keyOf(entry.place), entry.cursor);
  }
  return { from, length };
}

const DAMAGED =
  'it is damaged: begin a new sweep without --resume, which keeps the TTLs that are there; --undo skips damaged lines';
const OTHER_TERMS =
  'was begun with other rules, another --rule or another --idle, which decided the keys that it passed over: continue with those, or begin ' +
  'a new sweep without --resume, which keeps the TTLs that are there';

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

function endOf(
  interrupted: boolean,
  memory: readonly ServerMemory[],
  full: boolean,
  moved: boolean,
): SweepResult['ended'] {
  if (interrupted) return 'interrupted';
  if (memory.some(({ stopped }) => stopped)) return 'memory';
  if (full) return 'maxKeys';
  return moved ? 'moved' : null;
}

function memoryOf(
  { name }: Server,
  { usedBytes, limitBytes, policy }: Fullness,
  { until }: MemoryMark,
  due: number,
  costBytes: number,
  stopped: boolean,
): ServerMemory {
  const limited = limitBytes > 0;
  return {
    server: name,
    usedBytes,
    limitBytes: limited ? limitBytes : null,
    policy,
    untilBytes: limited && until !== undefined ? Math.floor(until * limitBytes) : null,
    ...{ due, costBytes, stopped },
  };
}

/** A cursor is valid while the server's process runs and slots stay where they are. */
function placeOf({ name, info }: Server, db: number, placement: string | undefined): Place {
  const run = info.get('run_id') ?? '';
  const placed = createHash('sha256')
    .update(placement ?? '')
    .digest('hex')
    .slice(0, 16);
  return { server: name, db, run: run === '' ? '' : `${run} ${placed}` };
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

function keyOf({ server, db, run }: Place): string {
  return JSON.stringify([server, db, run]);
}
