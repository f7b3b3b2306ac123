// Turns what several Sentinels say, and what the data path sees, into decisions: pause, resume at an address, give up. A pure
// machine: events and answers in, decisions out; the caller has the sockets, the timers and the clock (monotonic milliseconds).
// A pause begins before the switch, because a demoted server accepts writes for some 10 s more. It ends by a majority, because
// the other Sentinels may take back a replica that only one of them promoted.
// It is long because it is one machine: each event is judged by all that is known.
// Invariants:
// - there is one address; it changes only in a `resume`, which comes only after `pause` or `gone`;
// - it resumes only at an address whose server said that it is primary, asked after the last reason for doubt;
// - once a Sentinel has announced that it leaves the address, it resumes there only when this Sentinel says that it has not, or is
//   dead, or the time is over in which the switch may still come;
// - it changes to the address that a majority names (or, if no majority answers and `onMinority` allows it, to a higher epoch;
//   or, with resume "promoted", to the server that a Sentinel promotes, for as long as the others may need to follow);
// - while a planned switch holds it, a pause ends at another address, or not before its limit.
import type { WhereaboutsState } from '../observe/snapshots/failover.js';
import { type Decision, type FenceResult, type SentinelEvent, SIGNS, type ViewOptions } from './decisions.js';
import { type Answer, type Vote, Votes } from './votes.js';
import { nameOf, type PrimaryAddress, type Sign, sameAddress } from './whereabouts.js';

/** An announced failover that brings no switch within this time is over: then the Sentinels' answers count again. */
const SWITCH_LIMIT_MS = 3000;
/** The same while the Sentinel that announced it names another primary: the others hear of that every 2 s (sentinel_publish_period). */
const FOLLOW_LIMIT_MS = 5000;
/**
 * The same while that Sentinel is silent, since it may go on. The others take back a replica that only one of them promoted after 8 s, once they have asked it,
 * which they do every 10 s (sentinel.c, sentinelRefreshInstanceInfo()).
 */
const SILENCE_LIMIT_MS = 20_000;
/** Older answers do not count. */
const FRESH_MS = 3000;
/** For this time after a resumption, signs are checked before clients pause: most are echoes of the switch, or false. */
const CALM_MS = 1000;
const BLIND_AFTER_MS = 10_000;
/** With onMinority "pause", clients must pause before the other side of a partition has a new primary. */
const SHARE_OF_DOWN_AFTER = 0.6;
const LEAST_BLIND_MS = 300;
const LONGEST_CALM_MS = 30_000;
/** For this time a Sentinel is not believed when it announces again a switch that no other one knew. */
const DISBELIEF_MS = 60_000;

export class SentinelView {
  state: WhereaboutsState = 'gone';
  address: PrimaryAddress | undefined;
  /** Why commands do not go to the primary; null: they do. */
  reason: string | null = 'its address is not known yet';
  blind: string | null = null;
  private readonly votes: Votes;
  /** Sentinels at whose address nothing listens. */
  private readonly dead = new Set<number>();
  private epoch = -1;
  private since: number;
  /** When a failover last announced itself during this pause; undefined: none did. */
  private failoverAt: number | undefined;
  /** The Sentinel that announced it, and from which address to which. */
  private announcer = -1;
  private leaves: PrimaryAddress | undefined;
  private promised: PrimaryAddress | undefined;
  /** What it has named since. */
  private announcerNames: PrimaryAddress | undefined;
  /** Answers to questions from before this time say nothing about the primary. */
  private doubtAt: number;
  /** Until this time Spillway may be ahead of the other Sentinels, on the word of one. */
  private aheadUntil = 0;
  private calmUntil = 0;
  /** The pause is for a planned switch; and as long as it is held, it does not end at the same address. */
  private isPlanned = false;
  private isHeld = false;
  /** A sign that came in a calm time is being checked. */
  private verifying: Sign | undefined;
  /** Pauses in a row that a sign caused and that ended because the server was primary. */
  private falseAlarms = 0;
  /** The Sentinel that announced a switch without effect, and the address that it named. */
  private liar:
    | { readonly sentinel: number; readonly address: PrimaryAddress; readonly until: number }
    | undefined;
  private lastTrouble = '';
  private out: Decision[] = [];

