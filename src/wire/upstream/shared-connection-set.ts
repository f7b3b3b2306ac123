// The shared connections of one identity for one kind of commands: those that the server may delay (writes), or all others, so
// that a read never waits behind another client's write while the server is paused. Made when first needed, and made again with
// back-off when lost. Owns the connections, the attempts to make them, and the clients that wait for them. It is long because
// making, losing, replacing and moving connections all change these three lists.
//
// A connection that owes replies and has brought nothing for upstream.responseTimeout gets no further commands. They go up a
// fresh one, where silence-watch.ts asks the server whether it is alive.
//
//   silent for `ticks` ─▶ overdue ─┬─ the server sends something here ─▶ open again
//                                  └─ it answers twice on another one ─▶ given up: pending replies become an error
import { BackOff } from '../../core/back-off.js';
import type { Identity } from '../../core/session/pooling/identity.js';
import type { AddedLatency } from '../added-latency.js';
import type { Turn } from '../turn.js';
import { Allowance } from './allowance.js';
import { type Applicant, Applicants } from './applicants.js';
import { Attempts } from './attempts.js';
import { UNTOLD_PAUSE_MS } from './following.js';
import { Refused } from './greet.js';
import { type ByteCounters, SharedConnection } from './shared-connection.js';
import type { SharedRoom } from './shared-room.js';
import { READ_QUESTION, SilenceWatch } from './silence-watch.js';
import type { UpstreamAddress } from './upstream-socket.js';

/** The pause before the next attempt after a failure. */
const BACK_OFF_MS = { first: 20, longest: 1000 } as const;
/** Attempts at a time. */
const MOST_ATTEMPTS = 6;
/** After each attempt that the server does not answer, the next one waits twice as long, up to about a minute. */
const MOST_DOUBLINGS = 6;
/** While this many connections are overdue, none is made in their place. */
const MOST_OVERDUE = 4;

/** Counted over all sets. */
export interface PoolTotals {
  made: number;
  lost: number;
  silent: number;
}

export interface SharedConnectionSetOptions {
  readonly upstream: UpstreamAddress;
  readonly room: SharedRoom;
  /** The most connections that accept commands at a time. */
  readonly size: number;
  readonly pausable: boolean;
  /** A connection is overdue after this number of silent ticks. */
  readonly ticks: number;
  readonly turn: Turn;
  readonly added: AddedLatency;
  readonly counters: ByteCounters;
  /** A connection could not be made. */
  readonly onFailed: (error: Error) => void;
  /** A connection that was in use has ended, or was closed. */
  readonly onLost: () => void;
  /** The server is silent on one connection: it may also be silent on others, on which nobody waits for it. */
  readonly onDoubt: () => void;
  /** One was closed because the server was silent on it and answered on another one. */
  readonly onSilent: () => void;
}

export class SharedConnectionSet {
  /** Connections that were made. */
  private readonly connections = new Set<SharedConnection>();
  private readonly attempts = new Attempts<SharedConnection>(MOST_ATTEMPTS, MOST_DOUBLINGS);
  private readonly silence: SilenceWatch;
  private readonly applicants = new Applicants();
  private readonly backOff = new BackOff(BACK_OFF_MS.first, BACK_OFF_MS.longest);
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly allowance = new Allowance();

