// One client's membership of shared connections (command pooling): one connection for commands that the server may delay and
// one for the rest, or a single one if another is not available. It gets the client its connections, keeps the client's rights
// exact, and hands it its replies. Knows its session and its link; owns no connection.
//
// A client may share while a connection vouches for it: its own connection has shown that the client may run commands, or the
// client has been a member of a standing shared connection ever since. Otherwise Spillway asks on a fresh connection
// (login-check.ts). So a client has the rights of a connection made when it came, and loses them when that connection would
// have ended.
//
//   comes ─▶ vouched for ─▶ applies ─▶ member ─┬─ another identity, or it has left ─▶ none
//                ▲─────────────────────────────┴─ the connection is lost
//
// Invariant: it is a member of the connections that its fields name, and of no others.
import type { Identity } from '../../core/session/pooling/identity.js';
import { Place } from '../../core/session/pooling/placement.js';
import type { Session } from '../../core/session/session.js';
import type { Applicant } from './applicants.js';
import { loginWanted } from './greet.js';
import type { Newcomer, VouchApplicant } from './login-check.js';
import type { Member, SharedConnection } from './shared-connection.js';
import type { UpstreamPool } from './upstream-pool.js';

/** The link that owns the client. */
export interface SeatUser {
  readonly session: Session;
  /** Bytes that the client has sent. */
  readonly bytes: number;
  /** Whether the connection that the client had before still stands. */
  readonly hasParked: boolean;
  /** Sends what there is to send, and gives the session the connection that it wants. */
  flush(): void;
  /** There is no connection for the client's next command. */
  turnAway(error: Error): void;
  /** Replies came; `bytes` is their total size. */
  repliesCame(bytes: number): void;
  /** The shared connection takes bytes again. */
  upstreamDrained(): void;
  /** Ends the client at once. */
  close(reset: boolean): void;
}

export class SharedSeat implements Member, Applicant, VouchApplicant, Newcomer {
  /** The connection that the client's commands use, or used last. */
  private current: SharedConnection | undefined;
  private writesTo: SharedConnection | undefined;
  private readsFrom: SharedConnection | undefined;
  /** The identity of these connections. */
  private identity: Identity | undefined;
  private applying = false;
  private appliedFor: Identity | undefined;
  private isVouched = false;
  private seeksVoucherFor: Identity | undefined;
  /** Whether it is in the list of seats that got replies this time. */
  private isTouched = false;
  private isClosed = false;

  constructor(
    private readonly pool: UpstreamPool,
    readonly link: SeatUser,
  ) {}

  get isMember(): boolean {
    return this.writesTo !== undefined || this.readsFrom !== undefined;
  }

  get needsDrain(): boolean {
    return this.current?.needsDrain === true;
  }

  /** The connection that the session's commands use, for measurements. */
  get connection(): SharedConnection | undefined {
    return this.current;
  }

  /** The client has connected: Spillway asks what it may do, at once or after it has been silent for a while. */
  come(): void {
    if (this.pool.logins.admit(this)) this.seekVoucher();
  }

  /** An own connection of the client has shown that the client may run commands. */
  letIn(): void {
    this.isVouched = true;
  }

  /** The client's own connection has ended, and vouches for nobody. */
  ownEnded(): void {
    if (this.identity !== this.link.session.identity) this.isVouched = false;
  }

  /** Attaches the session to a shared connection. Returns false if none is ready yet, or none can be had. */
  provide(): boolean {
    const { session } = this.link;
    if (!this.isVouched || session.isNew) {
      this.seekVoucher();
      return false;
    }
    const shared = this.apply(session.wantsPausable);
    if (shared === undefined) return false;
    session.attachShared(shared);
    return true;
  }

  /** The shared connection for the next command, when no reply is owed; undefined: `applicant`, if given, will be called. */
  find(pausable: boolean, applicant?: Applicant): SharedConnection | undefined {
    const { identity } = this.link.session;
    if (this.identity !== identity) this.leaveAll();
    let shared = pausable ? this.writesTo : this.readsFrom;
    if (shared?.isOpen !== true) {
      const fresh = this.pool.acquire(identity, pausable, applicant);
      if (fresh === undefined) return undefined;
      if (fresh !== shared) this.join(fresh, pausable);
      shared = fresh;
    }
    this.current = shared;
    return shared;
  }

  flushSoon(): void {
    this.current?.flushSoon();
  }

  /**
   * The client does not read what has come for it: its shared connection is not read, for as long as the other clients can
   * bear.
   */
  hold(): void {
    this.current?.hold(this);
  }

  release(): void {
    this.current?.release(this);
  }

  /** The client is gone. */
  close(): void {
    this.isClosed = true;
    this.leaveAll();
    if (this.applying) this.pool.withdraw(this);
    this.pool.logins.withdraw(this);
  }

  /** The client is no longer a member of any connection. */
  leaveAll(): void {
    const { writesTo, readsFrom } = this;
    this.writesTo = undefined;
    this.readsFrom = undefined;
    this.current = undefined;
    this.identity = undefined;
    this.leave(writesTo);
    this.leave(readsFrom);
  }