  constructor(
    private readonly options: ViewOptions,
    now: number,
  ) {
    this.votes = new Votes(options.sentinels, now);
    this.since = now;
    this.doubtAt = now;
  }

  /** What this Sentinel last named; undefined: it does not answer. */
  named(sentinel: number): PrimaryAddress | undefined {
    return this.votes.of(sentinel)?.address;
  }

  /** How often the Sentinels should be asked. */
  get askEveryMs(): number {
    if (this.state === 'paused') return 100;
    return this.options.onMinority === 'pause' ? Math.min(1000, this.blindAfterMs / 4) : 1000;
  }

  /** The address to ask now whether its server is primary; undefined: none. */
  toFence(now: number): PrimaryAddress | undefined {
    return this.target(now)?.address;
  }

  heard(sentinel: number, event: SentinelEvent, now: number): Decision[] {
    if (event.type === 'aborted') this.aborted(sentinel);
    else if (event.type === 'begun') this.begun(sentinel, event.from, now);
    else if (!sameAddress(event.address, this.address)) this.announced(sentinel, event, now);
    if (this.state !== 'here') this.ask();
    return this.take();
  }

  answered(sentinel: number, answer: Answer, now: number): Decision[] {
    this.votes.take(sentinel, answer);
    this.dead.delete(sentinel);
    if (this.state === 'here') this.lookForPromotion(sentinel, answer, now);
    else if (sentinel === this.announcer) this.announcerSays(answer.address, now);
    this.look(now);
    return this.take();
  }

  /** This Sentinel no longer answers. `isDead`: nothing listens at its address. */
  silent(sentinel: number, isDead: boolean, now: number): Decision[] {
    this.votes.forget(sentinel);
    if (isDead) this.dead.add(sentinel);
    else this.dead.delete(sentinel);
    this.look(now);
    return this.take();
  }

  sign(sign: Sign, now: number): Decision[] {
    if (this.state !== 'here') return [];
    if (now < this.calmUntil) this.verifying = sign;
    else this.pause(SIGNS[sign], now);
    return this.take();
  }

  /** Pauses for a planned switch, until the primary has moved or release(). Only when `here`. */
  hold(reason: string, now: number): Decision[] {
    if (this.state !== 'here') return [];
    this.pause(reason, now, true);
    this.isHeld = true;
    return this.take();
  }

  /** The planned switch does not take place: the pause ends at the same address, once its server says that it is primary. */
  release(now: number): Decision[] {
    if (!this.isHeld) return [];
    this.isHeld = false;
    this.ask();
    this.look(now);
    return this.take();
  }

  /** This Sentinel has accepted the planned switch: from now on it counts as any other failover. */
  switching(sentinel: number, now: number): Decision[] {
    if (!this.isHeld) return [];
    this.isHeld = false;
    this.failoverAt ??= now;
    this.leaves ??= this.address;
    if (this.announcer < 0) this.announcer = sentinel;
    return this.take();
  }

  fenced({ address, askedAt, trouble }: FenceResult, now: number): Decision[] {
    const target = this.target(now);
    if (target === undefined || !sameAddress(target.address, address) || askedAt < this.doubtAt) return [];
    if (this.state === 'here') {
      const sign = this.verifying as Sign;
      this.verifying = undefined;
      if (trouble !== undefined) this.pause(`${SIGNS[sign]}, and ${trouble}`, now);
    } else if (trouble === undefined) this.resume(target, now);
    else this.lastTrouble = `${nameOf(address)}: ${trouble}`;
    return this.take();
  }

  /** Time has passed. */
  tick(now: number): Decision[] {
    this.look(now);
    if (this.state === 'paused' && now - this.since >= this.options.pauseMs) {
      this.state = 'gone';
      this.isHeld = false;
      this.reason = this.whyGone(now);
      this.out.push({ type: 'gone', reason: this.reason });
    }
    return this.take();
  }

