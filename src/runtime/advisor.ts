// The policy advisor of a running proxy: collects its facts, and reports to the log and the events when an advice is new or has
// gone. Owns its timer. It only reads, and asks the server nothing.
import type { Logger } from 'pino';
import type { Rule } from '../core/policy/rule.js';
import { HOUR_MS } from '../core/units.js';
import type { KeyspaceReading } from '../memory/reading.js';
import type { TtlCost } from '../memory/ttl-cost.js';
import type { Advice } from '../observe/advice/advice.js';
import { advise } from '../observe/advice/advise.js';
import { liveFacts } from '../observe/advice/live-facts.js';
import { outlooks } from '../observe/advice/outlook.js';
import type { AdviceSnapshot } from '../observe/advice/snapshot.js';
import { stepText } from '../observe/advice/steps.js';
import type { EventLog } from '../observe/history/event-log.js';
import type { AdminSources } from '../surfaces/admin/types.js';

/** The first look comes early, so that a wrong policy is in the log from the start. */
const FIRST_MS = 1000;
const INTERVAL_MS = 10_000;
/** An advice has gone when this many looks in a row did not give it: figures near a bound fluctuate. */
const GONE_AFTER = 6;

export interface AdvisorOptions {
  readonly sources: Pick<AdminSources, 'stats' | 'memory' | 'growth' | 'report'>;
  readonly keyspace: () => KeyspaceReading | undefined;
  readonly ttlCost: () => TtlCost | undefined;
  /** The rules of the config, and the built-in ones. */
  readonly rules: () => readonly Rule[];
  readonly log: Logger;
  readonly events: EventLog;
}

export class Advisor {
  private timer: NodeJS.Timeout | undefined;
  /** By id: the number of looks since it was last given. */
  private readonly reported = new Map<string, number>();

  constructor(private readonly options: AdvisorOptions) {}

  start(): void {
    this.timer = setTimeout(() => {
      void this.look();
      this.timer = setInterval(() => void this.look(), INTERVAL_MS).unref();
    }, FIRST_MS).unref();
  }

  close(): void {
    clearTimeout(this.timer);
  }

  async snapshot(): Promise<AdviceSnapshot> {
    const { sources, keyspace, rules, ttlCost } = this.options;
    const { total: refused } = sources.report(HOUR_MS);
    const facts = liveFacts({
      ...{ memory: sources.memory(), growth: sources.growth(), stats: await sources.stats() },
      ...{ keyspace: keyspace(), rules: rules(), ttlCost: ttlCost() },
      refusedLastHour: refused.shed + refused.wouldShed,
    });
    if (facts === undefined || facts.limitBytes === 0) return { advice: [], policies: [] };
    return { advice: advise(facts), policies: outlooks(facts) };
  }

  private async look(): Promise<void> {
    try {
      this.tell((await this.snapshot()).advice);
    } catch (error) {
      this.options.log.warn({ err: error }, 'could not judge the eviction policy');
    }
  }

  private tell(given: readonly Advice[]): void {
    const { log, events } = this.options;
    for (const [id, looks] of this.reported) {
      if (looks >= GONE_AFTER) this.reported.delete(id);
      else this.reported.set(id, looks + 1);
    }
    for (const advice of given) {
      const { id, severity, title, evidence, steps } = advice;
      if (!this.reported.has(id)) {
        const text = `${title}: ${evidence}`;
        const level = severity === 'notice' ? 'info' : 'warn';
        log[level]({ advice: id, do: steps.map(stepText) }, text);
        events.record('advice', text);
      }
      this.reported.set(id, 0);
    }
  }
}
