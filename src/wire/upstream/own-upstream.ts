// One client's own connection to the server: for good (session pooling), or while the client needs one (command pooling).
// If the client has logged in, the connection is first greeted with that login.
// Owns its socket, batch and timers. Invariants: no command goes up before the greeting is answered; an ended connection
// sends its client nothing more; it is never lent to another client.
//
//   begun ── greeted ─▶ in use ─┬─ park(): not needed now ──── for PARKED_MS ─▶ parkingOver()
//                          ▲────┤   take()
//                               └─ rest(): nothing is due ──── for PARKED_MS ─▶ restOver()
import type { Greeting } from '../../core/session/pooling/identity.js';
import { WriteBatch } from '../write-batch.js';
import { greet } from './greet.js';
import { HeldReplies } from './held-replies.js';
import {
  connectUpstream,
  cutUpstream,
  type UpstreamAddress,
  type UpstreamSocket,
} from './upstream-socket.js';

/** A parked connection ends after this time. */
const PARKED_MS = 1000;

/** The link whose client owns the connection. */
export interface OwnUpstreamUser {
  /** Bytes from the server. The buffer is valid only until the call returns. */
  fromOwn(chunk: Buffer): void;
  /** The last words of a server that closed, found when a write to it failed. */
  lastWords(bytes: Buffer): void;
  /** The greeting was answered: commands may go up. Not called if no greeting was needed. */
  ownGreeted(): void;
  /** It cannot become the connection that was wanted. */
  ownRefused(error: Error): void;
  ownDrained(): void;
  /** It could not be made; `ownEnded` follows. */
  ownFailed(error: Error): void;
  /** The server has closed it; `error` if not in an orderly way. */
  ownEnded(own: OwnUpstream, error?: Error): void;
  parkingOver(): void;
  restOver(): void;
}

export interface OwnUpstreamOptions {
  readonly upstream: UpstreamAddress;
  readonly counters: { bytesToUpstream: number };
}

export class OwnUpstream {
  readonly batch: WriteBatch;
  isConnected = false;
  isGreeted = false;
  /** The server has closed it. */
  hasEnded = false;
  /** It waits for the server to take commands that get no reply, and then to end in turn. */
  isEnding = false;
  /** Its client has had it already. */
  wasTaken = false;
  /** Bytes that the server has sent. */
  heardBytes = 0;
  private readonly socket: UpstreamSocket;
  private readonly held: HeldReplies;
  private parked: NodeJS.Timeout | undefined;
  /** Runs while the client keeps it only because of the size of its replies. */
  private resting: NodeJS.Timeout | undefined;
  private isOver = false;

  constructor(
    private readonly options: OwnUpstreamOptions,
    greeting: readonly Greeting[],
    private readonly link: OwnUpstreamUser,
  ) {
    const lastWords = (bytes: Buffer): void => {
      if (!this.isGreeted) this.socket.hear(bytes);
      else if (!this.isOver && options.upstream.following?.isDeaf !== true) link.lastWords(bytes);
    };
    this.socket = connectUpstream(options.upstream, lastWords, () => {
      this.isConnected = true;
    });
    this.held = new HeldReplies(options.upstream.following, () => this.socket.pause());
    this.batch = new WriteBatch(this.socket, () => link.ownDrained());
    if (greeting.length === 0) this.begin();
    else this.greet(greeting);
    this.socket.on('end', () => link.ownEnded(this));
    this.socket.on('error', (error) => {
      if (!this.isConnected) link.ownFailed(error);
      link.ownEnded(this, error);
    });
  }

  get isParked(): boolean {
    return this.parked !== undefined;
  }

  /** Not needed at present. */
  park(): void {
    clearTimeout(this.parked);
    this.parked = setTimeout(() => this.link.parkingOver(), PARKED_MS).unref();
  }

  /** Needed again. */
  take(): void {
    this.wasTaken = true;
    clearTimeout(this.parked);
    this.parked = undefined;
  }

  /** Nothing is due on it: if that lasts, the next command may go up another connection. */
  rest(): void {
    this.resting ??= setTimeout(() => this.link.restOver(), PARKED_MS).unref();
    this.resting.refresh();
  }

  /** Stops or resumes reading the server. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** A pause is over: processes what arrived during it. */
  hearAgain(): void {
    if (this.isOver || !this.isGreeted) return;
    const chunks = this.held.take();
    if (chunks.length > 0) this.socket.resume();
    for (const chunk of chunks) if (!this.isOver) this.receive(chunk);
  }

  flush(): void {
    this.batch.flush();
    this.options.counters.bytesToUpstream += this.batch.takeBytes();
  }

  /** Sends Spillway's FIN after everything that was forwarded. */
  finish(): void {
    if (!this.socket.writableEnded) this.socket.end();
  }

  /**
   * Whether it may still carry bytes that get no reply: commands under CLIENT REPLY OFF, or bytes that pass unread
   * (`unanswered`). The server reads them before it ends, as it does when a client without a proxy ends.
   */
  isTaking(unanswered: boolean): boolean {
    if (this.hasEnded) return false;
    if (!this.isEnding && this.batch.waiting === 0 && !unanswered) return false;
    if (!this.isConnected) return true;
    this.isEnding = true;
    this.finish();
    return true;
  }

  /** Ends it at once. */
  end(): void {
    this.beOver();
    this.socket.destroy();
  }

  /** Ends it at once; what was not sent to the server yet is lost. */
  cut(): void {
    this.beOver();
    this.hasEnded = true;
    cutUpstream(this.socket);
  }

  private beOver(): void {
    this.isOver = true;
    clearTimeout(this.parked);
    clearTimeout(this.resting);
  }

  private begin(): void {
    this.isGreeted = true;
    this.socket.listen((chunk) => {
      if (!this.held.hold(chunk)) this.receive(chunk);
    });
  }

  private receive(chunk: Buffer): void {
    this.heardBytes += chunk.length;
    this.link.fromOwn(chunk);
  }

  private greet(greeting: readonly Greeting[]): void {
    const fenced = this.options.upstream.following !== undefined;
    const done = (error: Error | undefined): void => {
      if (this.isOver) return;
      if (error === undefined) {
        this.begin();
        this.link.ownGreeted();
      } else this.link.ownRefused(error);
    };
    greet(this.socket, greeting, done, fenced);
  }
}
