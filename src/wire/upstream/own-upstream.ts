// One client's own connection to the server: for good (session pooling), or while the client needs one (command pooling).
// It is first greeted as that client, if the client has said who it is.
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

/** The link whose client's connection it is. */
export interface OwnUpstreamUser {
  /** To be done with before it returns. */
  fromOwn(chunk: Buffer): void;
  /** What a server that closed had said before, found when a write to it failed. */
  lastWords(bytes: Buffer): void;
  /** The greeting was answered: commands may go up. Not called where nothing had to be said. */
  ownGreeted(): void;
  /** It cannot become what it was to be. */
  ownRefused(error: Error): void;
  ownDrained(): void;
  /** It could not be made, as `ownEnded` will say. */
  ownFailed(error: Error): void;
  /** The server has ended it, with `error` when it was not orderly. */
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
  /** The server has ended it. */
  hasEnded = false;
  /** It waits for the server to take what was sent without a reply being owed, and to end in turn. */
  isEnding = false;
  /** Bytes that the server has sent. */
  heardBytes = 0;
  private readonly socket: UpstreamSocket;
  private readonly held: HeldReplies;
  private parked: NodeJS.Timeout | undefined;
  /** Runs while its client has it for no more than the size of its replies. */
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

  /** It is not needed just now. */
  park(): void {
    clearTimeout(this.parked);
    this.parked = setTimeout(() => this.link.parkingOver(), PARKED_MS).unref();
  }

  /** It is needed. */
  take(): void {
    clearTimeout(this.parked);
    this.parked = undefined;
  }

  /** Nothing is on it: if that lasts, the next command may as well go up another one. */
  rest(): void {
    this.resting ??= setTimeout(() => this.link.restOver(), PARKED_MS).unref();
    this.resting.refresh();
  }

  /** The server is not read, or read on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** A pause is over: what has come in it counts. */
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

  /** Sends our end behind all that was forwarded. */
  finish(): void {
    if (!this.socket.writableEnded) this.socket.end();
  }

  /**
   * Whether it may still carry what nothing is owed for: commands under CLIENT REPLY OFF, or bytes that pass unread
   * (`unanswered`). The server takes them before it ends, as it does when a client that is served directly ends.
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

  /** The same, and what the server has not been sent yet is lost. */
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
