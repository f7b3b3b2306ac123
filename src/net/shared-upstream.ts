// An upstream connection that clients of one identity share: gathers what all of them send in a turn of the event
// loop into one write, and hands each its replies. Owns its socket, batch and lane; knows its members only to tell
// them of the drain and the end. Invariant: nothing is sent before the greeting was answered.

import { type Identity, sharedGreeting } from '../session/identity.js';
import type { ReplyOwner } from '../session/reply-sequencer.js';
import { SharedLane } from '../session/shared-lane.js';
import { type AddedLatency, Way } from './added-latency.js';
import { greet, loginWanted } from './greet.js';
import type { Turn, TurnEnder } from './turn.js';
import { connectUpstream, type UpstreamAddress, type UpstreamSocket } from './upstream-socket.js';
import { SpareBuffers, WriteBatch } from './write-batch.js';

/** For what all clients of a connection send in a turn. */
const ALL_CLIENTS = new SpareBuffers(256 * 1024, 4);

/** What a client is told for each command that was on its way when the connection was lost. */
const LOST_ERROR = Buffer.from(
  '-ERR spillway lost its connection to the server before the reply: the command may or may not have been executed\r\n',
  'latin1',
);

/** A client that shares a connection. */
export interface Member extends ReplyOwner {
  /** Replies were delivered to it, of `bytes` that came for all. */
  repliesCame(bytes: number): void;
  /** The connection takes bytes again. */
  upstreamDrained(): void;
  /** The connection is lost; what was owed was answered. `cut`: part of a reply was delivered. */
  upstreamLost(cut: boolean): void;
}

export interface SharedUpstreamEvents {
  ready(shared: SharedUpstream): void;
  /** `error` when it was not orderly, or the greeting was refused; `wasReady` when it had been of use. */
  ended(shared: SharedUpstream, wasReady: boolean, error: Error | undefined): void;
}

export interface ByteCounters {
  bytesToUpstream: number;
  bytesFromUpstream: number;
}

export class SharedUpstream implements TurnEnder {
  readonly lane = new SharedLane();
  readonly batch: WriteBatch;
  readonly members = new Set<Member>();
  isReady = false;
  private readonly socket: UpstreamSocket;
  private readonly touched: Member[] = [];
  private endsTurn = false;
  /** They lag behind: nothing is read meanwhile. */
  private readonly holders = new Set<Member>();
  private isEnded = false;

  constructor(
    address: UpstreamAddress,
    identity: Identity,
    private readonly turn: Turn,
    private readonly added: AddedLatency,
    private readonly counters: ByteCounters,
    private readonly events: SharedUpstreamEvents,
  ) {
    // What the server said last is heard like all else, also while it is greeted.
    this.socket = connectUpstream(address, (bytes) => this.socket.hear(bytes));
    const drained = (): void => {
      for (const member of this.members) member.upstreamDrained();
    };
    this.batch = new WriteBatch(this.socket, drained, ALL_CLIENTS);
    greet(this.socket, sharedGreeting(identity), (error, open) => {
      if (error !== undefined) this.end(error);
      else if (open) this.begin();
      else this.end(loginWanted());
    });
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('end', () => this.end());
  }

  get needsDrain(): boolean {
    return this.batch.needsDrain;
  }

  /** Sends what was written, once all that this turn of the event loop brings has been written. */
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

  hold(member: Member): void {
    this.holders.add(member);
    this.socket.pause();
  }

  release(member: Member): void {
    if (this.holders.delete(member) && this.holders.size === 0) this.socket.resume();
  }

  /** A member got replies: it is told when all that has come is handed out. */
  touch(member: Member): void {
    this.touched.push(member);
  }

  /** Ends the connection; nobody may be a member any more. */
  close(): void {
    this.isEnded = true;
    this.socket.destroy();
  }

  /** What was sent on it may not be understood: whoever waits for replies is told that they will not come. */
  giveUp(fault: unknown): void {
    this.end(fault instanceof Error ? fault : new Error(String(fault)));
  }

  private begin(): void {
    if (this.isEnded) return;
    this.isReady = true;
    this.socket.listen(
      (chunk) => this.receive(chunk),
      () => this.lane.scanner.missing,
    );
    this.events.ready(this);
  }

  private receive(chunk: Buffer): void {
    if (!this.isReady || this.isEnded) return;
    this.added.read(Way.REPLY, this);
    this.counters.bytesFromUpstream += chunk.length;
    const problem = this.deliver(chunk);
    if (this.added.timing && this.touched.length > 0) this.added.pass(Way.REPLY, this, this.touched[0]);
    for (let i = 0; i < this.touched.length; i++) this.touched[i].repliesCame(chunk.length);
    this.touched.length = 0;
    if (problem !== undefined) this.end(problem);
  }

  private deliver(chunk: Buffer): Error | undefined {
    try {
      return this.lane.receive(chunk) ? undefined : new Error('the server answers what was not asked');
    } catch (fault) {
      return fault instanceof Error ? fault : new Error(String(fault));
    }
  }

  private end(error?: Error): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const wasReady = this.isReady;
    this.isReady = false;
    this.socket.destroy();
    const cut = this.lane.fail(LOST_ERROR);
    const members = [...this.members];
    this.members.clear();
    for (const member of members) member.upstreamLost(member === cut);
    this.touched.length = 0;
    this.events.ended(this, wasReady, error);
  }
}
