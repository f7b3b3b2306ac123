// An upstream connection that clients of one identity share. Gathers what all of them send in a turn of the event loop into
// one write, and gives each its replies. Owns its socket, batch and lane. Knows its members only to report the drain and the
// end. Knows how long the server has been silent and which replies are due, but does not judge by that.
// Invariant: nothing is sent before the greeting is answered.

import { MINUS } from '../../core/resp/bytes.js';
import { errorReply } from '../../core/resp/client-errors.js';
import { type Identity, sharedGreeting } from '../../core/session/pooling/identity.js';
import type { SharedUpstream } from '../../core/session/pooling/placement.js';
import { SharedLane } from '../../core/session/pooling/shared-lane.js';
import type { ReplyOwner } from '../../core/session/reply/reply-owner.js';
import { type AddedLatency, Way } from '../added-latency.js';
import { LARGEST_SLAB } from '../slabs.js';
import type { Turn, TurnEnder } from '../turn.js';
import { WriteBatch } from '../write-batch.js';
import { greet, loginWanted } from './greet.js';
import { HeldReplies } from './held-replies.js';
import { LagBrake } from './lag-brake.js';
import { SharedQuestion } from './shared-question.js';
import {
  connectUpstream,
  cutUpstream,
  type UpstreamAddress,
  type UpstreamSocket,
} from './upstream-socket.js';

/** The reply to each command that was under way when the connection was lost. */
const LOST_ERROR = errorReply('LOST');

/** A client that shares a connection. */
export interface Member extends ReplyOwner {
  /** The sender of the bytes that arrive for it. */
  readonly link: object;
  /** Replies were delivered to it; `bytes` is the size of all that came. */
  repliesCame(bytes: number): void;
  /** The connection takes bytes again. */
  upstreamDrained(): void;
  /** The connection is lost, and pending replies were answered with an error. `cut`: part of a reply was delivered. */
  upstreamLost(shared: SharedConnection, cut: boolean): void;
  /** No reply is due on the connection, and it ends: the member now belongs to `heir`. */
  upstreamReplaced(shared: SharedConnection, heir: SharedConnection): void;
}

export interface SharedConnectionEvents {
  ready(shared: SharedConnection): void;
  /** The server answers again, or is read again: the connection may be used again. */
  opened(shared: SharedConnection): void;
  /** `error` if it did not end in an orderly way, or the greeting was refused; `wasReady` if commands could use it. */
  ended(shared: SharedConnection, wasReady: boolean, error: Error | undefined): void;
  /** Its socket is gone. */
  closed(): void;
}

