// `spillway sweep`: gives TTLs to the keys that have none, by the rules, or in a dry run counts them. Owns the order:
// servers, databases, pages of keys.
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { evictedUnder } from '../../memory/eviction-policy.js';
import { TtlCost } from '../../memory/ttl-cost.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { databasesOf, type KeyedDatabase, type Server, type Servers, stayed } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { WalkPace } from '../keyspace/walk-pace.js';
import type { RuleCounts } from './counts.js';
import { drawSweptTtl } from './draw-ttl.js';
import { ttlRange } from './dry-sizes.js';
import { type Fullness, fullnessOf, Headroom, type MemoryMark } from './headroom.js';
import { idleNote } from './idle.js';
import type { Journal, Place } from './journal.js';
import { endOf, memoryOf, type ServerMemory, type SweepResult, type SweptRule } from './result.js';
import { keyOf, type Progressed, placeOf } from './resume.js';
import { type Giver, giverFor } from './scripts.js';
import { Tally } from './tally.js';
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

/** Each page costs a flush of the journal, and its script blocks the server's other clients for about 2 µs a key. */
const APPLY_PAGE_KEYS = 64;

const NOT_ATOMIC =
  'EVAL is refused: a key that changes its type, or is used, between check and write gets a TTL too. --undo needs a user with the ' +
  'right to EVAL';
const NOT_NOTICED = 'CLUSTER NODES is refused: sweep cannot notice slots that move meanwhile';
const EVICTS =
  'the server is over maxmemory and evicts keys that have a TTL: it may evict a key as soon as it gets one, and --undo cannot bring it back';

/** @throws ServerError */
export function sweep(servers: Servers, options: SweepOptions): Promise<SweepResult> {
  return new Sweep(servers, options).run();
}

/** One run of `spillway sweep`. */
class Sweep {
  private readonly tally: Tally;
  private readonly maxKeys: number;
  /** maxKeys TTLs have been given. */
  private readonly full = new AbortController();
  private readonly signal: AbortSignal;
  private readonly notes = new Set<string>();
  private readonly memory: ServerMemory[] = [];
  private looked = 0;
  /** It met keys that had moved to another server. */
  private moved = false;

  constructor(
    private readonly servers: Servers,
    private readonly options: SweepOptions,
  ) {
    const { rules, only, maxKeys, signal } = options;
    this.tally = new Tally(rules, only);
    this.maxKeys = maxKeys ?? Number.POSITIVE_INFINITY;
    this.signal = AbortSignal.any([signal, this.full.signal]);
  }

  async run(): Promise<SweepResult> {
    const begun = performance.now();
    const { servers, options } = this;
    const all: { server: Server; databases: KeyedDatabase[] }[] = [];
    for (const server of servers.all) all.push({ server, databases: await databasesOf(server, options.db) });
    const total = all.flatMap(({ databases }) => databases).reduce((keys, each) => keys + each.keys, 0);
    options.progress?.begin(options.journal === undefined ? 'sweep (dry run)' : 'sweep', total);
    const placement = await servers.placement();
    if (placement === undefined) this.notes.add(NOT_NOTICED);
    this.noteUsers();
    for (const { server, databases } of all) await this.sweepServer(server, databases, placement);
    this.moved ||= !(this.signal.aborted || (await stayed(servers, placement)));
    return this.result(begun);
  }

  private noteUsers(): void {
    const unknown = this.options.rules.rules.filter(({ users, ttlMs }) => users !== undefined && ttlMs > 0);
    if (unknown.length > 0) this.notes.add(byUser(unknown.map(({ name }) => name)));
  }

  private async sweepServer(
    server: Server,
    databases: readonly KeyedDatabase[],
    placement: string | undefined,
  ): Promise<void> {
    const { options, tally } = this;
    const giver = await this.giverOf(server);
    const before = await fullnessOf(server, options.mark);
    if (evictsWhatEnds(before)) this.notes.add(`${server.name}: ${EVICTS}`);
    const idle = options.idleMs === undefined ? undefined : idleNote(server, before, options.idleMs);
    if (idle !== undefined) this.notes.add(idle);
    const cost = new TtlCost(server.info);
    const dueBefore = tally.due;
    // Ends this server only: the others may have room.
    const stop = new AbortController();
    const signal = AbortSignal.any([this.signal, stop.signal]);
    let costBytes = 0;
    for (const { db, expires } of databases) {
      if (signal.aborted) break;
      const dueHere = tally.due;
      const apply = giver && this.applyIn(server, db, giver, stop);
      await this.sweepDatabase(server, placeOf(server, db, placement), apply, signal);
      costBytes += cost.bytes(expires, tally.due - dueHere);
    }
    const due = tally.due - dueBefore;
    this.memory.push(memoryOf(server, before, options.mark, due, costBytes, stop.signal.aborted));
  }