  granted(): void {
    if (this.isClosed) return;
    this.applying = false;
    const { session } = this.link;
    const waits = session.identity === this.appliedFor && session.wants === Place.NOWHERE;
    if (waits && !session.hasOwnUpstream && !this.isMember) this.apply(false);
    this.link.flush();
  }

  refused(error: Error): void {
    if (this.isClosed) return;
    this.applying = false;
    const { session } = this.link;
    const counts = session.identity === this.appliedFor && !session.hasOwnUpstream;
    // On a fresh connection the server may refuse what it granted before: its user may no longer SELECT, for example.
    if (counts && !this.link.hasParked) this.link.turnAway(error);
    else {
      if (counts) session.keepOwn('client-state');
      this.link.flush();
    }
  }

  crowded(): void {
    if (this.isClosed) return;
    this.applying = false;
    const { session } = this.link;
    if (session.identity === this.appliedFor) session.keepOwn('no-room');
    this.link.flush();
  }

  isStillSilent(): void {
    if (this.link.bytes === 0 && !this.isClosed) this.seekVoucher();
  }

  vouched(open: boolean): void {
    const { seeksVoucherFor } = this;
    const { session } = this.link;
    this.seeksVoucherFor = undefined;
    if (this.needsNoVoucher) {
      this.link.flush();
      return;
    }
    if (seeksVoucherFor?.credential === session.identity.credential) {
      if (session.isNew) session.vouched(open);
      else if (!open && !session.hasOwnUpstream) {
        this.link.turnAway(loginWanted());
        return;
      }
      this.isVouched = open;
      // A silent connection is joined as well, so that its loss reaches this client too.
      if (open && !session.hasOwnUpstream && session.wants === Place.NOWHERE) this.apply(false);
    }
    this.link.flush();
  }

  notVouched(error: Error): void {
    const identity = this.seeksVoucherFor;
    const { session } = this.link;
    this.seeksVoucherFor = undefined;
    if (this.needsNoVoucher || session.hasOwnUpstream || identity !== session.identity) this.link.flush();
    else this.link.turnAway(error);
  }

  get taken(): number {
    return this.link.session.taken;
  }

  takeShared(buf: Uint8Array, at: number, end: number, most: number): number {
    if (!this.isTouched) {
      this.isTouched = true;
      this.current?.touch(this);
    }
    return this.link.session.takeShared(buf, at, end, most);
  }

  cutShared(): void {
    this.link.session.cutShared();
  }

  failShared(count: number, error: Uint8Array): void {
    this.link.session.failShared(count, error);
  }

  repliesCame(bytes: number): void {
    this.isTouched = false;
    this.link.repliesCame(bytes);
  }

  upstreamDrained(): void {
    this.link.upstreamDrained();
  }

  upstreamLost(shared: SharedConnection, cut: boolean): void {
    this.replace(shared, undefined);
    if (!this.isMember) {
      this.identity = undefined;
      this.isVouched = false;
    }
    this.link.session.detachShared(shared);
    if (this.isClosed) return;
    // A client that has got part of a reply can be told nothing that it would understand.
    if (cut) this.link.close(true);
    else this.link.flush();
  }

  upstreamReplaced(shared: SharedConnection, heir: SharedConnection): void {
    this.replace(shared, heir);
    this.link.session.detachShared(shared);
    this.link.flush();
  }

  private replace(shared: SharedConnection, by: SharedConnection | undefined): void {
    if (this.writesTo === shared) this.writesTo = by;
    if (this.readsFrom === shared) this.readsFrom = by;
    if (this.current !== shared) return;
    this.current = undefined;
    this.isTouched = false;
  }

  /** Makes the client a member of a shared connection, at once or when one is ready. */
  private apply(pausable: boolean): SharedConnection | undefined {
    if (this.applying) return undefined;
    this.appliedFor = this.link.session.identity;
    const shared = this.find(pausable, this);
    this.applying = shared === undefined;
    return shared;
  }

  private seekVoucher(): void {
    if (this.seeksVoucherFor !== undefined) return;
    this.seeksVoucherFor = this.link.session.identity;
    this.pool.logins.ask(this.seeksVoucherFor.credential, this);
  }

  /** A connection of its own has answered its question meanwhile; it may even wait for a reply on a shared one. */
  private get needsNoVoucher(): boolean {
    const { session } = this.link;
    return this.isClosed || (this.isVouched && !session.isNew) || !session.idle;
  }

  private join(shared: SharedConnection, pausable: boolean): void {
    const before = pausable ? this.writesTo : this.readsFrom;
    if (pausable) this.writesTo = shared;
    else this.readsFrom = shared;
    this.leave(before);
    this.identity = this.link.session.identity;
    shared.members.add(this);
  }

  private leave(shared: SharedConnection | undefined): void {
    // One connection may serve for both, if another one cannot be had.
    if (shared === undefined || shared === this.writesTo || shared === this.readsFrom) return;
    shared.release(this);
    shared.members.delete(this);
    this.pool.left(shared);
  }
}
