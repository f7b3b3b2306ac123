// Where one client's commands go. With session pooling: an own connection, for good. With command pooling: what its session
// wants, which is its seat on shared connections or, for a while, an own one. An own connection that is not needed is parked,
// and after a while closed.
// Owns the own connection and the seat. Invariant: a session changes its upstream only when no reply is due to it.
import { ownGreeting } from '../../core/session/pooling/identity.js';
import { Place } from '../../core/session/pooling/placement.js';
import { type AddedLatency, Way } from '../added-latency.js';
import { Refused } from './greet.js';
import { OwnUpstream, type OwnUpstreamOptions, type OwnUpstreamUser } from './own-upstream.js';
import { type SeatUser, SharedSeat } from './shared-seat.js';
import type { UpstreamPool } from './upstream-pool.js';

/** The link whose client it is. */
export interface ClientUpstreamUser extends SeatUser {
  /** Nothing goes up for the client any more. */
  readonly isOver: boolean;
  /** Replies on the client's own connection, to be done with before it returns. */
  fromOwn(chunk: Buffer): void;
  /** What a server that closed the client's own connection had said before. */
  lastWords(bytes: Buffer): void;
  /** A connection for the client could not be made. */
  upstreamFailed(error: Error): void;
  /** Sends what was to be sent at the end of the turn. */
  endTurn(): void;
  /** The server has ended the client's own connection, unasked. `parked`: it was not needed, and is gone. */
  ownEnded(parked: boolean, isConnected: boolean, error: Error | undefined): void;
}

export class ClientUpstream implements OwnUpstreamUser {
  own: OwnUpstream | undefined;
  /** The present own connection is the second try: with the login that comes next. */
  private retried = false;
  /** undefined: session pooling. */
  readonly seat: SharedSeat | undefined;

  /** `pool`: command pooling; without it the client gets its own connection at once. */
  constructor(
    private readonly options: OwnUpstreamOptions,
    private readonly link: ClientUpstreamUser,
    pool: UpstreamPool | undefined,
  ) {
    if (pool === undefined) this.own = new OwnUpstream(options, [], this);
    else this.seat = new SharedSeat(pool, link);
  }

  /** The client has a connection of its own that it needs now. */
  get isPinned(): boolean {
    return this.own?.isParked === false;
  }

  get hasParked(): boolean {
    return this.own?.isParked === true;
  }

  /** The client is a member of a shared connection, and has none of its own in use. */
  get isSharing(): boolean {
    return this.seat?.isMember === true && !this.isPinned;
  }

  /** What the client's commands go up asks to wait. */
  get needsDrain(): boolean {
    if (this.link.session.hasOwnUpstream) return this.own?.batch.needsDrain === true;
    return this.seat?.needsDrain === true;
  }

  /** What was sent has no reply to come, and may not have been taken yet. */
  get isTaking(): boolean {
    const { session } = this.link;
    return this.own !== undefined && session.hasOwnUpstream && this.own.isTaking(session.unanswered);
  }

  /** Gives the session what its next command wants, once all is answered that was asked before. */
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

  /** Both ways are sent, but what goes up a shared connection, which sends it at the end of the turn. */
  sent(added: AddedLatency): void {
    const { link } = this;
    const shared = link.session.hasOwnUpstream ? undefined : this.seat?.connection;
    added.sent(Way.REPLY, link);
    if (shared !== undefined) added.pass(Way.REQUEST, link, shared);
    else added.sent(Way.REQUEST, link);
  }

  /** Replies have come on the own connection: is it needed on? */
  answered(): void {
    const { seat } = this;
    if (seat === undefined) return;
    const { session } = this.link;
    if (session.isLetIn) seat.letIn();
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
    this.seat?.ownEnded();
  }

  /** Nothing is to go up any more, but what is on its way. */
  leave(): void {
    this.endOwn();
    this.seat?.leaveAll();
  }

  /** The client is gone. */
  close(): void {
    this.endOwn();
    this.seat?.close();
  }

  fromOwn(chunk: Buffer): void {
    // Parked it is asked nothing, so there is nothing that it could say to the client.
    if (this.own?.isParked) this.endOwn();
    else this.link.fromOwn(chunk);
  }

  lastWords(bytes: Buffer): void {
    this.link.lastWords(bytes);
  }

  ownGreeted(): void {
    this.link.flush();
  }

  /** A login that does not hold any more does no harm to a client that is about to log in anew. */
  ownRefused(error: Error): void {
    const next = this.link.session.nextIdentity;
    if (next === undefined || this.retried || !(error instanceof Refused && error.ofLogin)) {
      this.link.turnAway(error);
      return;
    }
    this.endOwn();
    this.retried = true;
    this.own = new OwnUpstream(this.options, ownGreeting(next), this);
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
    const { isParked } = own;
    if (isParked) this.endOwn();
    this.link.ownEnded(isParked, own.isConnected, error);
  }

  parkingOver(): void {
    // Where another connection cannot be had, the client goes on with this one.
    if (this.link.session.wants === Place.NOWHERE) this.endOwn();
    else this.own?.park();
  }

  restOver(): void {
    const { session } = this.link;
    if (!session.mayRest) return;
    session.detach();
    this.endOwn();
  }

  private provideOwn(): boolean {
    const { session } = this.link;
    this.own ??= new OwnUpstream(this.options, ownGreeting(session.identity), this);
    if (!this.own.isGreeted) return false;
    this.retried = false;
    this.own.take();
    session.attach(this.own.batch);
    return true;
  }

  private provideShared(): boolean {
    if (this.link.session.hasOwnUpstream) this.park();
    return this.seat?.provide() === true;
  }

  /** Keeps the client's own connection for a while, in case it is needed again. */
  private park(): void {
    this.link.session.detach();
    this.own?.park();
  }
}
