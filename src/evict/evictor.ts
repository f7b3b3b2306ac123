// Makes room: decides after each reading, and between readings, how much memory to free (pace.ts), and tells the hands to
// unlink keys of rules with `evict` (hands.ts). If the hands know no keys, or older keys may exist than they know, it finds
// some by SCAN (scan-source.ts). One evictor for all workers. It says whether it holds its mark, and how much it can still
// free: refusals wait for that (memory/pressure).
// Owns the timer. It never touches the data path. Invariants: without a reading, a limit or a rule with evict it frees nothing;
// nor on a replica.
import { setTimeout as delay } from 'node:timers/promises';
import type { Priority } from '../core/policy/rule.js';
import type { RuleSet } from '../core/policy/rule-set.js';
import type { EvictionPhase, EvictionSnapshot } from '../memory/eviction.js';
import { BudgetRoom } from './budget-room.js';
import type { RuleStock } from './candidates.js';
import type { EvictorOptions, ServerMemory } from './evictor-options.js';
import type { Progress } from './hands.js';
import { type Flow, type Marks, Pace } from './pace.js';
import { type RingMark, ScanSource } from './scan-source.js';
import { rowsOf } from './stock-rows.js';
import { TroubleWatch } from './trouble-watch.js';
import { Unlinker } from './unlinker.js';
import { Unlisted } from './unlisted.js';

const LOOK_MS = 20;
/** Further below the start than this share of the limit, nothing is near; from there on SCAN looks for keys. */
const NEAR = 0.1;
/** While the start is near, readings are requested this often. */
const READ_MS = 25;
/** How often the hands are checked while nothing must be freed. */
const IDLE_MS = 500;
/** An older reading no longer counts. */
const STALE_MS = 5000;
/** A connection that is lost is usually back within this time; if memory grows much meanwhile, the pace says so. */
const TROUBLED_MS = 1000;
/** At the start clients wait no longer than this for random keys. */
const READY_MS = 1000;

export class Evictor {
  private rules: RuleSet;
  private marks: Marks;
  private readonly pace: Pace;
  private readonly shadow: Pace;
  private readonly scan: ScanSource;
  private readonly scanned: Unlinker;
  private readonly troubles: TroubleWatch;
  private readonly budgetRoom: BudgetRoom;
  private readonly unlisted = new Unlisted();
  /** Slots of the rules that make room and do not only observe. */
  private evicting: ReadonlySet<number> = new Set();
  private priorities: ReadonlyMap<number, Priority> = new Map();
  /** Bytes that were left to SCAN when it was last asked. */
  private scanShare = 0;
  private timer: NodeJS.Timeout | undefined;
  private readAt = Number.NEGATIVE_INFINITY;
  private askedFor = Number.NEGATIVE_INFINITY;
  private orderedAt = Number.NEGATIVE_INFINITY;
  private freedWhenAsked = 0;
  /** Bytes that observing rules would have freed and that were not used up since. */
  private credit = 0;
  private observedBefore = 0;
  private lastUsed = 0;
  private isNear = false;
  /** Infinity: nothing keeps it from its work. */
  private troubledSince = Number.POSITIVE_INFINITY;

  constructor(private readonly options: EvictorOptions) {
    const { marks, rules, clock, log, endpoint, proxies, onEvicted, onGone, knows } = options;
    this.rules = rules;
    this.marks = marks;
    this.pace = new Pace(marks, proxies);
    this.shadow = new Pace(marks, proxies);
    this.troubles = new TroubleWatch(log, clock);
    const found = (): void => this.look();
    this.scan = new ScanSource({ endpoint, clock, knows, rules: () => this.rules, onFound: found });
    this.scanned = new Unlinker({
      ...{ endpoint, clock, onEvicted, onGone },
      source: this.scan,
      asksAll: true,
    });
    const places = { endpoint, clock, knows, onEvicted, onGone };
    this.budgetRoom = new BudgetRoom({ ...places, rules: () => this.rules });
  }

