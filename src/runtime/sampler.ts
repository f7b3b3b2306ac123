// Takes a sample of everything once a second, for the history and for readers of the live stream. Owns the timer and the
// readers.
// Invariants: one sample at a time; a new reader gets one within a second, if the sources answer; sampling changes nothing.
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { OWN_REASONS, REFUSAL_NAMES } from '../core/policy/refusal.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { SLICE } from '../core/policy/slices.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { EventLog } from '../observe/history/event-log.js';
import { History, type Mark } from '../observe/history/history.js';
import { type RefusalChange, RefusalWatch } from '../observe/history/refusal-watch.js';
import { RuleHistory } from '../observe/history/report.js';
import type { LiveSnapshot } from '../observe/snapshots/live.js';
import { type StatsSnapshot, UNREGISTERED_NAME } from '../observe/stats/snapshot.js';
import type { AdminSources } from '../surfaces/admin/types.js';
import { FamilyWatch } from './family-watch.js';
import { classesOf, growthByClass, type RuleClasses } from './growth-by-class.js';
import { allRules } from './rules.js';

const INTERVAL_MS = 1000;

type Read = Pick<AdminSources, 'stats' | 'memory' | 'state' | 'connections' | 'workers' | 'clients'>;
type Shown = Pick<AdminSources, 'growth' | 'history' | 'report' | 'events' | 'subscribe'>;

export class Sampler implements Shown {
  /** TTL of each rule. */
  private ttls: ReadonlyMap<string, number>;
  private modes: ReturnType<typeof modesOf>;
  private classes: RuleClasses;
  private readonly samples: History;
  private readonly ruleHistory = new RuleHistory(REFUSAL_NAMES);
  private readonly refusals = new RefusalWatch(OWN_REASONS);
  private readonly watchers = new Set<(live: LiveSnapshot) => void>();
  private readonly families: FamilyWatch;
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  /** `clock`: monotonic milliseconds. */
  constructor(
    config: EffectiveConfig,
    private readonly read: Read,
    private readonly eventLog: EventLog,
    private readonly clock: () => number,
    private readonly logger: Logger,
    private readonly onRefusals: (changes: readonly RefusalChange[], leftOut: number) => void,
    /** Receives the counters of all present rules, first of all. */
    private readonly onCounted: (stats: StatsSnapshot) => void,
  ) {
    this.ttls = ttlsOf(config);
    this.modes = modesOf(config);
    this.classes = classesOf(config);
    this.families = new FamilyWatch(logger, eventLog);
    this.samples = new History((rule) => this.ttls.get(rule) ?? 0);
  }

  start(): void {
    this.timer = setInterval(() => void this.look(), INTERVAL_MS).unref();
    void this.look();
  }

  reload(config: EffectiveConfig): void {
    this.ttls = ttlsOf(config);
    this.modes = modesOf(config);
    this.classes = classesOf(config);
  }

  growth = () => this.samples.growth(marksOf(this.read.memory()));

  history: Shown['history'] = (span) => this.samples.series(span, this.clock(), Date.now());

  report: Shown['report'] = (windowMs) =>
    this.ruleHistory.report(windowMs, this.modes, this.clock(), Date.now());

  events = () => this.eventLog.list();

  subscribe: Shown['subscribe'] = (take) => {
    this.watchers.add(take);
    return () => this.watchers.delete(take);
  };

  close(): void {
    clearInterval(this.timer);
    this.watchers.clear();
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const [stats, connections, workers, clients] = await Promise.all([
        this.read.stats(),
        this.read.connections(),
        this.read.workers(),
        this.read.clients(),
      ]);
      this.onCounted(stats);
      // Each step takes milliseconds with thousands of rules.
      const pause = async () => stats.rules.length > SLICE && (await turn());
      await pause();
      const memory = this.read.memory();
      // Requested each second, so that `since` is right to a second.
      const state = this.read.state();
      const [at, rules] = [this.clock(), [...stats.rules, stats.unregistered]];
      this.families.take(stats.rules);
      this.ruleHistory.take(at, rules);
      await pause();
      const { changes, leftOut } = this.refusals.take(at, rules);
      if (changes.length > 0) this.onRefusals(changes, leftOut);
      await pause();
      const growth = growthByClass(memory, this.classes, () => this.samples.ruleGrowth());
      this.samples.take({ at, rules, ...fullness(memory), growth });
      if (this.watchers.size === 0) return;
      const live = {
        state,
        stats,
        memory,
        connections,
        workers,
        clients,
        growth: this.growth(),
        events: this.events(),
      };
      for (const take of this.watchers) take(live);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not record the last second in the history');
    } finally {
      this.looking = false;
    }
  }
}

/** null if the last reading is too old. */
function fullness(memory: MemorySnapshot) {
  const { usedBytes, notCountedBytes, limitBytes, committedBytes, committedFlowBytes, stale } = memory;
  const known = usedBytes !== null && !stale;
  return {
    limitBytes,
    countedBytes: known ? usedBytes - (notCountedBytes ?? 0) : null,
    committedBytes: known ? committedBytes : null,
    flowBytes: known ? committedFlowBytes : null,
    errorBytes: memory.evictableErrorBytes ?? 0,
    evictsAll: memory.serverEvicts === 'all',
  };
}

function ttlsOf({ rules }: EffectiveConfig): Map<string, number> {
  return new Map(rules.map(({ name, ttlMs, maxTtlMs }) => [name, ttlMs || maxTtlMs]));
}

function modesOf(config: EffectiveConfig): Map<string, 'enforce' | 'observe'> {
  const modes = allRules(config).map(({ name, observe }) => [name, observe ? 'observe' : 'enforce'] as const);
  return new Map([...modes, [UNREGISTERED_NAME, config.mode]]);
}

/** The pressures at which each priority begins to be shed and at which all of it is; lowest first, the limit last. */
function marksOf({ level }: MemorySnapshot): Mark[] {
  const marks = PRIORITY_NAMES.flatMap((priority): Mark[] => {
    const { band } = level[priority];
    if (band === null) return [];
    return [
      { name: `${priority} begins`, pressure: band[0] },
      { name: `${priority} full`, pressure: band[1] },
    ];
  });
  return [...marks, { name: 'limit', pressure: 1 }].sort((a, b) => a.pressure - b.pressure);
}
