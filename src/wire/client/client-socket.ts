// One client's socket: reads it (in turns where it sends much), holds what waits for it, and ends it. Decides nothing: the
// link says when to read, pause and end. Never looks into bytes.
// Owns the socket, its batch and its timers. Invariants: a socket that waits for its turn is not read; a destroyed one
// reports nothing but `close`.
import type { Socket } from 'node:net';
import { type AddedLatency, Way } from '../added-latency.js';
import type { BulkTurns } from '../bulk-turns.js';
import { readAccepted, resetSocket, unsentBytes } from '../node/socket-reads.js';
import { slabs } from '../slabs.js';
import { WriteBatch } from '../write-batch.js';
import type { Arrival } from './entrance.js';

/**
 * What may wait for a client that sends and does not read. Redis's replies stop at the high-water mark, since
 * Redis can keep them; Spillway's own can only be stopped by not reading the client, which one that sends all
 * before it reads would not survive: so that comes late.
 */
const UNREAD_REPLIES_BYTES = 16 * 1024 * 1024;
/** With its server gone, a client that reads nothing for this time is closed. */
const FAREWELL_MS = 30_000;
/** Time for the client to end, too, after Spillway's end: a close with bytes unread would reset what it still has to read. */
const LINGER_MS = 500;

/** The link whose client it is. */
export interface ClientSocketUser {
  /** To be done with before it returns. */
  fromClient(chunk: Buffer): void;
  /** It is its turn to be read on. */
  clientHasItsTurn(): void;
  /** The client sends no more. */
  clientEnded(): void;
  /** It has been silent for the idle time, or has taken nothing for the time of a farewell. */
  clientSilent(): void;
  /** It takes replies again, after it did not. */
  clientDrained(): void;
  /** It is gone, or to be given up. May come more than once. */
  close(): void;
}

export interface ClientSocketOptions {
  readonly idleTimeoutMs: number;
  readonly upstream: { readonly keepAliveMs: number };
  readonly bulkTurns: BulkTurns;
  readonly added: AddedLatency;
  readonly counters: { bytesToClients: number };
}

export class ClientSocket {
  /** Gathers what is for the client. */
  readonly batch: WriteBatch;
  /** The client has sent its end. */
  hasEnded = false;
  /** The server's replies have come since the last flush. */
  hasReplies = false;
  private readonly socket: Socket;
  /** Below TLS. */
  private readonly raw: Socket;
  private awaitsTurn = false;
  /** What the kernel had not taken at the last timeout. */
  private unsentBytes = 0;
  /** What was waiting for the client with the last of the server's replies. */
  private unreadReplies = 0;

  constructor(
    { socket, raw }: Arrival,
    private readonly options: ClientSocketOptions,
    private readonly link: ClientSocketUser,
  ) {
    this.socket = readAccepted(socket, (bytes, more) => {
      options.added.read(Way.REQUEST, link);
      if (more) return this.takeInTurn(bytes);
      link.fromClient(bytes);
      return true;
    });
    this.raw = socket === raw ? this.socket : raw;
    this.batch = new WriteBatch(this.socket, () => {
      this.unreadReplies = 0;
      link.clientDrained();
    });
    this.wire();
  }

  get isPaused(): boolean {
    return this.socket.isPaused();
  }

  /** Bytes for the client that the kernel has not taken. */
  get waiting(): number {
    return this.batch.waiting;
  }

  /** Nothing of its own speaks against reading the client on. */
  get mayRead(): boolean {
    return !this.awaitsTurn && this.batch.waiting < this.unreadReplies + UNREAD_REPLIES_BYTES;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** Sends what was written since the last flush. Returns whether the client takes it as fast as it comes. */
  flush(): boolean {
    const keepsUp = this.batch.flush();
    if (this.hasReplies) {
      this.hasReplies = false;
      this.unreadReplies = this.batch.waiting;
    }
    this.options.counters.bytesToClients += this.batch.takeBytes();
    return keepsUp;
  }

  setIdleTimeout(idleTimeoutMs: number): void {
    this.socket.setTimeout(idleTimeoutMs);
  }

  /** Delivers what waits for the client, then closes. */
  finish(): void {
    this.socket.setTimeout(FAREWELL_MS);
    this.socket.destroySoon();
  }

  /** Sends our end behind what waits, and waits a while for the client's; what it sends meanwhile is read. */
  linger(): void {
    this.socket.end();
    this.socket.resume();
    this.socket.setTimeout(0);
    setTimeout(() => this.link.close(), LINGER_MS).unref();
  }

  /** Ends it at once; with `reset` so that the client sees a reset, not an orderly end. */
  destroy(reset: boolean): void {
    // While its end is on its way libuv refuses to reset a socket, and Node then never gives back the descriptor.
    const ending = this.socket.writableEnded && !this.socket.writableFinished;
    if (reset && !ending) resetSocket(this.raw);
    this.socket.destroy();
  }

  private wire(): void {
    const { socket, link } = this;
    const { idleTimeoutMs, upstream } = this.options;
    socket.on('end', () => {
      this.hasEnded = true;
      link.clientEnded();
    });
    socket.setTimeout(idleTimeoutMs);
    // Again and again: one that may not be closed now, a subscriber say, may be the next time.
    socket.on('timeout', () => {
      if (this.isTaking()) socket.setTimeout(socket.timeout ?? 0);
      else link.clientSilent();
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(upstream.keepAliveMs > 0, upstream.keepAliveMs);
    socket.on('error', () => link.close());
    socket.on('close', () => link.close());
  }

  /** There is more where this came from: others have their turn first. Returns whether `bytes` was worked off already. */
  private takeInTurn(bytes: Buffer): boolean {
    const { bulkTurns } = this.options;
    const { length } = bytes;
    this.awaitsTurn = true;
    this.socket.pause();
    const isNow = bulkTurns.hasTime;
    const kept = isNow ? undefined : slabs.copyOf(bytes);
    if (isNow) bulkTurns.spend(() => this.link.fromClient(bytes));
    bulkTurns.enqueue(() => {
      this.awaitsTurn = false;
      if (kept !== undefined) {
        bulkTurns.spend(() => this.link.fromClient(kept.bytes.subarray(0, length)));
        kept.end();
      }
      this.link.clientHasItsTurn();
    });
    return isNow;
  }

  /** It has taken some of what waits for it since the last look. Node sees that of the stream's own writes alone. */
  private isTaking(): boolean {
    const before = this.unsentBytes;
    this.unsentBytes = unsentBytes(this.socket);
    return this.unsentBytes > 0 && this.unsentBytes !== before;
  }
}