  /** Resolves once it knows how much it can free, if memory is near the start; after READY_MS in any case. */
  async start(): Promise<void> {
    this.adopt(this.rules, this.marks);
    const till = this.options.clock() + READY_MS;
    this.look();
    while (this.enforces && this.isNear && !this.unlisted.isKnown && this.options.clock() < till) {
      await delay(LOOK_MS);
      this.look();
    }
  }

  /** Applies these rules and settings from now on. */
  adopt(rules: RuleSet, marks: Marks): void {
    this.rules = rules;
    this.evicting = new Set(
      rules.rules.filter(({ evict, observe }) => evict && !observe).map(({ slot }) => slot),
    );
    this.priorities = new Map(rules.rules.map(({ slot, priority }) => [slot, priority]));
    this.marks = marks;
    this.pace.reconfigure(marks);
    this.shadow.reconfigure(marks);
    this.scan.startOver();
    this.budgetRoom.startOver();
    this.unlisted.startOver();
    if (this.needed) {
      this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
      return;
    }
    clearInterval(this.timer);
    this.timer = undefined;
    this.options.hands.order(undefined, 0, false);
    this.options.onEvictable(0);
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.scan.close();
    this.scanned.close();
    this.budgetRoom.close();
  }

  /** A reading will be requested now. */
  readingAsked(): void {
    this.freedWhenAsked = this.freed;
  }

  /** A reading has come. */
  readingTaken(memory: ServerMemory): void {
    if (!this.needed) return;
    const now = this.options.clock();
    if (memory.limitBytes === 0) {
      this.pace.forget();
      this.shadow.forget();
    } else {
      this.readAt = now;
      this.takeReading(memory, now);
    }
    this.look();
  }

  /** Why it does not do what rules with evict demand; undefined: it does, or no rule does. */
  get trouble(): string | undefined {
    const { options, scanned, budgetRoom, needed } = this;
    return needed ? (options.hands.progress().trouble ?? scanned.trouble ?? budgetRoom.trouble) : undefined;
  }

  /** What it does less well than it could; undefined: nothing. */
  get shortcoming(): string | undefined {
    return this.needed && this.options.hands.progress().blindToReads
      ? 'the server has no OBJECT command, so Spillway evicts the keys that were written first, even if they were read since'
      : undefined;
  }

  snapshot(): EvictionSnapshot | null {
    if (!this.needed) return null;
    const progress = this.options.hands.progress();
    const { marks, pace } = this;
    return {
      startShare: marks.start,
      stopShare: marks.stop,
      phase: this.phase,
      active: pace.active,
      holding: this.holding,
      trouble: this.trouble ?? null,
      byAgeAlone: progress.blindToReads,
      evictableBytes: Math.round(this.evictableBytes),
      ring: progress.ring,
      rules: rowsOf(progress.stock, this.rules),
    };
  }

  private get phase(): EvictionPhase {
    if (!this.enforces) return 'observing';
    if (this.trouble !== undefined) return 'unable';
    if (!this.pace.isKnown) return 'unknown';
    if (!this.pace.held) return 'behind';
    return this.pace.active ? 'active' : 'waiting';
  }

  private get needed(): boolean {
    return this.rules.rules.some(({ evict }) => evict);
  }

  private get enforces(): boolean {
    return this.rules.rules.some(({ evict, observe }) => evict && !observe);
  }

  private get observes(): boolean {
    return this.rules.rules.some(({ evict, observe }) => evict && observe);
  }

  private get freed(): number {
    return this.options.hands.progress().freed + this.foundFreed;
  }

  /** Freed of what SCAN found. */
  private get foundFreed(): number {
    return this.scanned.freed + this.budgetRoom.freed;
  }

  private get holding(): boolean {
    const { clock } = this.options;
    return this.pace.held && this.enforces && clock() - this.troubledSince < TROUBLED_MS;
  }

  /** What the rings know, and what SCAN will find. */
  private get evictableBytes(): number {
    const { stock, dry } = this.options.hands.progress();
    const finds = this.scan.finds && !(dry && this.scan.foundNone);
    const found = finds ? this.unlisted.bytes : 0;
    return stock.reduce((sum, { slot, bytes }) => sum + (this.evicting.has(slot) ? bytes : 0), found);
  }

