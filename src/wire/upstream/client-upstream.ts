// Where one client's commands go. With session pooling: to an own connection, for good. With command pooling: wherever its
// session wants, which is its seat on shared connections or, for a while, an own one. An own connection that is not needed is
// parked, and closed after a while.
// It is long because it decides on both: which one is provided, when the own one is made, parked, taken over and ended.
// Owns the own connection and the seat. Invariant: a session changes its upstream only when no reply is due to it.
import { HELLO, ownGreeting } from '../../core/session/pooling/identity.js';
import { Place } from '../../core/session/pooling/placement.js';
import { type AddedLatency, Way } from '../added-latency.js';
import { NotPrimary, Refused } from './greet.js';
import { OwnUpstream, type OwnUpstreamOptions, type OwnUpstreamUser } from './own-upstream.js';
import { PrimaryRetry } from './primary-retry.js';
import { type SeatUser, SharedSeat, Takeover } from './shared-seat.js';
import type { UpstreamPool } from './upstream-pool.js';

/** The link that owns the client. */
export interface ClientUpstreamUser extends SeatUser {
  /** Nothing more goes up for the client. */
  readonly isOver: boolean;
  /** Replies on the client's own connection. The buffer is valid only until the call returns. */
  fromOwn(chunk: Buffer): void;
  /** The last words of a server that has closed the client's own connection. */
  lastWords(bytes: Buffer): void;
  /** A connection for the client could not be made. */
  upstreamFailed(error: Error): void;
  /** Sends what was to be sent at the end of the turn. */
  endTurn(): void;
  /** The server has closed the client's own connection on its own. `parked`: the client did not need it, and it is gone. */
  ownEnded(parked: boolean, isConnected: boolean, error: Error | undefined): void;
  /** The client's own connection, which it needs, was cut because the primary has moved. */
  ownCut(): void;
}

export class ClientUpstream implements OwnUpstreamUser {
  own: OwnUpstream | undefined;
  /** The present own connection is the second try, with the login that comes next. */
  private retried = false;
  private readonly retry: PrimaryRetry;
  /** The parked connection stays until a shared one can be had. */
  private keepsParked = false;
  /** undefined: session pooling. */
  readonly seat: SharedSeat | undefined;

  /**
   * `pool`: command pooling; without it the client gets its own connection at once, unless the primary may be about to change.
   */
  constructor(
    private readonly options: OwnUpstreamOptions,
    private readonly link: ClientUpstreamUser,
    pool: UpstreamPool | undefined,
  ) {
    this.retry = new PrimaryRetry(options.upstream.following, () => this.goOn());
    if (pool !== undefined) this.seat = new SharedSeat(pool, link);
    else if (options.upstream.following === undefined) this.own = new OwnUpstream(options, [], this);
  }

  /** The client now has its session. */
  come(): void {
    if (this.seat !== undefined) this.seat.rights.come();
    else if (this.own === undefined) {
      // Nothing goes up before the server has said that it is the primary.
      this.link.session.pause();
      this.goOn();
    }
  }

  /** Session pooling: the client's connection has yet to be made. */
  get isComing(): boolean {
    return this.seat === undefined && this.own?.isGreeted !== true;
  }

  /** The pause is over: connections may be made again. */
  goOn(): void {
    this.retry.stop();
    this.own?.hearAgain();
    const { upstream } = this.options;
    if (this.seat !== undefined) this.link.flush();
    else if (this.own === undefined && upstream.following?.isPaused !== true && !this.link.isOver)
      this.own = new OwnUpstream(this.options, [HELLO], this);
  }

  /** The primary has moved: cuts the connections to the old address, and drops what was not sent. */
  moved(): void {
    const { own } = this;
    if (own === undefined || own.hasEnded) return;
    const { session } = this.link;
    const isNeeded = own.isGreeted && !own.isParked && session.hasOwnUpstream && !session.mayRest;
    own.cut();
    if (isNeeded) this.link.ownCut();
    else this.drop(own);
  }

  /** The client has an own connection, and needs it now. */
  get isPinned(): boolean {
    return this.own?.isParked === false;
  }

  get hasParked(): boolean {
    return this.own?.isParked === true;
  }

  /** The client is a member of a shared connection, and uses no own one. */
  get isSharing(): boolean {
    return this.seat?.isMember === true && !this.isPinned;
  }

  /** The connection for the client's commands asks to wait. */
  get needsDrain(): boolean {
    if (this.link.session.hasOwnUpstream) return this.own?.batch.needsDrain === true;
    return this.seat?.needsDrain === true;
  }

  /** Whether something was sent that no reply will confirm, and that the server may not have taken yet. */
  get isTaking(): boolean {
    const { session } = this.link;
    return this.own !== undefined && session.hasOwnUpstream && this.own.isTaking(session.unanswered);
  }

  /** Gives the session the connection that its next command needs, once all earlier commands are answered. */
  provide(): void {
    const { link } = this;
    const { session } = link;
    while (session.wants !== Place.NOWHERE && session.idle && !link.isOver) {
      if (!(session.wants === Place.OWN ? this.provideOwn() : this.provideShared())) return;
    }
  }

  flush(): void {
    this.own?.flush();
    this.seat?.flushSoon();
  }

  /** Sends in both directions, except to a shared connection, which sends at the end of the turn. */
  sent(added: AddedLatency): void {
    const { link } = this;
    const shared = link.session.hasOwnUpstream ? undefined : this.seat?.connection;
    added.sent(Way.REPLY, link);
    if (shared !== undefined) added.pass(Way.REQUEST, link, shared);
    else added.sent(Way.REQUEST, link);
  }