  constructor(
    private readonly identity: Identity,
    private readonly options: SharedConnectionSetOptions,
    private readonly totals: PoolTotals,
    /** A connection for the other kind of commands, used if this kind can have none. */
    private readonly other: () => SharedConnection | undefined,
  ) {
    this.silence = new SilenceWatch(options.pausable, options.ticks, () => this.least);
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const { batch } of this.connections) bytes += batch.waiting;
    return bytes;
  }

  /** Connections that stand. */
  get ready(): number {
    return this.connections.size;
  }

  /** Clients that wait for one. */
  get waiting(): number {
    return this.applicants.size;
  }

  get inUse(): boolean {
    if (this.applicants.size > 0) return true;
    for (const { members } of this.connections) if (members.size > 0) return true;
    return false;
  }

  has(connection: SharedConnection): boolean {
    return this.connections.has(connection);
  }

  /** The connection with the fewest members that accepts commands. */
  get least(): SharedConnection | undefined {
    let least: SharedConnection | undefined;
    for (const connection of this.connections) {
      if (connection.isOpen && (least === undefined || connection.members.size < least.members.size))
        least = connection;
    }
    return least;
  }

  /** The connection with the fewest members that accepts commands; undefined: `applicant`, if given, will be called. */
  acquire(applicant?: Applicant): SharedConnection | undefined {
    const { least } = this;
    // Another connection as soon as each has a member, up to the size of the set.
    if (least === undefined || (least.members.size > 0 && this.usable < this.options.size)) this.connect();
    if (least !== undefined) return least;
    const cannotBeHad = this.retry !== undefined || this.attempts.size === 0;
    const last = this.lastResort() ?? (cannotBeHad ? this.other() : undefined);
    if (last === undefined && applicant !== undefined) {
      this.applicants.add(applicant);
      if (this.attempts.size === 0) setImmediate(() => this.turnAwayIfCrowded());
    }
    return last;
  }

  withdraw(applicant: Applicant): void {
    this.applicants.withdraw(applicant);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.attempts.closeAll();
    for (const connection of this.connections) connection.close();
    this.connections.clear();
    this.silence.clear();
  }

  /** The pause is over: connections may be made again. */
  goOn(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.backOff.reset();
    for (const connection of [...this.connections]) connection.hearAgain();
    if (this.applicants.size > 0) this.connect();
  }

  /** The primary has moved: cuts all connections to the old address. */
  moved(): void {
    this.attempts.closeAll();
    for (const connection of [...this.connections]) connection.cut();
    this.silence.clear();
    this.goOn();
  }

  /** Must be called `ticks` times in upstream.responseTimeout. */
  tick(): void {
    for (const connection of this.connections) {
      connection.tick();
      if (connection.silentTicks > this.options.ticks) connection.isOverdue = true;
      if (connection.isOverdue) this.doubt(connection);
      else if (connection.isRetiring) this.dismiss(connection);
    }
    this.retire();
    if (this.allowance.grow()) this.allow();
    if (this.isWanting && this.attempts.isDue(this.standing + Math.max(0, this.silence.size - 1)))
      this.tryAgain();
  }

  /** Asks the server on each connection without pending replies whether it is there, so that silence shows. */
  suspect(): void {
    for (const connection of this.connections)
      if (connection.isOpen && connection.lane.idle) connection.ask(READ_QUESTION, () => {});
  }

  /** Whether one more connection must be made: somebody waits, or none accepts commands. */
  private get isWanting(): boolean {
    return this.applicants.size > 0 || (this.silence.size > 0 && this.least === undefined);
  }

  /** Attempts that wait for the server to answer their greeting, as the next one would. */
  private get standing(): number {
    let standing = 0;
    for (const { stands } of this.attempts) if (stands) standing++;
    return standing;
  }

  /** Connections that accept commands, or will as soon as they are made. */
  private get usable(): number {
    let usable = this.attempts.size;
    for (const { isOpen } of this.connections) if (isOpen) usable++;
    return usable;
  }

  /** Ends connections beyond those needed: more were made while some could not be used. */
  private retire(): void {
    let open = 0;
    for (const connection of this.connections)
      if (connection.isOpen && ++open > this.options.size) connection.isRetiring = true;
  }

  /** Its clients keep the rights that they have: those of a connection that stands. */
  private dismiss(connection: SharedConnection): void {
    const heir = this.least;
    if (heir !== undefined && connection.dismiss(heir)) this.connections.delete(connection);
  }

  /** If several are overdue, returns the newest: the server either delays what it is asked, or is gone. */
  private lastResort(): SharedConnection | undefined {
    if (this.silence.size < 2) return undefined;
    let last: SharedConnection | undefined;
    for (const connection of this.connections) if (connection.isOverdue) last = connection;
    return last;
  }

  /** The server is silent on `connection`: does it answer elsewhere? */
  private doubt(connection: SharedConnection): void {
    const { silence } = this;
    if (silence.doubt(connection)) this.options.onDoubt();
    if (silence.isDead(connection))
      connection.giveUp(
        new Error('the server did not answer on this shared connection, but answered on another one'),
      );
    else silence.look(connection);
  }

  private connect(): void {
    if (!this.closed && this.retry === undefined && this.attempts.size === 0) this.attempt();
  }

  private get isPaused(): boolean {
    return this.options.upstream.following?.isPaused === true;
  }

  /** One more attempt, beside those that have brought nothing yet. */
  private tryAgain(): void {
    if (this.attempts.size > 0) this.attempt();
    else if (this.silence.size < MOST_OVERDUE || this.applicants.size > 0) this.connect();
    this.turnAwayIfCrowded();
  }

  /** If there is no room for an attempt, the clients that wait have nothing to wait for. */
  private turnAwayIfCrowded(): void {
    if (this.closed || this.isPaused) return;
    if (this.attempts.size === 0 && this.retry === undefined) this.applicants.crowd();
  }

  private attempt(): void {
    const { room } = this.options;
    if (!room.isThere || this.isPaused) return;
    room.take();
    const { upstream, turn, added, counters } = this.options;
    const connection = new SharedConnection(upstream, this.identity, turn, added, counters, {
      ready: () => this.made(connection),
      opened: () => this.opened(connection),
      ended: (_, wasReady, error) => {
        if (wasReady) this.lost(connection);
        else this.failed(connection, error ?? new Error('the server ended the connection'));
      },
      closed: () => room.give(),
    });
    connection.allowance = this.allowance.bytes;
    this.attempts.begin(connection);
  }

  private made(connection: SharedConnection): void {
    this.totals.made++;
    this.backOff.reset();
    this.attempts.take(connection);
    // These attempts had the same purpose.
    this.attempts.closeAll();
    this.connections.add(connection);
    this.applicants.grant();
  }

  private opened(connection: SharedConnection): void {
    this.silence.forget(connection);
    if (connection.isOpen) this.applicants.grant();
  }

  private lost(connection: SharedConnection): void {
    const silent = this.silence.isDead(connection);
    this.silence.forget(connection);
    if (!this.connections.delete(connection) || connection.wasCut) return;
    this.totals.lost++;
    if (silent) {
      this.totals.silent++;
      this.options.onSilent();
    } else if (connection.endedOwing) {
      this.allowance.shrink();
      this.allow();
    }
    this.options.onLost();
    if (this.applicants.size > 0 && this.least === undefined) this.connect();
  }

  private failed(attempt: SharedConnection, reason: Error): void {
    if (!this.attempts.take(attempt)) return;
    this.options.onFailed(reason);
    const delay = this.backOff.next();
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      if (this.applicants.size > 0) this.connect();
    }, delay).unref();
    if (this.other() !== undefined) {
      this.applicants.grant();
      return;
    }
    // Clients that came while it was under way still have the other attempts.
    const others = this.attempts.size > 0 ? attempt.begunAt : Number.POSITIVE_INFINITY;
    this.applicants.refuse(reason, Math.min(others, this.waitedEnough(reason)));
  }

  /** Tells clients that came before it that there is no connection. If the primary may have moved, the others wait. */
  private waitedEnough(reason: Error): number {
    const { following } = this.options.upstream;
    if (following === undefined || reason instanceof Refused) return Number.POSITIVE_INFINITY;
    return following.isPaused ? Number.NEGATIVE_INFINITY : performance.now() - UNTOLD_PAUSE_MS;
  }

  private allow(): void {
    for (const connection of this.connections) connection.allowance = this.allowance.bytes;
    for (const attempt of this.attempts) attempt.allowance = this.allowance.bytes;
  }
}
