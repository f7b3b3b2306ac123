// The connections of one identity for one kind of commands: those that the server may put off (writes), or the rest, so
// that nobody's read waits behind another's write while the server is paused. Made when first asked for, made again with
// back-off when lost. Owns them, their attempts and who waits for them.
//
// A server that goes silent on a connection may be slow, paused, or gone from the other end of it. So one that owes
// replies and has said nothing for upstream.responseTimeout takes no further commands: they go up a fresh one, where the
// server is asked a question of the same kind. If it answers there, twice, half of that time apart, and is still silent
// here, this connection is dead, and given up.
//
//   silent for `ticks` ─▶ overdue ─┬─ the server says something here ─▶ open again
//                                  └─ it answers twice on another one ─▶ given up: what is owed gets an error
import { encodeCommand } from '../../core/resp/encode.js';
import type { Identity } from '../../core/session/pooling/identity.js';
import type { AddedLatency } from '../added-latency.js';
import type { Turn } from '../turn.js';
import { type ByteCounters, SharedUpstream } from './shared-upstream.js';
import type { UpstreamAddress } from './upstream-socket.js';

/** Before the next attempt when the last one failed, doubled from the first to the last. */
const BACK_OFF_MS = { first: 20, last: 1000 } as const;
/** An attempt that has come to nothing by then gets company: TCP may wait for longer before it tries again itself. */
const ATTEMPT_MS = 1000;
/** For each one that the server leaves waiting the next one comes so much later. */
const SLOWER = 2;
const MOST_SLOWER = 6;
/** Attempts at a time; the oldest one gives way. */
const MOST_ATTEMPTS = 6;
/** Overdue ones at a time: while there are so many no other one is made for their sake. */
const MOST_OVERDUE = 4;
/** Bytes that the replies owed to one client may come to, as far as can be told. */
const ALLOWANCE = { most: 256 * 1024, least: 16 * 1024 } as const;
/** By so much the allowance shrinks when the server ends a connection that owes replies: it may have been too much. */
const SHRINKS_BY = 4;
/** And by so much it grows again for each of these times without that. */
const GROWS_BY = 2;
const GROWS_EVERY_MS = 60_000;

/** So often the server is to answer elsewhere before it is taken to be gone from here. */
const ANSWERS_NEEDED = 2;
/** Answered by a server that answers reads. */
const READ_QUESTION = encodeCommand('PING');
/** Put off where writes are, though it writes nothing. */
const WRITE_QUESTION = encodeCommand('EVAL', 'return 1', '0');
/** The server itself says that it is slow: that another connection waits means nothing. */
const BUSY = /^-(BUSY|LOADING|MASTERDOWN)\b/;

/** Waits for a shared connection. */
export interface Applicant {
  /** One can be had now: to be asked for again. */
  granted(): void;
  /** It can't be had now. */
  refused(error: Error): void;
}

/** Counted over all sets. */
export interface PoolTotals {
  made: number;
  lost: number;
  silent: number;
}

export interface LineSetOptions {
  readonly upstream: UpstreamAddress;
  /** Connections that take commands at a time. */
  readonly size: number;
  readonly pausable: boolean;
  /** So many ticks of silence are too many. */
  readonly ticks: number;
  readonly turn: Turn;
  readonly added: AddedLatency;
  readonly counters: ByteCounters;
  /** A connection could not be made. */
  readonly onFailed: (error: Error) => void;
  /** One that was of use has ended, or was given up. */
  readonly onLost: () => void;
  /** The server is silent on one: it may be on others, too, on which nobody waits for it. */
  readonly onDoubt: () => void;
  /** One was given up, since the server was silent on it and answered on another one. */
  readonly onSilent: () => void;
}

/** What was asked elsewhere for the sake of an overdue connection. */
interface Doubt {
  /** How often the server has answered elsewhere, and how long the connection had been silent by then, in ticks. */
  answers: number;
  at: number;
  /** An answer is on its way. */
  asked: boolean;
  /** The client may not ask such a question: what others are answered on this connection has to tell. */
  witness: SharedUpstream | undefined;
  seen: number;
}

export class LineSet {
  private readonly lines = new Set<SharedUpstream>();
  private readonly doubts = new Map<SharedUpstream, Doubt>();
  /** Since when they wait. */
  private readonly applicants = new Map<Applicant, number>();
  private backOffMs = 0;
  private retry: NodeJS.Timeout | undefined;
  private attemptedAt = Number.NEGATIVE_INFINITY;
  private closed = false;
  private allowance: number = ALLOWANCE.most;
  private allowanceAt = 0;

