// Which upstream connection a client's commands go up, where clients share connections: none yet, a shared one, or one of
// its own. Says what the next command needs that the client has not (`wants`): it then waits until that is attached.
//
//   NOWHERE ──▶ SHARED ◀──▶ another shared one (reads, writes)      for what needs nothing of its connection
//      └──────▶ OWN                                                while the client is held there (Hold), or strays
//
// Invariants: a client changes its connection only when nothing is owed to it, so its commands keep their order; what it is
// given is what its next command needs, so it does not go to and fro.
import { type CommandSpec, type PinReason, Sharing } from '../../commands/spec.js';
import { invariant } from '../../resp/invariant.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';
import type { ReplyOwner, SharedReplies } from '../reply/reply-owner.js';
import type { ReplySequencer } from '../reply/reply-sequencer.js';
import { Auth } from '../reply/upstream-state.js';
import type { UpstreamWriter } from '../request/upstream-writer.js';
import type { PoolingCounters } from '../session-context.js';
import { type Hold, Standing } from './hold.js';

/** A client whose pipeline never ends leaves its own connection at the latest after so many commands. */
const MOST_STRAYED = 1024;
/** To a shared connection, from there to one of its own, and a few more where one is lost in between. */
const MOST_MOVES = 8;

/** Where a session's commands go. */
export const Place = { NOWHERE: 0, OWN: 1, SHARED: 2 } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** A connection that clients share, as a session uses it. */
export interface SharedUpstream {
  readonly batch: ByteSink;
  readonly lane: SharedReplies;
  /** Bytes that the replies owed to one client on it may come to, as far as can be told. */
  readonly allowance: number;
}

/**
 * Finds a session that is owed nothing the shared connection for its next command: for one that the server may put off
 * (`pausable`), or for one that must not wait behind such. Undefined: there is none at hand, it is to be attached.
 */
export type Switchboard = (pausable: boolean) => SharedUpstream | undefined;

/** What Placement needs of the rest of its session. */
export interface PlacedSession {
  readonly upstream: UpstreamWriter;
  readonly replies: ReplySequencer;
  /** The client needs the connection that it has: not just any of the same identity. */
  readonly held: boolean;
}

export class Placement {
  /** What the client's next command needs and it has not: attach it. NOWHERE: nothing. */
  wants: Place = Place.NOWHERE;
  /** What it wants SHARED is for a command that the server may put off. */
  wantsPausable = false;
  private at: Place = Place.NOWHERE;
  /** The shared connection that it has. */
  private shared: SharedUpstream | undefined;
  /** What is owed on it waits for the server to go on with what it may put off. */
  private onPausable = false;
  /** How many commands in a row have gone up its own connection for no reason but those before them. */
  private strayed = 0;
  /** How often it was given another connection since it last took a command, or lost one. */
  private moves = 0;
  /** See `outgrown`; Infinity: it has not been offered one that was too small. */
  private outgrownAllowance = Number.POSITIVE_INFINITY;

  constructor(
    readonly hold: Hold,
    private readonly session: PlacedSession,
    private readonly counters: PoolingCounters | undefined,
    /** Who gets its replies on shared connections, and where it finds these. */
    private readonly owner: ReplyOwner,
    private readonly switchboard: Switchboard | undefined,
  ) {}

  get isOwn(): boolean {
    return this.at === Place.OWN;
  }

  get isShared(): boolean {
    return this.at === Place.SHARED;
  }

  /** A write would go up another shared connection than that which the client has. */
  get movesForWrites(): boolean {
    return this.at === Place.SHARED && !this.onPausable;
  }

  /** It has a connection of its own and, as far as its replies tell, no need of it. */
  get mayShare(): boolean {
    return this.isOwn && !this.hold.bulky && !this.outgrown;
  }

  /** Its own connection has told that it may run commands: so may another one of the same login. */
  get isLetIn(): boolean {
    const { hold } = this;
    return this.isOwn && this.isAuthenticated && (hold.loggedIn || hold.standing === Standing.OPEN);
  }

  /** It has no rights but those that it came with, and has not said or learnt yet what these are. */
  get isNew(): boolean {
    return !this.hold.loggedIn && this.hold.standing === Standing.UNKNOWN;
  }