  /** Replies have come on the own connection: checks whether the client still needs it. */
  answered(): void {
    const { seat } = this;
    if (seat === undefined) return;
    const { session } = this.link;
    // It was refused there what it has elsewhere.
    if (!session.hasOwnUpstream && this.isPinned) this.endOwn();
    if (session.isLetIn) seat.rights.ownLetIn();
    if (session.mayRelease) this.park();
    else if (session.mayRest) this.own?.rest();
  }

  /** The client takes replies again. */
  clientDrained(): void {
    this.own?.resume();
    this.seat?.release();
  }

  endOwn(): void {
    this.own?.end();
    this.own = undefined;
    this.retried = false;
    this.keepsParked = false;
    this.seat?.rights.ownEnded();
  }

  /** Nothing more will go up, except what is on its way. */
  leave(): void {
    this.endOwn();
    this.seat?.leaveAll();
  }

  /** The client is gone. */
  close(): void {
    this.retry.stop();
    this.endOwn();
    this.seat?.close();
  }

  fromOwn(chunk: Buffer): void {
    // Nothing is asked on a parked connection, so it has nothing for the client.
    if (this.own?.isParked) this.endOwn();
    else this.link.fromOwn(chunk);
  }

  lastWords(bytes: Buffer): void {
    this.link.lastWords(bytes);
  }

  ownGreeted(): void {
    const { own } = this;
    this.retry.succeeded();
    if (this.seat === undefined && own !== undefined) {
      const { session } = this.link;
      session.connect(own.batch);
      if (this.options.upstream.following?.isPaused !== true) session.unpause();
    } else if (this.link.session.wants === Place.NOWHERE) own?.park();
    this.link.flush();
  }

  /**
   * A login or database that is refused by now does no harm to a client that is about to log in again, or to RESET. A new login
   * that is not valid does none either: the client gets the server's error and keeps what it had.
   */
  ownRefused(error: Error): void {
    if (error instanceof NotPrimary && this.triesAgain()) {
      this.link.upstreamFailed(error);
      return;
    }
    const { session } = this.link;
    const next = session.nextIdentity;
    const { retried } = this;
    const goesOn = error instanceof Refused && (retried ? error.ofLogin : error.ofIdentity);
    if (next === undefined || !goesOn) {
      this.link.turnAway(error);
      return;
    }
    this.endOwn();
    if (retried) {
      session.refuseLogin(error.words);
      this.link.flush();
      return;
    }
    this.retried = true;
    this.own = new OwnUpstream(this.options, ownGreeting(next), this);
    // A client without a login has nothing to wait for.
    if (this.own.isGreeted) this.link.flush();
  }

  ownDrained(): void {
    this.link.upstreamDrained();
  }

  ownFailed(error: Error): void {
    this.link.upstreamFailed(error);
  }

  ownEnded(own: OwnUpstream, error?: Error): void {
    this.link.endTurn();
    if (this.own !== own || own.hasEnded) return;
    own.hasEnded = true;
    if (own.isEnding) {
      this.link.flush();
      return;
    }
    if (!own.isGreeted && this.triesAgain()) return;
    const { isParked } = own;
    if (this.options.upstream.following !== undefined && (isParked || this.link.session.mayRest)) {
      // The server of this connection fails, for example; its client needs nothing from it.
      this.drop(own);
      this.link.flush();
      return;
    }
    if (isParked) this.endOwn();
    this.link.ownEnded(isParked, own.isConnected, error);
  }

  /** The connection ends once a shared one has its client's rights. Until then the client goes on with this one if it must. */
  parkingOver(): void {
    const isBusy = this.link.session.wants !== Place.NOWHERE;
    const takeover = isBusy ? Takeover.LATER : this.seat?.takesOver();
    if (takeover === Takeover.LATER) this.own?.park();
    else if (takeover === Takeover.NEVER) this.keepsParked = true;
    else this.endOwn();
  }

  restOver(): void {
    const { session } = this.link;
    if (!session.mayRest) return;
    const takeover = this.seat?.takesOver();
    if (takeover === Takeover.LATER) this.own?.rest();
    else if (takeover !== Takeover.NEVER) {
      session.detach();
      this.endOwn();
    }
  }

  /** The client does not need it, and does not notice. */
  private drop(own: OwnUpstream): void {
    const { session } = this.link;
    if (own.isGreeted && !own.isParked && session.hasOwnUpstream) session.detach();
    this.endOwn();
  }

  /** The primary may have moved, so Spillway tries again to make the connection. */
  private triesAgain(): boolean {
    if (!this.retry.begin()) return false;
    this.endOwn();
    return true;
  }

  private provideOwn(): boolean {
    const { session } = this.link;
    const mayNot = this.retry.isWaiting || this.options.upstream.following?.isPaused === true;
    if (this.own === undefined && mayNot) return false;
    this.own ??= new OwnUpstream(this.options, ownGreeting(session.identity), this);
    if (!this.own.isGreeted) return false;
    const isFresh = !this.own.wasTaken;
    const asNext = this.retried;
    this.retried = false;
    this.keepsParked = false;
    this.own.take();
    session.attach(this.own.batch, isFresh, asNext);
    return true;
  }

  private provideShared(): boolean {
    if (this.link.session.hasOwnUpstream) this.park();
    if (this.seat?.provide() !== true) return false;
    // A shared connection can be had again.
    if (this.keepsParked) this.own?.park();
    this.keepsParked = false;
    return true;
  }

  /** Keeps the client's own connection for a while, in case the client needs it again. */
  private park(): void {
    this.link.session.detach();
    this.own?.park();
  }
}
