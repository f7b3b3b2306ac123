// A rehearsal: for a while the proxy sheds as if memory were fuller than it is, so that teams see in advance what their
// applications do with OOM.
// Writes are refused in earnest; of keys it only says which would be evicted.
// Owns the timer that ends it, and reports its begin and end in the log and the events.
// Invariants: one rehearsal at a time, and a new one replaces the last; it ends by itself; writes that real pressure
// refuses are still refused; it evicts nothing. A restart ends it, a reload does not.

import type { Logger } from 'pino';
import { percentText } from '../core/words.js';
import type { WouldEvict } from '../memory/eviction.js';
import type { Pressure } from '../memory/pressure.js';
import { wouldEvictText } from '../memory/rehearsal-words.js';
import type {
  RehearsalOutcome,
  RehearsalRequest,
  RehearsalSnapshot,
  RehearsedRefusals,
} from '../memory/snapshot.js';
import type { EventLog } from '../observe/history/event-log.js';

export class Rehearsals {
  private timer: NodeJS.Timeout | undefined;
  /** ISO 8601, by the clock at its begin: it does not waver by milliseconds. */
  private endsAt = '';
  /** Refusals by rule, as last counted, and at the begin. */
  private counts: readonly RehearsedRefusals[] = [];
  private before: ReadonlyMap<string, RehearsedRefusals> = new Map();

  /**
   * `changed` is called when the rehearsed pressure changes. `wouldEvict` says what would go at a pressure; null: no rule has
   * evict.
   */
  constructor(
    private readonly pressure: Pressure,
    private readonly changed: () => void,
    private readonly wouldEvict: (pressure: number) => WouldEvict | null,
    private readonly clock: () => number,
    private readonly log: Logger,
    private readonly events: EventLog,
  ) {}

  begin({ pressure: share, seconds }: RehearsalRequest): RehearsalOutcome {
    const { applicability } = this.pressure.memory;
    if (applicability?.applies !== true) {
      return { ok: false, reason: applicability?.reason ?? 'off: no reading yet' };
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end('its time is over'), seconds * 1000).unref();
    const text = `a rehearsal has begun: for ${seconds} s Spillway acts as if memory were ${percentText(share)} full${wouldEvictText(this.wouldEvict(share))}`;
    this.log.warn({ pressure: percentText(share), seconds }, text);
    this.events.record('rehearsal', text);
    this.endsAt = new Date(Date.now() + seconds * 1000).toISOString();
    this.before = new Map(this.counts.map((row) => [row.rule, row]));
    this.act(share, seconds * 1000);
    return { ok: true, rehearsal: this.snapshot() };
  }

  /** Ends the current one, if any. */
  end(why = 'on request'): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.act(0, 0);
    this.log.warn(`the rehearsal has ended: ${why}`);
    this.events.record('rehearsal', `the rehearsal has ended: ${why}`);
  }

  /** null: no rehearsal. */
  snapshot(): RehearsalSnapshot | null {
    const rehearsal = this.pressure.rehearsal(this.clock());
    if (rehearsal === undefined) return null;
    const { pressure, leftMs } = rehearsal;
    const [refused, wouldEvict] = [this.refused(), this.wouldEvict(pressure)];
    return { pressure, endsAt: this.endsAt, secondsLeft: Math.ceil(leftMs / 1000), refused, wouldEvict };
  }

  /** The counters of all rules since the start. */
  counted(rules: readonly (Omit<RehearsedRefusals, 'rule'> & { readonly name: string })[]): void {
    this.counts = rules.map(({ name, shed, wouldShed }) => ({ rule: name, shed, wouldShed }));
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private refused(): RehearsedRefusals[] {
    return this.counts
      .map(({ rule, shed, wouldShed }) => {
        const before = this.before.get(rule);
        return { rule, shed: shed - (before?.shed ?? 0), wouldShed: wouldShed - (before?.wouldShed ?? 0) };
      })
      .filter(({ shed, wouldShed }) => shed + wouldShed > 0);
  }

  private act(share: number, durationMs: number): void {
    this.pressure.startRehearsal(share, durationMs, this.clock());
    this.changed();
  }
}
