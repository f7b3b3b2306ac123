// The proxy's own sweep, where the config asks for one: every so often it gives TTLs to keys that have none, by the rules
// that are enforced. Owns the timer and the one run that is under way.
//
//   each minute: anything due? ──▶ connect ──▶ each database: its turn? ──▶ walk it ──▶ not before `every` again
//
// Invariants: one run at a time here, one proxy at a time in a database (turn.ts); when the rules change or the proxy
// closes, the run ends, and its database stays due; so it does where the server is as full as TTLs may make it; a failure
// is told and tried again, and serving clients never waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EffectiveMemory, EffectiveSweep } from '../../config/effective.js';
import { Priority, type Rule } from '../../core/policy/rule.js';
import { RuleSet } from '../../core/policy/rule-set.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import { ServerError } from '../keyspace/endpoint.js';
import { Pace } from '../keyspace/pace.js';
import { connectServers, databasesOf, type Server, type Where } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { FencedVisit } from './fenced-visit.js';
import { firstBand, Headroom } from './headroom.js';
import { digestTerms } from './terms.js';
import { Turn } from './turn.js';

const NAME = 'spillway-sweep-job';
const LOOK_MS = 60_000;
const LEASE_MS = 30_000;
/** A server that goes away during a run is left to the next look. */
const PATIENCE_MS = 5000;
/** What the end of a run may take while the proxy closes. */
const LAST_MS = 1500;

const LOST =
  'its turn was lost: another proxy has taken it since, or its key, spillway:sweep, was deleted or evicted';

const FULL =
  'more TTLs would fill its memory beyond sweep.until, so the rest waits until memory has fallen; give it more memory, or ' +
  'let `spillway sweep` tell what the TTLs take';

/** What is read of the config. */
export interface SweepJobConfig {
  readonly sweep: EffectiveSweep;
  readonly memory: Pick<EffectiveMemory, 'limitBytes' | 'bands'>;
  readonly rules: readonly Rule[];
}

export interface SweepJobParts {
  /** Asked before each run: certificates may have been renewed. */
  readonly where: () => Where;
  readonly onDone: (db: number, given: number, seconds: number) => void;
  readonly onFailed: (problem: string) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Between two looks whether a sweep is due. */
  readonly lookMs?: number;
  readonly leaseMs?: number;
}

export class SweepJob {
  private readonly lookMs: number;
  private timer: NodeJS.Timeout | undefined;
  private ending = new AbortController();
  private underWay: Promise<void> | undefined;
  private sweeping = false;
  private closed = false;
  private given = 0;
  private failures = 0;
  private problem: string | null = null;
  private doneAt: number | null = null;

  constructor(
    private config: SweepJobConfig,
    private readonly parts: SweepJobParts,
  ) {
    this.lookMs = parts.lookMs ?? LOOK_MS;
    this.plan();
  }

  reload(next: SweepJobConfig): void {
    const before = termsOf(this.config);
    this.config = next;
    if (isDeepStrictEqual(before, termsOf(next))) return;
    this.ending.abort();
    this.plan();
  }

  snapshot(): SweepSnapshot {
    const { sweeping, given, failures, problem, doneAt } = this;
    const on = this.config.sweep.everyMs > 0;
    return { on, running: sweeping, given, failures, problem, doneAt };
  }

  /** Gives the turn back, where that does not take long. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.ending.abort();
    await Promise.race([this.underWay, sleep(LAST_MS, undefined, { ref: false })]);
  }

  /** Not all proxies that were started together ask at once. */
  private plan(): void {
    clearTimeout(this.timer);
    if (this.closed || this.config.sweep.everyMs === 0) return;
    this.timer = setTimeout(() => this.begin(), this.lookMs * (0.5 + Math.random()));
    this.timer.unref();
  }

  private begin(): void {
    // A run that was ended by a reload is on its way out.
    this.underWay ??= this.run().finally(() => {
      this.underWay = undefined;
      this.plan();
    });
  }

  private async run(): Promise<void> {
    const config = this.config;
    const { sweep, rules } = config;
    if (sweep.everyMs === 0 || !rules.some((rule) => rule.ttlMs > 0 && !rule.observe)) return;
    this.ending = new AbortController();
    const { signal } = this.ending;
    // The other databases are swept all the same.
    const left: string[] = [];
    const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: true } });
    try {
      const servers = await connectServers(this.parts.where(), NAME);
      try {
        // A turn would have to be in every slot.
        if (servers.kind === 'cluster') throw new ServerError('a Cluster is swept by `spillway sweep` only');
        for (const server of servers.all) {
          for (const { db } of await databasesOf(server)) {
            if (signal.aborted) continue;
            const why = await this.sweepDatabase(server, db, set, config, signal);
            if (why !== undefined) left.push(`${server.name}, database ${db}: ${why}`);
          }
        }
        if (left.length > 0) throw new ServerError(left.join('; '));
      } finally {
        servers.close();
      }
      this.problem = null;
    } catch (error) {
      if (signal.aborted) return;
      this.failures++;
      const problem = (error as Error).message;
      // What lasts is told once.
      if (problem !== this.problem) this.parts.onFailed(problem);
      this.problem = problem;
    } finally {
      this.sweeping = false;
    }
  }

  /** Why it was not done, where that is not for the run's end. */
  private async sweepDatabase(
    server: Server,
    db: number,
    rules: RuleSet,
    { sweep: { everyMs, maxRate, until }, memory: { limitBytes, bands } }: SweepJobConfig,
    ending: AbortSignal,
  ): Promise<string | undefined> {
    const leaseMs = this.parts.leaseMs ?? LEASE_MS;
    const turn = await Turn.take(server, db, { leaseMs, everyMs, terms: digestTerms(rules, undefined) });
    if (turn === undefined) return undefined;
    this.sweeping = true;
    const begun = performance.now();
    const before = this.given;
    const onGiven = (keys: number): void => {
      this.given += keys;
    };
    const { endpoint } = server;
    const full = new AbortController();
    const mark = { until: until === null ? undefined : (until ?? firstBand(bands)), limitBytes };
    const headroom = new Headroom(server, db, mark);
    const room = async (keys: number): Promise<number> => {
      const some = await headroom.room(keys);
      if (some < keys) full.abort();
      return some;
    };
    const signal = AbortSignal.any([ending, turn.lost, full.signal]);
    const visit = new FencedVisit({ server, db, name: NAME, rules, turn, onGiven, room });
    const pace = new Pace(server.redis, { maxRate });
    let done = false;
    try {
      await pace.start();
      const go = (keys: number, until: AbortSignal) => pace.go(keys, until);
      const all = await walk({ endpoint, db, name: NAME, signal, pace: go, patienceMs: PATIENCE_MS }, visit);
      // The last page may be where it turned out; else the end of the turn tells.
      done = all && !turn.lost.aborted && !full.signal.aborted;
    } finally {
      visit.close();
      await pace.close();
      await turn.end(done);
      this.sweeping = false;
    }
    const why = turn.lost.aborted ? LOST : full.signal.aborted ? FULL : undefined;
    if (!done || why !== undefined) return ending.aborted ? undefined : why;
    this.doneAt = this.parts.now();
    this.parts.onDone(db, this.given - before, (performance.now() - begun) / 1000);
    return undefined;
  }
}

/** What a run goes by. */
function termsOf({ rules, sweep, memory: { limitBytes, bands } }: SweepJobConfig): readonly unknown[] {
  return [rules, sweep, limitBytes, bands];
}