  private takeReading(memory: ServerMemory, now: number): void {
    const { growth, hands } = this.options;
    const flow: Flow = { admitted: growth().read, freed: this.freedWhenAsked };
    const pendingBytes = memory.pendingObjects * hands.progress().meanLazyBytes;
    this.pace.take(memory, flow, pendingBytes, now);
    const fallen = Math.max(0, this.lastUsed - memory.usedBytes);
    this.lastUsed = memory.usedBytes;
    this.credit = Math.max(0, Math.min(memory.usedBytes, this.credit - fallen));
    this.shadow.take(memory, flow, pendingBytes, now);
  }

  private look(): void {
    const { clock, hands, onEvictable, pollSoon, sampled } = this.options;
    const now = clock();
    if (now - this.readAt > STALE_MS) {
      this.pace.forget();
      this.shadow.forget();
    }
    const { admitted } = this.options.growth();
    const progress = hands.progress();
    const flow: Flow = { admitted, freed: progress.freed + this.foundFreed };
    this.credit += progress.observed - this.observedBefore;
    this.observedBefore = progress.observed;
    const due = this.enforces ? this.pace.due(flow, now) : 0;
    const wouldBeDue = this.observes
      ? this.shadow.due({ admitted, freed: flow.freed + this.credit }, now)
      : 0;
    this.isNear = this.pace.shareOf(flow) > this.marks.start - NEAR;
    const { isNear } = this;
    const scanned = this.enforces && isNear ? this.scanFor(due, progress) : 0;
    if (due > 0 || wouldBeDue > 0 || now - this.orderedAt >= IDLE_MS) {
      this.orderedAt = now;
      hands.order(this.enforces ? due - scanned : undefined, wouldBeDue, this.pace.urgent);
      // It may not be needed for long, and must not look broken until then.
      if (this.scanned.trouble !== undefined) this.scanned.tend();
    }
    this.orderForBudgets(progress.stock);
    const facts = { slots: this.evicting, usedBytes: this.lastUsed, unlinked: this.foundFreed };
    this.unlisted.see(progress, { ...facts, sampled }, now);
    if (isNear && now - this.askedFor >= READ_MS && now - this.readAt >= READ_MS) {
      this.askedFor = now;
      pollSoon();
    }
    const { trouble } = this;
    this.troubledSince = trouble === undefined ? Number.POSITIVE_INFINITY : Math.min(now, this.troubledSince);
    this.troubles.see(trouble);
    onEvictable(this.holding ? this.evictableBytes : 0);
  }

  /** A rule near its budget makes room among its own keys, whatever the server's memory is. */
  private orderForBudgets(stock: readonly RuleStock[]): void {
    const { budgets, hands } = this.options;
    const states = budgets().filter(({ slot }) => this.evicting.has(slot));
    hands.orderOf(this.budgetRoom.look(states, stock));
  }

  /**
   * Looks for keys by SCAN that should go before those of the rings, in advance if necessary. Returns how many of `bytes` are
   * left to them.
   */
  private scanFor(bytes: number, { dry, stock, ring }: Progress): number {
    const ready = this.scan.seek(dry ? undefined : this.markOf(stock, ring.dropped));
    if (bytes > 0 || !dry || !this.scan.finds) this.scan.walkOn(this.pace.urgent);
    if (dry && bytes > 0) {
      this.scanned.free(bytes);
      return 0;
    }
    if (ready === 0 && this.scanShare === 0) return 0;
    this.scanShare = Math.min(bytes, ready * this.scanned.meanBytes);
    this.scanned.free(this.scanShare);
    return this.scanShare;
  }

  /** The next key among those that the rings know; undefined: they know none. */
  private markOf(stock: readonly RuleStock[], dropped: number): RingMark | undefined {
    let mark: RingMark | undefined;
    for (const { slot, keys, oldestMs } of stock) {
      if (keys === 0 || !this.evicting.has(slot)) continue;
      const priority = this.priorities.get(slot) ?? 0;
      if (mark === undefined || priority < mark.priority) mark = { priority, ageMs: oldestMs, dropped };
      else if (priority === mark.priority) mark = { ...mark, ageMs: Math.max(mark.ageMs, oldestMs) };
    }
    return mark;
  }
}