  constructor(
    private readonly identity: Identity,
    private readonly options: LineSetOptions,
    private readonly totals: PoolTotals,
    /** A connection for the other kind of commands: used where there can be none for this kind. */
    private readonly other: () => SharedUpstream | undefined,
  ) {}

  get heldBytes(): number {
    let bytes = 0;
    for (const { batch } of this.lines) bytes += batch.waiting;
    return bytes;
  }

  /** Connections that stand. */
  get ready(): number {
    return this.count(({ isReady }) => isReady);
  }

  /** Clients that wait for one. */
  get waiting(): number {
    return this.applicants.size;
  }

  get inUse(): boolean {
    return this.applicants.size > 0 || this.count(({ members }) => members.size > 0) > 0;
  }

  has(line: SharedUpstream): boolean {
    return this.lines.has(line);
  }

  /** The least shared one that takes commands; undefined: `applicant`, if there is one, will be told. */
  acquire(applicant?: Applicant): SharedUpstream | undefined {
    const now = performance.now();
    const least = this.least;
    // Another one as soon as every one is shared, up to the size of the set.
    if (least === undefined || (least.members.size > 0 && this.usable < this.options.size)) this.connect();
    if (least !== undefined) return least;
    const last = this.lastResort() ?? (this.retry === undefined ? undefined : this.other());
    if (last === undefined && applicant !== undefined) this.applicants.set(applicant, now);
    return last;
  }

  withdraw(applicant: Applicant): void {
    this.applicants.delete(applicant);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    for (const line of this.lines) line.close();
    this.lines.clear();
    this.doubts.clear();
  }

  /** To be called `ticks` times in upstream.responseTimeout. */
  tick(): void {
    for (const line of this.lines) {
      line.tick();
      if (line.silentTicks > this.options.ticks) line.isOverdue = true;
      if (line.isOverdue) this.doubt(line);
      else if (line.isRetiring) this.dismiss(line);
    }
    this.retire();
    if (this.allowance < ALLOWANCE.most && performance.now() - this.allowanceAt >= GROWS_EVERY_MS)
      this.allow(Math.min(this.allowance * GROWS_BY, ALLOWANCE.most));
    if (this.isWanting && performance.now() - this.attemptedAt >= this.patience) this.tryAgain();
  }

  /** Somebody waits, or no connection takes commands: one more is to be made. */
  private get isWanting(): boolean {
    return this.applicants.size > 0 || (this.doubts.size > 0 && this.least === undefined);
  }

  /** How long the last attempt has to show something, before another one is made. */
  private get patience(): number {
    // What stands and is not greeted waits for the server, as the next one would.
    const standing = this.count(({ isReady, stands }) => stands && !isReady);
    return ATTEMPT_MS * SLOWER ** Math.min(standing + Math.max(0, this.doubts.size - 1), MOST_SLOWER);
  }

  /** More than are needed were made while some were not to be used. */
  private retire(): void {
    let open = 0;
    for (const line of this.lines) if (line.isOpen && ++open > this.options.size) line.isRetiring = true;
  }

  /** Its clients keep the rights that they have: those of a connection that stands. */
  private dismiss(line: SharedUpstream): void {
    const heir = this.least;
    if (heir !== undefined && line.dismiss(heir)) this.lines.delete(line);
  }

  /** Connections that take commands, or will as soon as they are made. */
  private get usable(): number {
    return this.count(({ isReady, isOpen }) => isOpen || !isReady);
  }

  private count(which: (line: SharedUpstream) => boolean): number {
    let count = 0;
    for (const line of this.lines) if (which(line)) count++;
    return count;
  }

  /** The least shared one that takes commands. */
  get least(): SharedUpstream | undefined {
    let least: SharedUpstream | undefined;
    for (const line of this.lines) {
      if (line.isOpen && (least === undefined || line.members.size < least.members.size)) least = line;
    }
    return least;
  }

  /** Of several that are all overdue, the freshest: so the server puts off what it is asked, or is not there at all. */
  private lastResort(): SharedUpstream | undefined {
    if (this.doubts.size < 2) return undefined;
    let last: SharedUpstream | undefined;
    for (const line of this.lines) if (line.isReady && line.isOverdue) last = line;
    return last;
  }

