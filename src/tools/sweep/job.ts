// The proxy's own sweep (`sweep.every`): it gives TTLs to keys that have none, by the rules that are enforced. Owns the
// timer and the current run.
//
//   each minute ──▶ connect ──▶ each database: due, and lease taken? ──▶ walk it ──▶ due again after `every`
//
// Invariants: one run at a time in this process, and one proxy at a time in a database (lease.ts). When the rules change, the
// proxy closes or memory reaches `sweep.until`, the run ends and its database stays due. A failure is reported and tried
// again. Clients never wait for the sweep.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EffectiveMemory, EffectiveSweep } from '../../config/effective.js';
import { Priority, type Rule } from '../../core/policy/rule.js';
import { RuleSet } from '../../core/policy/rule-set.js';
import type { SweepSnapshot } from '../../observe/snapshots/sweep.js';
import { ServerError } from '../keyspace/endpoint.js';
import { connectServers, databasesOf, type Server, type Where } from '../keyspace/servers.js';
import { walk } from '../keyspace/walk.js';
import { WalkPace } from '../keyspace/walk-pace.js';
import { FencedVisit } from './fenced-visit.js';
import { firstBand, Headroom } from './headroom.js';
import { Lease } from './lease.js';
import { digestTerms } from './terms.js';

const NAME = 'spillway-sweep-job';
const LOOK_MS = 60_000;
const LEASE_MS = 30_000;
/** How long a run waits for a server that goes away; then the next run continues. */
const RECONNECT_LIMIT_MS = 5000;
/** How long close() waits for the run to end. */
const LAST_MS = 1500;

const LOST =
  'the lease was lost: another proxy has taken it, or its key spillway:sweep was deleted or evicted; Spillway tries the sweep again';

const FULL =
  'more TTLs would fill its memory beyond sweep.until; the sweep continues when memory has fallen. Raise maxmemory, or run ' +
  '`spillway sweep` to see how much memory the TTLs take';

/** The parts of the config that the job reads. */
export interface SweepJobConfig {
  readonly sweep: EffectiveSweep;
  readonly memory: Pick<EffectiveMemory, 'limitBytes' | 'bands'>;
  readonly rules: readonly Rule[];
}

export interface SweepJobParts {
  /** Called before each run, because certificates may have been renewed. */
  readonly where: () => Where;
  readonly onDone: (db: number, given: number, seconds: number) => void;
  readonly onFailed: (problem: string) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Time between two checks whether a sweep is due. */
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

  /** Ends the run and gives the lease back, if that does not take long. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.ending.abort();
    await Promise.race([this.underWay, sleep(LAST_MS, undefined, { ref: false })]);
  }

  /** Plans the next check at a random time, so that proxies that started together do not check together. */
  private plan(): void {
    clearTimeout(this.timer);
    if (this.closed || this.config.sweep.everyMs === 0) return;
    this.timer = setTimeout(() => this.begin(), this.lookMs * (0.5 + Math.random()));
    this.timer.unref();
  }

  private begin(): void {
    // After a reload the old run may still be ending.
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
    // A failure in one database does not keep the others from being swept.
    const left: string[] = [];
    const set = new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: true } });
    try {
      const servers = await connectServers(this.parts.where(), NAME);
      try {
        // In a Cluster every slot would need its own lease.
        if (servers.kind === 'cluster')
          throw new ServerError('the proxy cannot sweep a Cluster; use the command `spillway sweep`');
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
      // A lasting problem is reported once.
      if (problem !== this.problem) this.parts.onFailed(problem);
      this.problem = problem;
    } finally {
      this.sweeping = false;
    }
  }

  /** Why the database was not swept; undefined: it was, was not due, or the run was ended. */
  private async sweepDatabase(
    server: Server,
    db: number,
    rules: RuleSet,
    { sweep: { everyMs, maxRate, until }, memory: { limitBytes, bands } }: SweepJobConfig,
    ending: AbortSignal,
  ): Promise<string | undefined> {
    const leaseMs = this.parts.leaseMs ?? LEASE_MS;
    const lease = await Lease.take(server, db, { leaseMs, everyMs, terms: digestTerms(rules, undefined) });
    if (lease === undefined) return undefined;
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
    const signal = AbortSignal.any([ending, lease.lost, full.signal]);
    const visit = new FencedVisit({ server, db, name: NAME, rules, lease, onGiven, room });
    let pace: WalkPace | undefined;
    let done = false;
    try {
      const watched = await WalkPace.begin(server.redis, { maxRate });
      pace = watched;
      const go = (keys: number, until: AbortSignal) => watched.go(keys, until);
      const all = await walk(
        { endpoint, db, name: NAME, signal, pace: go, patienceMs: RECONNECT_LIMIT_MS },
        visit,
      );
      // The last page may have shown that the lease was lost; lease.end() shows it otherwise.
      done = all && !lease.lost.aborted && !full.signal.aborted;
    } finally {
      visit.close();
      await pace?.close();
      await lease.end(done);
      this.sweeping = false;
    }
    const why = lease.lost.aborted ? LOST : full.signal.aborted ? FULL : undefined;
    if (!done || why !== undefined) return ending.aborted ? undefined : why;
    this.doneAt = this.parts.now();
    this.parts.onDone(db, this.given - before, (performance.now() - begun) / 1000);
    return undefined;
  }
}

/** The settings that a run depends on. */
function termsOf({ rules, sweep, memory: { limitBytes, bands } }: SweepJobConfig): readonly unknown[] {
  return [rules, sweep, limitBytes, bands];
}
