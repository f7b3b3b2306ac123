// One client's socket: reads it (in turns if the client sends much), holds the bytes that wait for it, and ends it. Decides
// nothing: the link says when to read, pause and end. Never looks into bytes.
// Owns the socket, its batch and its timers. Invariants: a socket that waits for its turn is not read; a destroyed socket
// reports nothing but `close`.
import type { Socket } from 'node:net';
import { type AddedLatency, Way } from '../added-latency.js';
import type { BulkTurns } from '../bulk-turns.js';
import { readAccepted, resetSocket, unsentBytes } from '../node/socket-reads.js';
import { slabs } from '../slabs.js';
import { WriteBatch } from '../write-batch.js';
import type { Arrival } from './entrance.js';

/**
 * The most bytes that may wait for a client that sends and does not read. For Redis's replies the high-water mark is enough,
 * since Redis can keep the rest. Spillway's own replies stop only if Spillway does not read the client, and a client that sends
 * everything before it reads would then wait for ever. So that limit is far higher.
 */
const UNREAD_REPLIES_BYTES = 16 * 1024 * 1024;
/** When its server is gone, Spillway closes a client that reads nothing for this time. */
const FAREWELL_MS = 30_000;
/**
 * How long Spillway waits for the client's FIN after its own: a close with unread bytes would reset replies that the client
 * still has to read.
 */
const LINGER_MS = 500;

/** The link that owns the client. */
export interface ClientSocketUser {
  /** Bytes from the client. The buffer is valid only until the call returns. */
  fromClient(chunk: Buffer): void;
  /** Its turn has come: it is read again. */
  clientHasItsTurn(): void;
  /** The client sends no more. */
  clientEnded(): void;
  /** The client was silent for the idle time, or took nothing for the time of a farewell. */
  clientSilent(): void;
  /** The client takes replies again, after it did not. */
  clientDrained(): void;
  /** The client is gone, or must be given up. May come more than once. */
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
  /** Gathers bytes for the client. */
  readonly batch: WriteBatch;
  /** The client has sent its FIN. */
  hasEnded = false;
  /** Replies of the server have come since the last flush. */
  hasReplies = false;
  /** The client was sent something. */
  isAnswered = false;
  private readonly socket: Socket;
  /** The socket below TLS. */
  private readonly raw: Socket;
  private awaitsTurn = false;
  /** What the kernel had not taken at the last timeout. */
  private unsentBytes = 0;
  /** How many bytes waited for the client when the server's last replies had come. */
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

  /** Whether nothing in this socket itself forbids reading the client. */
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
    const bytes = this.batch.takeBytes();
    if (bytes > 0) this.isAnswered = true;
    this.options.counters.bytesToClients += bytes;
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

  /** Sends Spillway's FIN after what waits, and waits a while for the client's; what the client sends meanwhile is read. */
  linger(): void {
    this.socket.end();
    this.socket.resume();
    this.socket.setTimeout(0);
    setTimeout(() => this.link.close(), LINGER_MS).unref();
  }

  /** Ends it at once. With `reset` the client sees a reset instead of an orderly end. */
  destroy(reset: boolean): void {
    // While its FIN is on its way libuv refuses to reset a socket, and Node then never frees the descriptor.
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
    // Asked again each time: a client that may not be closed now, such as a subscriber, may be closed next time.
    socket.on('timeout', () => {
      if (this.isTaking()) socket.setTimeout(socket.timeout ?? 0);
      else link.clientSilent();
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(upstream.keepAliveMs > 0, upstream.keepAliveMs);
    socket.on('error', () => link.close());
    socket.on('close', () => link.close());
  }

  /** More bytes are there: other clients have their turn first. Returns whether `bytes` was processed already. */
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

  /**
   * Whether the client has taken some of what waits for it since the last look. Node reports that only for the stream's own
   * writes.
   */
  private isTaking(): boolean {
    const before = this.unsentBytes;
    this.unsentBytes = unsentBytes(this.socket);
    return this.unsentBytes > 0 && this.unsentBytes !== before;
  }
}
