// Follows a primary by its Sentinels, or by a name, which is then the one voice among one: passes what they say to the view, asks
// them and servers when the view wants it, and reports what the view decides. Owns the lines, the fence's attempts and one timer.
// It is long because it says in words why there is no primary, and what keeps a planned switch from beginning.
// Invariants: a decision is reported in the turn in which it is made; nothing is reported after close().
import type { ConnectionOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { FollowedSnapshot, WhereaboutsState } from '../observe/snapshots/failover.js';
import { PauseTimes } from '../observe/stats/pause-times.js';
import type { Decision, SentinelEvent, ViewOptions } from './decisions.js';
import { askWhetherPrimary, type FenceAnswer } from './fence.js';
import { NameLine } from './name-line.js';
import type { NatMap } from './nat-map.js';
import { SentinelLine } from './sentinel-line.js';
import { SentinelView } from './sentinel-view.js';
import type { Answer } from './votes.js';
import {
  nameOf,
  type PrimaryAddress,
  type Sign,
  sameAddress,
  type Whereabouts,
  type WhereaboutsEvents,
} from './whereabouts.js';

/** Between two looks at the clock, and between two attempts of the fence, while clients wait. */
const PAUSED_TICK_MS = 20;
const CALM_TICK_MS = 100;
/** After this time a start continues without a primary. */
const START_MS = 3000;

export interface FollowerOptions extends Pick<ViewOptions, 'pauseMs' | 'resume' | 'onMinority'> {
  readonly sentinels: readonly PrimaryAddress[];
  readonly primary: string;
  /** In place of Sentinels, which are then none. */
  readonly name?: PrimaryAddress;
  /** Options for the connections to Sentinels. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly natMap: NatMap;
  /** Options for the connections to servers. */
  readonly server: { readonly username: string | undefined; readonly password: string | undefined };
  readonly tls: ((host: string) => ConnectionOptions) | undefined;
  readonly connectTimeoutMs: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly log: Logger;
}

export class Follower implements Whereabouts {
  private readonly view: SentinelView;
  private readonly lines: readonly (SentinelLine | NameLine)[];
  /** Why the name cannot be resolved; null: it can, or there is none. */
  private nameTrouble: string | null = null;
  /** By Sentinel: why it does not answer; null: it answers. */
  private readonly errors: (string | null)[];
  /** By Sentinel: why it announces no failovers; null: it does, as far as Spillway knows. */
  private readonly deaf: (string | null)[];
  /** What was last said of why a failover could be missed. */
  private saidBlind: string | null = null;
  private readonly counts = { switched: 0, returned: 0, timedOut: 0, pausedMs: 0, lastPauseMs: 0 };
  private readonly pauses = new PauseTimes();
  private events: WhereaboutsEvents | undefined;
  private timer: NodeJS.Timeout | undefined;
  /**
   * The server that is being asked whether it is primary. A question to another server does not wait for its answer, since it
   * may be frozen.
   */
  private fencing: PrimaryAddress | undefined;
  private found = false;
  private askedAt: number;
  private lastFence: FenceAnswer = { trouble: '' };
  private wake: () => void = () => {};

  constructor(private readonly options: FollowerOptions) {
    const { sentinels, pauseMs, resume, onMinority, clock } = options;
    const { name } = options;
    const voices = name === undefined ? sentinels : [name];
    const says = name && `the name ${name.host} means`;
    this.view = new SentinelView(
      { sentinels: voices.length, pauseMs, resume, onMinority, ...(says !== undefined && { says }) },
      clock(),
    );
    this.askedAt = clock();
    this.errors = voices.map(() => 'no answer yet');
    this.deaf = voices.map(() => null);
    this.lines = voices.map((voice, i) => {
      const heard = {
        onAnswer: (answer: Answer) => {
          this.answers(i, null);
          this.act(this.view.answered(i, answer, clock()));
        },
        onSilent: (reason: string, isDead = false) => {
          this.answers(i, reason);
          this.act(this.view.silent(i, isDead, clock()));
        },
      };
      if (name !== undefined)
        return new NameLine({ name, clock, ...heard, onTrouble: (reason) => this.resolves(name, reason) });
      const onEvent = (event: SentinelEvent) => this.act(this.view.heard(i, event, clock()));
      const onDeaf = (reason: string | null) => {
        this.deaf[i] = reason;
        this.tellBlind();
      };
      return new SentinelLine({ ...options, ...heard, sentinel: voice, onEvent, onDeaf });
    });
  }

  get address(): PrimaryAddress | undefined {
    return this.view.address;
  }

  get state(): WhereaboutsState {
    return this.view.state;
  }

  async start(events: WhereaboutsEvents): Promise<void> {
    this.events = events;
    const { clock, log } = this.options;
    const started = clock();
    for (const line of this.lines) line.start();
    this.tick();
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, START_MS);
      this.wake = () => {
        clearTimeout(timeout);
        resolve();
      };
    });
    this.wake = () => {};
    if (this.events === undefined || this.view.address !== undefined) return;
    const reason = this.whyNotFound();
    log.error({ waitedMs: Math.round(clock() - started) }, `${reason}; Spillway keeps looking`);
    events.gone(reason);
  }

  suspect(sign: Sign): void {
    this.act(this.view.sign(sign, this.options.clock()));
  }

  /** Why no planned switch can begin now; undefined: it can. */
  get hindrance(): string | undefined {
    const { state, reason, blind } = this.view;
    if (state === 'paused') return `clients wait for a primary already: ${reason}`;
    if (state === 'gone') return `there is no primary: ${reason}`;
    const { length } = this.agreeing;
    const { sentinels } = this.options;
    if (blind !== null) return blind;
    if (length > sentinels.length / 2) return undefined;
    return `only ${length} of ${sentinels.length} Sentinels name the primary in use, and a majority must`;
  }

  /** The Sentinels that name the primary in use, by their numbers. */
  get agreeing(): (readonly [number: number, address: PrimaryAddress])[] {
    const { address } = this.view;
    return this.options.sentinels.flatMap((sentinel, i) =>
      sameAddress(this.view.named(i), address) ? [[i, sentinel] as const] : [],
    );
  }

  /** Makes clients wait for a planned switch, until it ends or release(). Returns whether it does: not in another pause. */
  hold(reason: string): boolean {
    if (this.view.state !== 'here') return false;
    this.act(this.view.hold(reason, this.options.clock()));
    return true;
  }

  /** The planned switch does not take place. */
  release(): void {
    this.act(this.view.release(this.options.clock()));
  }

  /** This Sentinel has accepted the planned switch. */
  switching(sentinel: number): void {
    this.act(this.view.switching(sentinel, this.options.clock()));
  }

  snapshot(): FollowedSnapshot {
    const { view, options } = this;
    const { state, address, reason } = view;
    return {
      ...{
        state,
        blind: this.blind,
        name: options.primary,
        address: address === undefined ? null : nameOf(address),
      },
      reason: state === 'gone' && address === undefined ? this.whyNotFound() : reason,
      sentinels: options.sentinels.map(({ host, port }, i) => {
        const named = view.named(i);
        const silent = named === undefined;
        const state = silent ? 'silent' : sameAddress(named, address) ? 'agrees' : 'differs';
        return { host, port, state, error: (silent ? this.errors[i] : this.deaf[i]) as string | null };
      }),
      ...this.counts,
      pauses: this.pauses.snapshot(),
    };
  }

  close(): void {
    this.events = undefined;
    clearTimeout(this.timer);
    for (const line of this.lines) line.close();
    this.wake();
  }

  private tick(): void {
    const { clock } = this.options;
    const now = clock();
    this.act(this.view.tick(now));
    if (now - this.askedAt >= this.view.askEveryMs) this.ask();
    this.fence();
    if (this.events === undefined) return;
    clearTimeout(this.timer);
    const paused = this.view.state !== 'here';
    this.timer = setTimeout(() => this.tick(), paused ? PAUSED_TICK_MS : CALM_TICK_MS).unref();
  }

  private ask(): void {
    this.askedAt = this.options.clock();
    for (const line of this.lines) line.ask();
  }

  private act(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.tell(decision);
    if (decisions.length > 0 && this.events !== undefined) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tick(), PAUSED_TICK_MS).unref();
    }
    this.fence();
  }

  private tell(decision: Decision): void {
    const { events, counts } = this;
    if (events === undefined) return;
    if (decision.type === 'ask') this.ask();
    else if (decision.type === 'pause') events.paused(decision.reason);
    else if (decision.type === 'blind') this.tellBlind();
    else if (decision.type === 'gone') {
      counts.timedOut++;
      this.waited(this.options.pauseMs);
      events.gone(decision.reason);
    } else {
      const { address, moved, pausedMs } = decision;
      if (this.found) counts[moved ? 'switched' : 'returned']++;
      this.found = true;
      if (pausedMs > 0) this.waited(pausedMs);
      if (!('reading' in this.lastFence)) throw new Error('resumed without a reading');
      events.resumed({ address, moved, pausedMs, reading: this.lastFence.reading });
      this.tellBlind();
      this.wake();
    }
  }

  private waited(milliseconds: number): void {
    this.pauses.record(milliseconds);
    this.counts.pausedMs += milliseconds;
    this.counts.lastPauseMs = milliseconds;
  }

  /** Asks the server that the view wants to know about, if there is one. */
  private fence(): void {
    const { clock, server, tls } = this.options;
    const address = this.events === undefined ? undefined : this.view.toFence(clock());
    if (address === undefined || sameAddress(address, this.fencing)) return;
    this.fencing = address;
    const askedAt = clock();
    void askWhetherPrimary(address, { ...server, tls }).then((answer) => {
      this.lastFence = answer;
      const trouble = 'trouble' in answer ? answer.trouble : undefined;
      this.act(this.view.fenced({ address, askedAt, trouble }, clock()));
      const again = () => {
        if (this.fencing === address) this.fencing = undefined;
        this.fence();
      };
      if (trouble === undefined) again();
      else setTimeout(again, PAUSED_TICK_MS).unref();
    });
  }

  private resolves({ host }: PrimaryAddress, reason: string | null): void {
    this.nameTrouble =
      reason === null
        ? null
        : `the name ${host} cannot be resolved (${reason}), so Spillway could miss a failover`;
    this.tellBlind();
  }

  /** Why a failover could be missed, or noticed late; null: it could not. */
  private get blind(): string | null {
    return this.view.blind ?? this.nameTrouble ?? this.deafness;
  }

  private get deafness(): string | null {
    const deaf = this.options.sentinels.flatMap((sentinel, i) =>
      this.deaf[i] === null ? [] : [`${nameOf(sentinel)}: ${this.deaf[i]}`],
    );
    return deaf.length === 0
      ? null
      : `Sentinels do not announce failovers to Spillway, which may notice them too late (${deaf.join('; ')})`;
  }

  /** Before the start this is why there is no primary. */
  private tellBlind(): void {
    const { blind } = this;
    if (blind === this.saidBlind || this.events === undefined || !this.found) return;
    this.saidBlind = blind;
    this.events.blind(blind);
  }

  /** Logs when a Sentinel stops answering, and when it answers again. */
  private answers(sentinel: number, error: string | null): void {
    const before = this.errors[sentinel];
    this.errors[sentinel] = error;
    if (before === error || this.events === undefined || this.options.name !== undefined) return;
    const { log, sentinels } = this.options;
    const where = { sentinel: nameOf(sentinels[sentinel] as PrimaryAddress) };
    if (error !== null) log.warn({ ...where, err: error }, 'a Sentinel does not answer');
    else if (before !== 'no answer yet') log.info(where, 'a Sentinel answers again');
  }

  private whyNotFound(): string {
    const { sentinels, primary, name } = this.options;
    if (name !== undefined) return this.whyNameNotFound(name);
    const silent = this.errors.flatMap((error, i) =>
      error === null ? [] : [`${nameOf(sentinels[i] as PrimaryAddress)}: ${error}`],
    );
    const most = Math.floor(sentinels.length / 2) + 1;
    const { trouble } = { trouble: '', ...this.lastFence };
    if (sentinels.length - silent.length >= most)
      return trouble === ''
        ? `no majority of the Sentinels names the same primary "${primary}"`
        : `the server that the Sentinels name as "${primary}" cannot be used: ${trouble}`;
    return `fewer than ${most} of ${sentinels.length} Sentinels name the primary "${primary}" (${silent.join('; ')})`;
  }

  private whyNameNotFound({ host }: PrimaryAddress): string {
    const { trouble } = { trouble: '', ...this.lastFence };
    if (this.errors[0] !== null) return `the name ${host} cannot be resolved (${this.errors[0]})`;
    const named = this.view.named(0);
    return `the server at ${named === undefined ? host : nameOf(named)}, which the name ${host} means, cannot be used: ${trouble}`;
  }
}