  /** The server is silent on `line`: is it elsewhere? */
  private doubt(line: SharedUpstream): void {
    let doubt = this.doubts.get(line);
    if (doubt === undefined) {
      doubt = { answers: 0, at: 0, asked: false, witness: undefined, seen: 0 };
      this.doubts.set(line, doubt);
      this.options.onDoubt();
    }
    if (doubt.answers >= ANSWERS_NEEDED) {
      line.giveUp(new Error('the server was silent on a shared connection, and answered on another one'));
      return;
    }
    if (doubt.answers > 0 && line.silentTicks < doubt.at + this.options.ticks / 2) return;
    const { witness } = doubt;
    if (witness === undefined) this.inquire(line, doubt);
    else if (witness.answers > doubt.seen) {
      doubt.seen = witness.answers;
      this.answered(line, doubt);
    }
  }

  /** Asks the server on each connection on which nothing is owed whether it is there, so that silence shows. */
  suspect(): void {
    for (const line of this.lines) if (line.isOpen && line.lane.idle) line.ask(READ_QUESTION, () => {});
  }

  private inquire(line: SharedUpstream, doubt: Doubt): void {
    const other = this.least;
    if (other === undefined || doubt.asked) return;
    const { pausable } = this.options;
    doubt.asked = true;
    other.ask(pausable ? WRITE_QUESTION : READ_QUESTION, (reply) => {
      doubt.asked = false;
      if (reply === undefined || BUSY.test(reply)) return;
      if (!pausable || !reply.startsWith('-')) this.answered(line, doubt);
      else {
        // A refusal comes before the putting off, and says nothing of writes.
        doubt.witness = other;
        doubt.seen = other.answers;
      }
    });
  }

  private answered(line: SharedUpstream, doubt: Doubt): void {
    doubt.answers++;
    doubt.at = line.silentTicks;
  }

  private connect(): void {
    if (this.closed || this.retry !== undefined || this.count(({ isReady }) => !isReady) > 0) return;
    this.attempt();
  }

  /** One more attempt, beside those that have come to nothing yet. */
  private tryAgain(): void {
    const attempts = [...this.lines].filter(({ isReady }) => !isReady);
    if (attempts.length === 0) {
      if (this.doubts.size < MOST_OVERDUE || this.applicants.size > 0) this.connect();
      return;
    }
    if (attempts.length >= MOST_ATTEMPTS) {
      this.lines.delete(attempts[0]);
      attempts[0].close();
    }
    this.attempt();
  }

  private attempt(): void {
    const { upstream, turn, added, counters } = this.options;
    this.attemptedAt = performance.now();
    const line = new SharedUpstream(upstream, this.identity, turn, added, counters, {
      ready: () => this.made(),
      opened: () => this.opened(line),
      ended: (_, wasReady, error) => this.ended(line, wasReady, error),
    });
    line.allowance = this.allowance;
    this.lines.add(line);
  }

  private made(): void {
    this.totals.made++;
    this.backOffMs = 0;
    // The other attempts were for the same.
    for (const other of [...this.lines]) {
      if (other.isReady) continue;
      this.lines.delete(other);
      other.close();
    }
    this.grant();
  }

  private opened(line: SharedUpstream): void {
    this.doubts.delete(line);
    if (line.isOpen) this.grant();
  }

  private grant(): void {
    const applicants = [...this.applicants.keys()];
    this.applicants.clear();
    for (const applicant of applicants) applicant.granted();
  }

  private ended(line: SharedUpstream, wasReady: boolean, error: Error | undefined): void {
    const silent = (this.doubts.get(line)?.answers ?? 0) >= ANSWERS_NEEDED;
    this.doubts.delete(line);
    if (!this.lines.delete(line) || this.closed) return;
    if (wasReady) {
      this.totals.lost++;
      if (silent) {
        this.totals.silent++;
        this.options.onSilent();
      } else if (line.endedOwing) this.allow(Math.max(this.allowance / SHRINKS_BY, ALLOWANCE.least));
      this.options.onLost();
      if (this.applicants.size > 0 && this.least === undefined) this.connect();
      return;
    }
    const reason = error ?? new Error('the server ended the connection');
    this.options.onFailed(reason);
    this.backOffMs = Math.min(Math.max(BACK_OFF_MS.first, this.backOffMs * 2), BACK_OFF_MS.last);
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      if (this.applicants.size > 0) this.connect();
    }, this.backOffMs).unref();
    if (this.other() !== undefined) {
      this.grant();
      return;
    }
    const others = this.count(({ isReady }) => !isReady) > 0;
    for (const [applicant, since] of [...this.applicants]) {
      // Who came while it was under way has the others still.
      if (others && since > line.begunAt) continue;
      this.applicants.delete(applicant);
      applicant.refused(reason);
    }
  }

  private allow(bytes: number): void {
    this.allowance = bytes;
    this.allowanceAt = performance.now();
    for (const line of this.lines) line.allowance = bytes;
  }
}
