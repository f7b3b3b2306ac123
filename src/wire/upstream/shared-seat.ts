// One client's membership of shared connections (command pooling): one connection for commands that the server may delay and
// one for the rest, or a single one if another is not available. It gets the client its connections, keeps the client's rights
// exact, and hands it its replies. Knows its session and its link; owns no connection. It is long because being vouched for,
// applying and being a member each end the others.
//
// What it may do is in rights-voucher.ts. Before the client's own connection ends, a shared one takes over: it keeps the rights
// that the client has.
//
//   vouched for ─▶ applies ─▶ member ─┬─ another identity, or it has left ─▶ none
//        ▲────────────────────────────┴─ the connection is lost
//
// Invariant: it is a member of the connections that its fields name, and of no others.
import { type Identity, isShareable } from '../../core/session/pooling/identity.js';
import { Place } from '../../core/session/pooling/placement.js';
import type { Applicant } from './applicants.js';
import { RightsVoucher, type VouchedLink } from './rights-voucher.js';
import type { Member, SharedConnection } from './shared-connection.js';
import type { UpstreamPool } from './upstream-pool.js';

/** The link that owns the client. */
export interface SeatUser extends VouchedLink {
  /** Whether the connection that the client had before still stands. */
  readonly hasParked: boolean;
  /** Replies came; `bytes` is their total size. */
  repliesCame(bytes: number): void;
  /** The shared connection takes bytes again. */
  upstreamDrained(): void;
  /** Ends the client at once. */
  close(reset: boolean): void;
}

/** Whether a shared connection has the rights of a client whose own connection is to end. */
export const Takeover = {
  /** One has; or the client has no rights to lose. */
  DONE: 0,
  /** One is being made. */
  LATER: 1,
  /** None can be had any more. */
  NEVER: 2,
} as const;
export type Takeover = (typeof Takeover)[keyof typeof Takeover];

export class SharedSeat implements Member, Applicant {
  readonly rights: RightsVoucher;
  /** The connection that the client's commands use, or used last. */
  private current: SharedConnection | undefined;
  private writesTo: SharedConnection | undefined;
  private readsFrom: SharedConnection | undefined;
  /** The identity of these connections. */
  private identity: Identity | undefined;
  private applying = false;
  private appliedFor: Identity | undefined;
  /** The identity for which no shared connection could be had. */
  private refusedFor: Identity | undefined;
  /** Whether it is in the list of seats that got replies this time. */
  private isTouched = false;
  private isClosed = false;

  constructor(
    private readonly pool: UpstreamPool,
    readonly link: SeatUser,
  ) {
    this.rights = new RightsVoucher(pool.logins, link, () => {
      // A silent connection is joined as well, so that its loss reaches this client too.
      if (link.session.wants === Place.NOWHERE) this.apply(false);
    });
  }

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

  /** Attaches the session to a shared connection. Returns false if none is ready yet, or none can be had. */
  provide(): boolean {
    const { session } = this.link;
    if (!this.rights.isThere) {
      this.rights.ask();
      return false;
    }
    const shared = this.apply(session.wantsPausable);
    if (shared === undefined) return false;
    session.attachShared(shared);
    return true;
  }

  /** Makes the client, which has no command, a member of a shared connection that has its rights. */
  takesOver(): Takeover {
    const { identity } = this.link.session;
    if (!this.rights.isThere || this.isMemberAs(identity)) return Takeover.DONE;
    if (this.refusedFor === identity) return Takeover.NEVER;
    return this.apply(false) === undefined ? Takeover.LATER : Takeover.DONE;
  }

  /** The shared connection for the next command, when no reply is owed; undefined: `applicant`, if given, will be called. */
  find(pausable: boolean, applicant?: Applicant): SharedConnection | undefined {
    const { identity } = this.link.session;
    if (this.identity !== identity) {
      if (this.isMemberAs(identity)) this.identity = identity;
      else this.leaveAll();
    }
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
    this.rights.close();
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
    if (writesTo !== undefined || readsFrom !== undefined) this.rights.left();
  }

  granted(): void {
    if (this.isClosed) return;
    this.applying = false;
    const { session } = this.link;
    const waits = session.identity === this.appliedFor && session.wants === Place.NOWHERE;
    if (waits && !session.hasOwnUpstream && !this.isMemberAs(session.identity)) this.apply(false);
    this.link.flush();
  }

  refused(error: Error): void {
    if (this.isClosed) return;
    this.applying = false;
    this.refusedFor = this.appliedFor;
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
    this.refusedFor = this.appliedFor;
    const { session } = this.link;
    if (session.identity === this.appliedFor) session.keepOwn('no-room');
    this.link.flush();
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
      this.rights.left();
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

  /** Whether it is a member of a connection that any client of this identity may use. */
  private isMemberAs(identity: Identity): boolean {
    return this.isMember && this.identity !== undefined && isShareable(this.identity, identity);
  }

  private join(shared: SharedConnection, pausable: boolean): void {
    const before = pausable ? this.writesTo : this.readsFrom;
    if (pausable) this.writesTo = shared;
    else this.readsFrom = shared;
    this.leave(before);
    this.identity = this.link.session.identity;
    this.refusedFor = undefined;
    this.rights.joined();
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