  /** undefined: a dry run. */
  private async giverOf({ redis, name, info }: Server): Promise<Giver | undefined> {
    if (this.options.journal === undefined) return undefined;
    const giver = await giverFor(redis, name, info.get('redis_version') ?? '');
    if (!giver.atomic) this.notes.add(`${name}: ${NOT_ATOMIC}`);
    return giver;
  }

  /** `stop` is aborted when this server has no room left. */
  private applyIn(server: Server, db: number, giver: Giver, stop: AbortController): Apply | undefined {
    const { journal, mark, spread, mostTtlMs } = this.options;
    if (journal === undefined) return undefined;
    const headroom = new Headroom(server, db, mark);
    return {
      ...{ giver, journal },
      drawTtl: (rule) => drawSweptTtl(rule, spread, Math.random, mostTtlMs),
      room: async (keys) => {
        const allowed = Math.min(keys, this.maxKeys - this.tally.given);
        const some = await headroom.room(allowed);
        if (some < allowed) stop.abort();
        else if (allowed < keys) this.full.abort();
        return some;
      },
    };
  }

  private async sweepDatabase(
    server: Server,
    place: Place,
    apply: Apply | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, rules, only, idleMs, maxRate, progress, from } = this.options;
    const { endpoint } = server;
    const { db } = place;
    const cursor = from?.get(keyOf(place));
    if (cursor === '0') return;
    const { tally } = this;
    const onPause = (reason: string | undefined) => progress?.waiting(reason);
    const pace = await WalkPace.begin(server.redis, { maxRate, onPause });
    const visit = new Visit({
      ...{ endpoint, place, name, rules, only, idleMs, apply },
      counts: (rule) => tally.countsOf(rule),
      ...(apply === undefined && { sizes: (rule) => tally.sizesOf(rule) }),
    });
    try {
      await walk(
        {
          ...{ endpoint, db, name, signal },
          ...(cursor !== undefined && { cursor, run: server.info.get('run_id') }),
          ...(apply && { pageKeys: APPLY_PAGE_KEYS }),
          pace: (keys, ending) => pace.go(keys, ending),
          onPage: (keys) => this.passed(keys),
          onAway: onPause,
        },
        visit,
      );
      this.moved ||= visit.moved;
    } finally {
      visit.close();
      await pace.close();
    }
  }

  private passed(keys: number): void {
    this.looked += keys;
    this.options.progress?.advance(keys);
  }

  private result(begun: number): SweepResult {
    const { options, tally, memory, looked } = this;
    const { rules, journal, signal } = options;
    return {
      version: 1,
      applied: journal !== undefined,
      ended: endOf(signal.aborted, memory, this.full.signal.aborted, this.moved),
      seconds: (performance.now() - begun) / 1000,
      looked,
      rules: rules.rules
        .filter((rule) => tally.counts(rule))
        .map((rule) => ({ ...tally.countsOf(rule), ...this.outcomeOf(rule) })),
      memory,
      journal: journal?.file ?? null,
      notes: [...this.notes],
    };
  }

  private outcomeOf(rule: CompiledRule): Omit<SweptRule, keyof RuleCounts> {
    const { journal, spread, mostTtlMs } = this.options;
    if (journal !== undefined) return { dueBytes: null, expireAfterSeconds: null };
    const [first, last] = ttlRange(rule, spread, mostTtlMs);
    const { tally } = this;
    return {
      dueBytes: tally.sizesOf(rule).estimate(tally.countsOf(rule).due),
      expireAfterSeconds: [first / 1000, last / 1000],
    };
  }
}

function evictsWhatEnds({ policy, usedBytes, limitBytes }: Fullness): boolean {
  return evictedUnder(policy) === 'volatile' && limitBytes > 0 && usedBytes > limitBytes;
}