export interface ByteCounters {
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export class SharedConnection implements TurnEnder, SharedUpstream {
  readonly lane = new SharedLane();
  readonly batch: WriteBatch;
  readonly members = new Set<Member>();
  readonly begunAt = performance.now();
  isReady = false;
  allowance = 0;
  /** How many ticks in a row the server has owed replies and sent nothing. */
  silentTicks = 0;
  /** It has been silent for too long: others should be used. */
  isOverdue = false;
  /** It is no longer needed, and ends as soon as no reply is due. */
  isRetiring = false;
  /** The server's host has accepted the connection, whatever the server does with it. */
  stands = false;
  /** How often a reply other than an error came. */
  answers = 0;
  /** It was lost while replies were owed. */
  endedOwing = false;
  /** It was cut because the primary has moved. */
  wasCut = false;
  private heard = false;
  private readonly socket: UpstreamSocket;
  private readonly held: HeldReplies;
  private readonly touched: Member[] = [];
  private endsTurn = false;
  private readonly brake: LagBrake<Member>;
  private isEnded = false;

  constructor(
    address: UpstreamAddress,
    identity: Identity,
    private readonly turn: Turn,
    private readonly added: AddedLatency,
    private readonly counters: ByteCounters,
    private readonly events: SharedConnectionEvents,
  ) {
    // The server's last words are processed like all others, even during the greeting.
    this.socket = connectUpstream(
      address,
      (bytes) => this.socket.hear(bytes),
      () => {
        this.stands = true;
      },
    );
    this.held = new HeldReplies(address.following, () => this.socket.pause());
    const drained = (): void => {
      for (const member of this.members) member.upstreamDrained();
    };
    this.batch = new WriteBatch(this.socket, drained, LARGEST_SLAB);
    this.brake = new LagBrake({
      pause: () => this.socket.pause(),
      resume: () => {
        if (this.isEnded) return;
        this.socket.resume();
        this.events.opened(this);
      },
    });
    const greeted = (error: Error | undefined, open: boolean): void => {
      if (error !== undefined) this.end(error);
      else if (open) this.begin();
      else this.end(loginWanted());
    };
    greet(this.socket, sharedGreeting(identity), greeted, address.following !== undefined);
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('end', () => this.end());
    this.socket.on('close', () => this.events.closed());
  }

  get needsDrain(): boolean {
    return this.batch.needsDrain;
  }

  /** Whether commands may go up it: the server answers, and no slow reader stops it. */
  get isOpen(): boolean {
    return this.isReady && !this.isOverdue && !this.isRetiring && !this.brake.isOn;
  }

  /** Sends what was written, after everything that this turn of the event loop brings has been written. */
  flushSoon(): void {
    if (this.endsTurn) return;
    this.endsTurn = true;
    this.turn.add(this);
  }

  endTurn(): void {
    this.endsTurn = false;
    this.batch.flush();
    this.counters.bytesToUpstream += this.batch.takeBytes();
    if (this.added.timing) this.added.sent(Way.REQUEST, this);
  }

  /** A member does not read its replies: the connection is not read, for as long as the others can bear. */
  hold(member: Member): void {
    this.brake.apply(member, this.lane.isOnly(member));
  }

  release(member: Member): void {
    this.brake.release(member);
  }

  /** A member got replies. It is notified when the whole chunk is distributed. */
  touch(member: Member): void {
    this.touched.push(member);
  }

  /** Must be called at regular intervals: the server's silence is counted in them. */
  tick(): void {
    const waits = this.isReady && !this.lane.idle && !this.brake.isOn;
    this.silentTicks = waits && !this.heard ? this.silentTicks + 1 : 0;
    this.heard = false;
  }

  /** Asks the server a question of Spillway's own; `done` as SharedQuestion's. */
  ask(command: Uint8Array, done: (reply: string | undefined) => void): void {
    this.lane.owe(new SharedQuestion(this.lane.scanner, done), 1);
    this.batch.write(command, 0, command.length);
    this.flushSoon();
  }

  /**
   * It is no longer needed: its members move to `heir`. Returns whether it could be ended, which needs that no reply is due.
   */
  dismiss(heir: SharedConnection): boolean {
    if (!this.lane.idle || this.batch.waiting > 0) return false;
    const members = [...this.members];
    this.members.clear();
    for (const member of members) {
      heir.members.add(member);
      member.upstreamReplaced(this, heir);
    }
    this.close();
    return true;
  }

  /** Ends the connection, which must have no members. */
  close(): void {
    this.isEnded = true;
    this.isReady = false;
    this.socket.destroy();
  }

  /**
   * Ends it, because the server is silent on it alone or may misread what was sent. Members get an error for each reply that
   * they wait for.
   */
  giveUp(fault: unknown): void {
    this.end(fault instanceof Error ? fault : new Error(String(fault)));
  }

  /** The primary has moved: what was not sent yet is lost, and members get an error for each reply that they wait for. */
  cut(): void {
    this.wasCut = true;
    cutUpstream(this.socket);
    this.end();
  }

  /** A pause is over: processes what arrived during it. */
  hearAgain(): void {
    if (!this.isReady || this.isEnded) return;
    const chunks = this.held.take();
    if (chunks.length > 0) this.socket.resume();
    for (const chunk of chunks) this.receive(chunk);
  }

  private begin(): void {
    if (this.isEnded) return;
    this.isReady = true;
    this.socket.listen((chunk) => {
      if (!this.held.hold(chunk)) this.receive(chunk);
    });
    this.events.ready(this);
  }

  private receive(chunk: Buffer): void {
    if (!this.isReady || this.isEnded) return;
    this.added.read(Way.REPLY, this);
    this.counters.bytesFromUpstream += chunk.length;
    this.heard = true;
    if (chunk[0] !== MINUS) this.answers++;
    const problem = this.deliver(chunk);
    if (this.added.timing && this.touched.length > 0) this.added.pass(Way.REPLY, this, this.touched[0].link);
    for (let i = 0; i < this.touched.length; i++) this.touched[i].repliesCame(chunk.length);
    this.touched.length = 0;
    if (problem !== undefined) this.end(problem);
    else if (this.isOverdue) {
      this.isOverdue = false;
      this.silentTicks = 0;
      this.events.opened(this);
    }
  }

  private deliver(chunk: Buffer): Error | undefined {
    try {
      return this.lane.receive(chunk)
        ? undefined
        : new Error('the server sent a reply that no command was waiting for');
    } catch (fault) {
      return fault instanceof Error ? fault : new Error(String(fault));
    }
  }

  private end(error?: Error): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const wasReady = this.isReady;
    this.isReady = false;
    this.brake.letGo();
    this.socket.destroy();
    this.endedOwing = !this.lane.idle;
    const cut = this.lane.fail(LOST_ERROR);
    const members = [...this.members];
    this.members.clear();
    this.touched.length = 0;
    // Even if one of them fails: the pool must know that the connection is gone.
    try {
      for (const member of members) member.upstreamLost(this, member === cut);
    } finally {
      this.events.ended(this, wasReady, error);
    }
  }
}
