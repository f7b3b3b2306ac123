// Command pooling: which upstream connection a client's commands use: none yet, a shared one, or an own one. When the next
// command needs another connection, `wants` says which, and the session stalls until its owner has attached it.
//
//   NOWHERE ──▶ SHARED ◀──▶ another shared one (reads, writes)      for commands that need nothing of their connection
//      └──────▶ OWN                                                while the client is held there (Hold), or strays
//
// Invariants: a client changes its connection only when no reply is due to it, so its commands keep their order; it is given
// what its next command needs, so it does not go back and forth.
import { type CommandSpec, type PinReason, Sharing } from '../../commands/spec.js';
import { invariant } from '../../resp/invariant.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';
import type { ReplyOwner, SharedReplies } from '../reply/reply-owner.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import { Auth } from '../reply/upstream-state.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import type { PoolingCounters } from '../session-context.js';
import { type Hold, Standing } from './hold.js';
import { type OwnProof, Refusal } from './own-proof.js';
import { ReplyWeight } from './reply-weight.js';

/** A client whose pipeline never ends leaves its own connection after this many commands. */
const MOST_STRAYED = 1024;
/** One move to a shared connection, one from there to an own one, and a few more in case one is lost in between. */
const MOST_MOVES = 8;

/** Where a session's commands go. */
export const Place = { NOWHERE: 0, OWN: 1, SHARED: 2 } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** A connection that clients share, as a session uses it. */
export interface SharedUpstream {
  readonly batch: ByteSink;
  readonly lane: SharedReplies;
  /** The most bytes of pending replies that one client may have on it, as far as can be estimated. */
  readonly allowance: number;
}

/**
 * Finds the shared connection for the next command while no reply is due to the session: one for commands that the server
 * may delay (`pausable`), or one for the rest. Undefined: there is none yet; the owner must attach it.
 */
export type Switchboard = (pausable: boolean) => SharedUpstream | undefined;

/** What Placement needs of the rest of its session. */
export interface PlacedSession {
  readonly upstream: UpstreamWriter;
  readonly replies: ReplySequencer;
  /** What its own connection has yet to show. */
  readonly proof: OwnProof;
  /** Its own connection has other rights than the client. */
  endRights(): void;
  /** Whether the client needs this very connection, not just any of the same identity. */
  readonly held: boolean;
}

export class Placement {
  /** Of the client's replies. */
  readonly weight = new ReplyWeight();
  /** The connection that the next command needs and the client does not have; its owner must attach it. NOWHERE: none. */
  wants: Place = Place.NOWHERE;
  /** Whether `wants` is for a command that the server may delay. */
  wantsPausable = false;
  private at: Place = Place.NOWHERE;
  /** The shared connection that the client has. */
  private shared: SharedUpstream | undefined;
  /** Whether that is the shared connection for commands that the server may delay. */
  private onPausable = false;
  /** How many commands in a row have used its own connection only because earlier ones are still pending there. */
  private strayed = 0;
  /** How often it got another connection since its last command, or since it lost one. */
  private moves = 0;
  /** See `outgrown`; Infinity: no shared connection was too small for it. */
  private outgrownAllowance = Number.POSITIVE_INFINITY;

  constructor(
    readonly hold: Hold,
    private readonly session: PlacedSession,
    private readonly counters: PoolingCounters | undefined,
    /** The owner of its replies on shared connections, and the source of these connections. */
    private readonly owner: ReplyOwner,
    private readonly switchboard: Switchboard | undefined,
  ) {}

  get isOwn(): boolean {
    return this.at === Place.OWN;
  }

  get isShared(): boolean {
    return this.at === Place.SHARED;
  }

  /** Whether a write would use another shared connection than the client has now. */
  get movesForWrites(): boolean {
    return this.at === Place.SHARED && !this.onPausable;
  }

  /** It has an own connection, and its replies are small enough to share. */
  get mayShare(): boolean {
    return this.isOwn && !this.weight.bulky && !this.outgrown;
  }

  /** Its own connection has shown that it may run commands, so it may on another one with the same login. */
  get isLetIn(): boolean {
    return this.isOwn && this.isAuthenticated && this.isKnown;
  }

  /** Whether it may run commands, as far as its login or the connection that it came with has shown. */
  get isKnown(): boolean {
    return this.hold.loggedIn || this.hold.standing === Standing.OPEN;
  }

  /** Whether it has no login, and it is unknown yet whether it needs one. */
  get isNew(): boolean {
    return !this.hold.loggedIn && this.hold.standing === Standing.UNKNOWN;
  }

  /**
   * A fresh connection with that login was let in (`open`), or not: see Standing. A client that is not let in gets an own
   * connection, where the server answers for itself.
   */
  vouched(open: boolean): void {
    if (this.hold.loggedIn) return;
    this.hold.standing = open ? Standing.OPEN : Standing.SHUT;
    if (!open && !this.isOwn) this.wants = Place.OWN;
  }

  /** Whether the client has the connection that the command under scan needs; if not, `wants` says which. */
  suits(spec: CommandSpec | undefined): boolean {
    const { hold } = this;
    if (spec?.sharing !== Sharing.SHARED) return this.getsOwn(spec?.pin ?? 'unknown-command');
    // Held for good without an own connection: Session.stopSharing().
    if (hold.lasting) return this.getsOwn('slow-reader');
    if (this.weight.bulky) return this.getsOwn('large-reply');
    if (hold.isShut) return this.getsOwn('client-state');
    if (this.isOwn && (this.outgrown || this.staysOnOwn())) return true;
    return this.sharesFor(spec.pausable);
  }