  /**
   * What a connection was when the client came: see Standing. One that is not let in has a connection of its own from now on:
   * what it may do is what that one may, which was made before the client was told anything.
   */
  vouched(open: boolean): void {
    if (this.hold.loggedIn) return;
    this.hold.standing = open ? Standing.OPEN : Standing.SHUT;
    if (!open && !this.isOwn) this.wants = Place.OWN;
  }

  /** The client has what the command under scan needs to go up on; else `wants` says what. */
  suits(spec: CommandSpec | undefined): boolean {
    const { hold } = this;
    if (spec?.sharing !== Sharing.SHARED) return this.getsOwn(spec?.pin ?? 'unknown-command');
    // Held for good without a connection of its own: Session.stopSharing().
    if (hold.lasting) return this.getsOwn('slow-reader');
    if (hold.bulky) return this.getsOwn('large-reply');
    if (hold.isShut) return this.getsOwn('client-state');
    if (this.isOwn && (this.outgrown || this.staysOnOwn())) return true;
    return this.sharesFor(spec.pausable);
  }

  /** The client has a connection of its own, which the command under scan needs for that `reason`; else it `wants` one. */
  getsOwn(reason: PinReason): boolean {
    if (this.isOwn) return true;
    if (this.counters !== undefined && this.wants !== Place.OWN) this.counters.pins[reason]++;
    this.wants = Place.OWN;
    return false;
  }

  /** A command was taken: the client is where it is for a reason. */
  taken(): void {
    this.moves = 0;
  }

  /** There is no room for the shared connection that it wants: it gets one of its own, for good. */
  keepOwn(): void {
    if (this.wants !== Place.SHARED) return;
    this.hold.holdForGood();
    this.wants = Place.OWN;
    if (this.counters !== undefined) this.counters.pins['no-room']++;
  }

  /** The command that it was wanted for will not go up. */
  wantsNothing(): void {
    this.wants = Place.NOWHERE;
  }

  /** Gives it a connection of its own. */
  attachOwn(upstream: ByteSink): void {
    const { replies } = this.session;
    this.session.upstream.switchTo(upstream);
    this.at = Place.OWN;
    this.shared = undefined;
    replies.attach();
    if (!this.hold.loggedIn) replies.upstream.auth = Auth.UNKNOWN;
    this.attached();
  }

  /** Gives it the shared connection that it wants. */
  attachShared(shared: SharedUpstream): void {
    this.switchTo(shared, this.wantsPausable);
    this.attached();
  }

  /** The shared connection is gone, whether it is attached or not. */
  lost(shared: SharedUpstream): void {
    this.moves = 0;
    if (this.isShared && this.shared === shared) this.leave();
  }

  /** The shared connection that it has is gone. */
  lostShared(): void {
    this.moves = 0;
    this.leave();
  }

  /** It has no connection any more. */
  leave(): void {
    this.session.upstream.switchTo(NOWHERE);
    this.at = Place.NOWHERE;
    this.shared = undefined;
    this.session.replies.attach();
  }

  private attached(): void {
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

  /** The client shares a connection that suits the command under scan. */
  private sharesFor(pausable: boolean): boolean {
    const { replies } = this.session;
    if (!this.isShared || this.shared === undefined) return this.wantsShared(pausable);
    if (replies.idle) return this.sharesAnyFor(pausable);
    // Behind what it asked before a read may wait, since it would have to anyway; a write may not keep reads waiting.
    if (pausable && !this.onPausable) return false;
    const { queue } = replies;
    if (queue.pushed - queue.popped < this.hold.window(this.shared.allowance)) return true;
    if (this.counters !== undefined) this.counters.windowStalls++;
    return false;
  }

  /** The same of one that is owed nothing: it may go from one connection to another. */
  private sharesAnyFor(pausable: boolean): boolean {
    if (this.switchboard === undefined) return this.onPausable === pausable || this.wantsShared(pausable);
    const shared = this.switchboard(pausable);
    if (shared === undefined) return this.wantsShared(pausable);
    if (!this.hold.fits(shared.allowance)) {
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
   * The command under scan could do with a shared connection. It goes up the client's own one if the client is held
   * there, and also behind what has not been answered yet, but not for ever: a pipeline may never come to an end.
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

  /** Its next reply would be too large for the shared connection that it was offered last. */
  private get outgrown(): boolean {
    return !this.hold.fits(this.outgrownAllowance);
  }
}