  private announced(
    sentinel: number,
    { type, from, address }: Extract<SentinelEvent, { address: PrimaryAddress }>,
    now: number,
  ): void {
    const promoting = type === 'promoting';
    if (this.state === 'here') {
      if (!promoting && this.isLie(sentinel, address, now)) return;
      const what = promoting ? 'is about to promote' : 'has switched to';
      this.pause(`a Sentinel ${what} ${nameOf(address)}`, now);
    }
    this.failoverAt = now;
    this.announcer = sentinel;
    this.leaves = from;
    this.promised = address;
    if (promoting) this.doubtAt = now;
  }

  private begun(sentinel: number, from: PrimaryAddress, now: number): void {
    if (!sameAddress(from, this.address)) return;
    if (this.state === 'here') this.pause('a Sentinel has begun a failover', now);
    // Whether or not it was expected: the others name the old address for some time yet.
    Object.assign(this, { failoverAt: now, announcer: sentinel, leaves: from });
  }

  private aborted(sentinel: number): void {
    if (sentinel !== this.announcer) return;
    this.failoverAt = undefined;
    this.leaves = undefined;
    this.promised = undefined;
  }

  private look(now: number): void {
    this.lookForSentinels(now);
    if (this.state !== 'here') return;
    const most = this.votes.majority(Math.max(this.since, now - FRESH_MS));
    if (most === undefined) return;
    if (sameAddress(most.address, this.address)) {
      this.epoch = Math.max(this.epoch, most.epoch);
      this.aheadUntil = 0;
    } else if (this.aheadUntil === 0 || (now >= this.aheadUntil && !this.votes.leaving(most.address))) {
      this.pause(`${this.says} another primary, ${nameOf(most.address)}`, now);
    }
  }

  private lookForSentinels(now: number): void {
    const blind = now - this.votes.enoughAt >= this.blindAfterMs;
    if (blind === (this.blind !== null)) return;
    const { sentinels, onMinority } = this.options;
    this.blind = blind
      ? `fewer than ${this.votes.enough} of ${sentinels} Sentinels answer, so Spillway could miss a failover`
      : null;
    this.out.push({ type: 'blind', reason: this.blind });
    if (this.blind !== null && onMinority === 'pause' && this.state === 'here') this.pause(this.blind, now);
  }

  private get blindAfterMs(): number {
    const { downAfterMs } = this.votes;
    if (this.options.onMinority === 'admit' || downAfterMs === undefined) return BLIND_AFTER_MS;
    return Math.min(BLIND_AFTER_MS, Math.max(LEAST_BLIND_MS, downAfterMs * SHARE_OF_DOWN_AFTER));
  }

  private target(now: number): Vote | undefined {
    const { votes, address, epoch } = this;
    const here = address && { address, epoch };
    if (this.state === 'here') return this.verifying === undefined ? undefined : here;
    const since = this.state === 'paused' ? this.since : Math.max(this.since, now - FRESH_MS);
    const most = votes.majority(since);
    if (most !== undefined && !sameAddress(most.address, address))
      return this.isLeft(most.address, now) ? undefined : most;
    if (this.promised !== undefined && this.options.resume === 'promoted' && this.state === 'paused')
      return { address: this.promised, epoch };
    const back = this.mayReturn(now) ? here : undefined;
    if (most !== undefined) return back;
    if (this.blind === null || this.options.onMinority === 'pause') return undefined;
    const highest = votes.highest(since);
    const ahead =
      highest !== undefined && highest.epoch > epoch && !sameAddress(highest.leaves, highest.address);
    return ahead && !sameAddress(highest.address, address) ? highest : back;
  }

  private mayReturn(now: number): boolean {
    if (this.address === undefined || this.isHeld) return false;
    const leaving = this.votes.leaving(this.address);
    if (this.failoverAt === undefined) return !leaving || now - this.since >= SWITCH_LIMIT_MS;
    return !leaving && now - this.failoverAt >= this.limitMs(this.failoverAt);
  }