  /** Whether the client has an own connection, which the command under scan needs for `reason`; otherwise `wants` says so. */
  getsOwn(reason: PinReason): boolean {
    if (this.isOwn) return true;
    if (this.counters !== undefined && this.wants !== Place.OWN) this.counters.pins[reason]++;
    this.wants = Place.OWN;
    return false;
  }

  /** The present connection has taken a command. */
  taken(): void {
    this.moves = 0;
  }

  /** The shared connection that it wants cannot be had: it gets an own one, for good. */
  keepOwn(reason: PinReason): void {
    if (this.wants !== Place.SHARED) return;
    this.hold.holdForGood();
    this.wants = Place.OWN;
    if (this.counters !== undefined) this.counters.pins[reason]++;
  }

  /** The command that needed the connection will not go up. */
  wantsNothing(): void {
    this.hold.next = undefined;
    this.wants = Place.NOWHERE;
  }

  /** See Session.attach(). */
  attachOwn(upstream: ByteSink, fresh: boolean, asNext: boolean): void {
    const { hold, session } = this;
    const { replies } = session;
    session.upstream.switchTo(upstream);
    this.at = Place.OWN;
    this.shared = undefined;
    replies.attach();
    if (!hold.loggedIn) replies.upstream.auth = Auth.UNKNOWN;
    // Where HELLO 3 has greeted it, it is authenticated.
    const isDoubted = !hold.loggedIn && hold.standing === Standing.OPEN && hold.identity.resp === 2;
    if (fresh) session.proof.begin(asNext, isDoubted);
    this.attached();
  }

  /**
   * All replies have come, and the command on trial was refused (own-proof.ts). If the client leaves its connection, that must
   * end.
   */
  endTrial(): void {
    const { session } = this;
    const refusal = session.proof.refused(!session.held);
    if (refusal === Refusal.LEAVES) this.leave();
    else if (refusal === Refusal.HAS_OTHER_RIGHTS) session.endRights();
  }

  /** Gives it the shared connection that it wants. */
  attachShared(shared: SharedUpstream): void {
    this.switchTo(shared, this.wantsPausable);
    this.attached();
  }

  /** A shared connection is gone, whether it is attached or not. */
  lost(shared: SharedUpstream): void {
    this.moves = 0;
    if (this.isShared && this.shared === shared) this.leave();
  }

  /** The shared connection that it has is gone. */
  lostShared(): void {
    this.moves = 0;
    this.leave();
  }

  /** It no longer has a connection. */
  leave(): void {
    this.session.upstream.switchTo(NOWHERE);
    this.at = Place.NOWHERE;
    this.shared = undefined;
    this.session.replies.attach();
  }

  private attached(): void {
    this.hold.next = undefined;
    this.wants = Place.NOWHERE;
    this.strayed = 0;
    invariant(++this.moves <= MOST_MOVES, 'what a client is given is what its next command needs');
  }

  private switchTo(shared: SharedUpstream, pausable: boolean): void {
    const { replies } = this.session;
    this.session.upstream.switchTo(shared.batch);
    this.at = Place.SHARED;
    this.outgrownAllowance = Number.POSITIVE_INFINITY;
    this.shared = shared;
    this.onPausable = pausable;
    replies.attach(shared.lane, this.owner);
    replies.upstream.auth = Auth.YES;
  }

  private get isAuthenticated(): boolean {
    return this.session.replies.upstream.auth === Auth.YES;
  }

  /** Whether the client shares a connection that suits the command under scan. */
  private sharesFor(pausable: boolean): boolean {
    const { replies } = this.session;
    if (!this.isShared || this.shared === undefined) return this.wantsShared(pausable);
    if (replies.idle) return this.sharesAnyFor(pausable);
    // A read may wait behind the client's own write, as it would without a proxy. A write must not make reads wait.
    if (pausable && !this.onPausable) return false;
    const { queue } = replies;
    if (queue.pushed - queue.popped < this.weight.window(this.shared.allowance)) return true;
    if (this.counters !== undefined) this.counters.windowStalls++;
    return false;
  }

  /** The same while no reply is due: then the client may move between connections. */
  private sharesAnyFor(pausable: boolean): boolean {
    if (this.switchboard === undefined) return this.onPausable === pausable || this.wantsShared(pausable);
    const shared = this.switchboard(pausable);
    if (shared === undefined) return this.wantsShared(pausable);
    if (!this.weight.fits(shared.allowance)) {
      this.outgrownAllowance = shared.allowance;
      return this.getsOwn('large-reply');
    }
    this.onPausable = pausable;
    if (shared !== this.shared) this.switchTo(shared, pausable);
    return true;
  }

  private wantsShared(pausable: boolean): false {
    this.wants = Place.SHARED;
    this.wantsPausable = pausable;
    return false;
  }

  /**
   * Whether the command under scan uses the client's own connection although a shared one would do: because the client is held
   * there, or because replies are pending there (it strays). Straying is bounded, since a pipeline may never end.
   */
  private staysOnOwn(): boolean {
    if (this.session.held) {
      this.strayed = 0;
      return true;
    }
    if (this.session.replies.idle) return false;
    if (this.strayed < MOST_STRAYED) {
      this.strayed++;
      return true;
    }
    if (this.counters !== undefined) this.counters.strayStalls++;
    return false;
  }

  /** Whether its next reply would be too large for the shared connection that it was last offered. */
  private get outgrown(): boolean {
    return !this.weight.fits(this.outgrownAllowance);
  }
}
