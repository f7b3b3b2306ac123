// The proxy's own sweep, where the config asks for one: every so often it gives TTLs to keys that have none, by the rules
// that are enforced. Owns the timer and the one run that is under way.
//
//   each minute: anything due? ──▶ connect ──▶ each database: its turn? ──▶ walk it ──▶ not before `every` again
//
// Invariants: one run at a time here, one proxy at a time in a database (turn.ts); when the rules change or the proxy
// closes, the run ends, and its database stays due; a failure is told and tried again, and serving clients never waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { SweepSnapshot } from '../admin/types.js';
import type { EffectiveSweep } from '../config/effective.js';
import { ServerError } from '../keyspace/endpoint.js';
import { Pace } from '../keyspace/pace.js';
import { connectServers, databasesOf, type Server, type Where } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { Priority, type Rule } from '../policy/rule.js';
import { RuleSet } from '../policy/rule-set.js';
import { FencedVisit } from './fenced-visit.js';
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

/** What is read of the config. */
export interface SweepJobConfig {
  readonly sweep: EffectiveSweep;
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
    const { rules, sweep } = this.config;
    this.config = next;
    if (isDeepStrictEqual([rules, sweep], [next.rules, next.sweep])) return;
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
    const { sweep, rules } = this.config;
    if (sweep.everyMs === 0 || !rules.some((rule) => rule.ttlMs > 0 && !rule.observe)) return;
    this.ending = new AbortController();
    const { signal } = this.ending;
    // The other databases are swept all the same.
    const lost: string[] = [];
    const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: true } });
    try {
      const servers = await connectServers(this.parts.where(), NAME);
      try {
        // A turn would have to be in every slot.
        if (servers.kind === 'cluster') throw new ServerError('a Cluster is swept by `spillway sweep` only');
        for (const server of servers.all) {
          for (const { db } of await databasesOf(server)) {
            if (signal.aborted) continue;
            if (!(await this.sweepDatabase(server, db, set, sweep, signal)))
              lost.push(`${server.name}, database ${db}`);
          }
        }
        if (lost.length > 0) throw new ServerError(`${lost.join('; ')}: ${LOST}`);
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

  /** false: its turn was lost before it was done. */
  private async sweepDatabase(
    server: Server,
    db: number,
    rules: RuleSet,
    { everyMs, maxRate }: EffectiveSweep,
    ending: AbortSignal,
  ): Promise<boolean> {
    const leaseMs = this.parts.leaseMs ?? LEASE_MS;
    const turn = await Turn.take(server, db, { leaseMs, everyMs, terms: digestTerms(rules, undefined) });
    if (turn === undefined) return true;
    this.sweeping = true;
    const begun = performance.now();
    const before = this.given;
    const onGiven = (keys: number): void => {
      this.given += keys;
    };
    const { endpoint } = server;
    const signal = AbortSignal.any([ending, turn.lost]);
    const visit = new FencedVisit({ server, db, name: NAME, rules, turn, onGiven });
    const pace = new Pace(server.redis, { maxRate });
    let done = false;
    try {
      await pace.start();
      const go = (keys: number, until: AbortSignal) => pace.go(keys, until);
      const all = await walk({ endpoint, db, name: NAME, signal, pace: go, patienceMs: PATIENCE_MS }, visit);
      // The last page may be where it turned out; else the end of the turn tells.
      done = all && !turn.lost.aborted;
    } finally {
      visit.close();
      await pace.close();
      await turn.end(done);
      this.sweeping = false;
    }
    if (turn.lost.aborted) return ending.aborted;
    if (!done) return true;
    this.doneAt = this.parts.now();
    this.parts.onDone(db, this.given - before, (performance.now() - begun) / 1000);
    return true;
  }
}