  /** A Sentinel has promoted a replica, and its messages about that were lost with a connection. */
  private lookForPromotion(sentinel: number, { address, leaves, askedAt }: Answer, now: number): void {
    if (leaves === undefined || askedAt < this.since || sameAddress(address, leaves)) return;
    if (sameAddress(leaves, this.address))
      this.announced(sentinel, { type: 'switched', from: leaves, address }, now);
  }

  /** What the Sentinel that announced a failover names. Its message may have been lost with its connection. */
  private announcerSays(address: PrimaryAddress, now: number): void {
    if (this.failoverAt === undefined || sameAddress(address, this.announcerNames)) return;
    this.announcerNames = address;
    if (!sameAddress(address, this.address)) this.failoverAt = now;
  }

  /** For how long the failover away from `address` that was announced then may still come true. */
  private limitMs(failoverAt: number): number {
    const { announcer, address } = this;
    if (!sameAddress(this.leaves, address) || this.dead.has(announcer)) return SWITCH_LIMIT_MS;
    const answer = this.votes.of(announcer);
    if (answer === undefined || answer.askedAt < failoverAt) return SILENCE_LIMIT_MS;
    return sameAddress(answer.address, address) ? SWITCH_LIMIT_MS : FOLLOW_LIMIT_MS;
  }

  /** Whether a failover away from that address is under way, the second within a short time. */
  private isLeft(address: PrimaryAddress, now: number): boolean {
    if (this.votes.leaving(address)) return true;
    const { failoverAt, leaves } = this;
    return failoverAt !== undefined && now - failoverAt < SWITCH_LIMIT_MS && sameAddress(leaves, address);
  }

  private isLie(sentinel: number, address: PrimaryAddress, now: number): boolean {
    const { liar } = this;
    return liar?.sentinel === sentinel && now < liar.until && sameAddress(liar.address, address);
  }

  private pause(reason: string, now: number, planned = false): void {
    Object.assign(this, { state: 'paused', reason, since: now, doubtAt: now, lastTrouble: '' });
    this.failoverAt = undefined;
    this.promised = undefined;
    this.leaves = undefined;
    this.announcerNames = undefined;
    this.announcer = -1;
    this.verifying = undefined;
    this.isPlanned = planned;
    this.out.push({ type: 'pause', reason });
    this.ask();
  }

  private resume({ address, epoch }: Vote, now: number): void {
    const moved = !sameAddress(address, this.address);
    const pausedMs = this.state === 'paused' ? now - this.since : 0;
    const agreed = sameAddress(this.votes.majority(Math.max(this.since, now - FRESH_MS))?.address, address);
    if (!moved && this.promised !== undefined)
      this.liar = { sentinel: this.announcer, address: this.promised, until: now + DISBELIEF_MS };
    this.falseAlarms = moved || this.isPlanned || this.failoverAt !== undefined ? 0 : this.falseAlarms + 1;
    this.isHeld = false;
    this.aheadUntil = agreed || !moved ? 0 : now + SWITCH_LIMIT_MS;
    this.address = address;
    this.epoch = epoch;
    this.state = 'here';
    this.reason = null;
    this.since = now;
    this.calmUntil = now + Math.min(LONGEST_CALM_MS, CALM_MS * 2 ** Math.max(0, this.falseAlarms - 1));
    this.out.push({ type: 'resume', address, moved, pausedMs });
  }

  private whyGone(now: number): string {
    const { votes, options } = this;
    const seconds = `${options.pauseMs / 1000} s`;
    if (now - votes.enoughAt >= Math.min(FRESH_MS, options.pauseMs))
      return `no primary within ${seconds}: fewer than ${votes.enough} of ${options.sentinels} Sentinels answer`;
    const most = votes.majority(now - FRESH_MS);
    if (most === undefined) return `no primary within ${seconds}: ${this.says} different ones`;
    return `no primary within ${seconds}: ${this.says} ${nameOf(most.address)}${this.lastTrouble === '' ? ', and a failover goes on' : `; ${this.lastTrouble}`}`;
  }

  private get says(): string {
    return this.options.says ?? 'the Sentinels name';
  }

  private ask(): void {
    this.out.push({ type: 'ask' });
  }

  private take(): Decision[] {
    const { out } = this;
    this.out = [];
    return out;
  }
}
