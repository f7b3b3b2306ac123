// Gives TTLs to the keys that have none, by the rules; or tells how many that would be. Owns the order of it: servers,
// databases, the journal, what is left to do of one that was interrupted.
import { ServerError } from '../keyspace/endpoint.js';
import { Pace } from '../keyspace/pace.js';
import { databasesOf, type KeyedDatabase, type Server, type Servers } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import type { CompiledRule, RuleSet } from '../policy/rule-set.js';
import { newCounts, type RuleCounts } from './counts.js';
import { drawSweptTtl } from './draw-ttl.js';
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
  /** undefined: look, and do nothing. */
  readonly journal: Journal | undefined;
  /** How far an interrupted one came; see placesDone(). */
  readonly from?: Progressed;
  /** TTLs given, at most. */
  readonly maxKeys: number | undefined;
  /** By up to so much of it a TTL is longer, so that not all end at once. */
  readonly spread: number;
  /** Keys a second that are looked at; undefined: as fast as the servers answer. */
  readonly maxRate: number | undefined;
  readonly signal: AbortSignal;
  readonly progress?: SweepProgress;
}

export interface SweepProgress {
  begin(title: string, total: number): void;
  advance(by: number): void;
  waiting(note: string | undefined): void;
}

export interface SweepResult {
  readonly version: 1;
  readonly applied: boolean;
  /** Why it is not done; null: it is. */
  readonly ended: 'interrupted' | 'maxKeys' | null;
  readonly seconds: number;
  readonly looked: number;
  readonly rules: readonly RuleCounts[];
  /** Its file; null: none, as nothing was to be done. */
  readonly journal: string | null;
  /** What somebody should know of. */
  readonly notes: readonly string[];
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
  const given = () => [...counts.values()].reduce((sum, count) => sum + count.given, 0);
  const full = new AbortController();
  const signal = AbortSignal.any([options.signal, full.signal]);
  const notes = new Set<string>();
  let looked = 0;

  const all: { server: Server; databases: KeyedDatabase[] }[] = [];
  for (const server of servers.all) all.push({ server, databases: await databasesOf(server, options.db) });
  const total = all.flatMap(({ databases }) => databases).reduce((sum, { keys }) => sum + keys, 0);
  options.progress?.begin(journal === undefined ? 'sweep (dry run)' : 'sweep', total);

  for (const { server, databases } of all) {
    const giver =
      journal && (await giverFor(server.redis, server.name, server.info.get('redis_version') ?? ''));
    if (giver?.atomic === false) notes.add(`${server.name}: ${NOT_ATOMIC}`);
    const clock = journal && (await clockOf(server));
    for (const { db } of databases) {
      if (signal.aborted) break;
      const apply =
        giver && journal && clock && applyBy(giver, journal, clock, options, () => maxKeys - given(), full);
      const onPage = (keys: number): void => {
        looked += keys;
        options.progress?.advance(keys);
      };
      const countsOf = ({ name }: CompiledRule): RuleCounts => counts.get(name) as RuleCounts;
      await sweepDatabase(server, db, { ...options, signal }, apply, countsOf, onPage);
    }
  }
  return {
    version: 1,
    applied: journal !== undefined,
    ended: options.signal.aborted ? 'interrupted' : full.signal.aborted ? 'maxKeys' : null,
    seconds: (performance.now() - begun) / 1000,
    looked,
    rules: [...counts.values()],
    journal: journal?.file ?? null,
    notes: [...notes],
  };
}

/**
 * How far the sweep of this file came, and the length of its whole lines.
 * @param terms by which it is to go on; see digestTerms()
 * @throws ServerError when it was begun by others, too: what it has passed over was judged by those
 */
export async function progressOf(file: string, terms: string): Promise<{ from: Progressed; length: number }> {
  const from = new Map<string, string>();
  let length = 0;
  const entries = readJournal(file, (whole) => {
    length = whole;
  });
  for await (const entry of entries) {
    if (entry.kind === 'begun' && entry.terms !== terms) throw new ServerError(`${file} ${OTHER_TERMS}`);
    if (entry.kind === 'undone') throw new ServerError(`${file} has been undone: begin a new sweep`);
    // Where the run is not told, it may be another one by now.
    if (entry.kind === 'done' && entry.place.run !== '') from.set(keyOf(entry.place), entry.cursor);
  }
  return { from, length };
}

const OTHER_TERMS =
  'was begun with other rules, or another --rule, and what it has passed over was judged by those: go on with them as ' +
  'they were, or begin a new sweep (without --resume), which leaves alone what has a TTL by now';

/** A page costs a flush of the journal; and its script keeps the server from its others for about 2 µs a key. */
const APPLY_PAGE_KEYS = 64;

const NOT_ATOMIC =
  'EVAL is refused, so a key that becomes another type in the moment between the look and the deed gets a TTL, too';

async function sweepDatabase(
  server: Server,
  db: number,
  options: SweepOptions,
  apply: Apply | undefined,
  counts: (rule: CompiledRule) => RuleCounts,
  onPage: (keys: number) => void,
): Promise<void> {
  const { name, rules, only, signal, maxRate, progress } = options;
  const { endpoint } = server;
  const place: Place = { server: server.name, db, run: server.info.get('run_id') ?? '' };
  const cursor = options.from?.get(keyOf(place));
  if (cursor === '0') return;
  const visit = new Visit({ endpoint, place, name, rules, only, counts, apply });
  const pace = new Pace(server.redis, { maxRate, onPause: (reason) => progress?.waiting(reason) });
  try {
    await pace.start();
    await walk(
      {
        endpoint,
        db,
        name,
        signal,
        ...(cursor !== undefined && { cursor }),
        ...(apply && { pageKeys: APPLY_PAGE_KEYS }),
        pace: (keys, ending) => pace.go(keys, ending),
        onPage,
      },
      visit,
    );
  } finally {
    visit.close();
    await pace.close();
  }
}

function applyBy(
  giver: Giver,
  journal: Journal,
  clock: () => number,
  { spread }: SweepOptions,
  room: () => number,
  full: AbortController,
): Apply {
  return {
    giver,
    journal,
    expireAt: (rule) => Math.round(clock() + drawSweptTtl(rule, spread, Math.random)),
    room,
    full: () => full.abort(),
  };
}

/** The server's, in milliseconds since 1970. */
async function clockOf({ redis, name }: Server): Promise<() => number> {
  try {
    const [seconds, micros] = (await redis.time()).map(Number);
    const ahead = (seconds as number) * 1000 + (micros as number) / 1000 - performance.now();
    return () => performance.now() + ahead;
  } catch (error) {
    throw new ServerError(`${name}: TIME is refused: ${(error as Error).message}`);
  }
}

function keyOf({ server, db, run }: Place): string {
  return JSON.stringify([server, db, run]);
}
