// Gathers what one turn writes to a socket and sends it in one system call. Owns its slab. Never reorders or drops bytes.
//
//   write() ─▶ slab ─▶ flush() ─┬─ nothing waits: straight to the kernel, bypassing the stream, which would double the cost
//                               └─ otherwise behind what waits (cork, write, uncork)
//
// Invariants: bytes are copied before write() returns, and sent in the order of write(); `filled - sentUpTo` bytes in the
// slab wait for flush(); what stands before `sentUpTo` is not overwritten while the socket may still use it.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ByteSink } from '../core/session/byte-sink.js';
import { LARGEST_SLAB, type Slab, type SlabHolder, type SlabPool, slabs } from './slabs.js';

/** The most bytes that are moved to a larger slab so that what follows goes up with them in one piece. */
const MOVED_BYTES = 4096;

export class WriteBatch implements ByteSink, SlabHolder {
  /** Bytes handed to the socket since takeBytes(). */
  private bytes = 0;
  private slab: Slab | undefined;
  private filled = 0;
  private sentUpTo = 0;
  private corked = false;
  /** Bytes that bypassed the stream and that the kernel has not taken yet. */
  private direct = 0;
  /** The slab that they are in. */
  private directSlab: Slab | undefined;
  private isLate = false;
  /** From now on writes are dropped. */
  private isClosed = false;
  /** TLS has its own buffers below the stream: nothing bypasses them, and they take everything a moment later. */
  private readonly encrypts: boolean;

  /** `onDrain` is called when the socket can take more, after it could not. `leastBytes`: how much a turn usually brings. */
  constructor(
    private readonly socket: Socket,
    private readonly onDrain: () => void,
    private readonly leastBytes = 0,
    private readonly pool: SlabPool = slabs,
  ) {
    this.encrypts = socket instanceof TLSSocket;
    socket.on('drain', onDrain);
    socket.once('close', () => {
      this.isClosed = true;
      this.leaveSlab();
    });
  }

  /** Bytes that were flushed, and that the kernel has not taken yet. */
  get waiting(): number {
    return this.socket.writableLength + this.direct;
  }

  /** The socket asks to wait for onDrain. */
  get needsDrain(): boolean {
    return this.direct > 0 || this.socket.writableNeedDrain;
  }

  write(buf: Uint8Array, start: number, end: number): void {
    if (this.isClosed) return;
    for (let at = start; at < end; ) {
      const { bytes } = this.roomFor(end - at);
      const until = Math.min(end, at + bytes.length - this.filled);
      copy(buf, at, until, bytes, this.filled);
      this.filled += until - at;
      at = until;
    }
  }

  /** Sends what was written since the last flush. Returns false when the socket asks to wait for onDrain. */
  flush(): boolean {
    if (this.corked) {
      this.sendFilled();
      this.corked = false;
      this.socket.uncork();
    } else if (this.slab !== undefined && this.filled > this.sentUpTo) {
      const from = this.sentUpTo;
      this.sentUpTo = this.filled;
      this.sendAlone(this.slab, this.slab.bytes.subarray(from, this.filled));
    }
    this.slabSent();
    return !this.needsDrain;
  }

  /** How many bytes were handed to the socket since the last call. */
  takeBytes(): number {
    const { bytes } = this;
    this.bytes = 0;
    return bytes;
  }

  /** When the kernel has taken everything, the slab is free: a client that waits for nothing holds none. */
  slabSent(): void {
    if (this.slab?.isSent && this.filled === this.sentUpTo) this.leaveSlab();
  }

  /**
   * A slab with room for some of `length` bytes, or for all of them if it is large enough. Bytes that follow what the socket
   * still holds go there too: many small writes to a slow reader must not take a slab each.
   */
  private roomFor(length: number): Slab {
    const { slab } = this;
    if (slab === undefined) return this.takeSlab(length);
    const room = slab.bytes.length - this.filled;
    if (length <= room) return slab;
    const unsent = this.filled - this.sentUpTo;
    if (unsent > MOVED_BYTES || unsent + length > LARGEST_SLAB) {
      if (room > 0) return slab;
      this.sendFilled();
      this.leaveSlab();
      return this.takeSlab(length);
    }
    const larger = this.pool.take(Math.max(unsent + length, this.leastBytes), this);
    copy(slab.bytes, this.sentUpTo, this.filled, larger.bytes, 0);
    slab.end();
    this.slab = larger;
    this.filled = unsent;
    this.sentUpTo = 0;
    return larger;
  }

  private takeSlab(length: number): Slab {
    this.slab = this.pool.take(Math.min(Math.max(length, this.leastBytes), LARGEST_SLAB), this);
    return this.slab;
  }

  private leaveSlab(): void {
    const { slab } = this;
    this.slab = undefined;
    this.filled = 0;
    this.sentUpTo = 0;
    slab?.end();
  }

  private sendFilled(): void {
    const { slab } = this;
    if (slab === undefined || this.filled === this.sentUpTo) return;
    // The first write of a flush waits for a second one: together they make one writev.
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
    }
    const bytes = slab.bytes.subarray(this.sentUpTo, this.filled);
    this.sentUpTo = this.filled;
    this.sendBehind(slab, bytes);
  }

  /** Writes through the stream. */
  private sendBehind(slab: Slab, bytes: Buffer): void {
    this.bytes += bytes.length;
    slab.sending();
    this.socket.write(bytes, slab.sent);
  }

  /** All that this flush sends. If nothing waits before it, only the last step of the stream is needed. */
  private sendAlone(slab: Slab, bytes: Buffer): void {
    const { socket } = this;
    const mustQueue = socket.connecting || !socket.writable || socket.writableCorked > 0;
    if (this.encrypts || this.waiting > 0 || mustQueue) {
      this.sendBehind(slab, bytes);
      return;
    }
    this.bytes += bytes.length;
    slab.sending();
    this.direct = bytes.length;
    this.directSlab = slab;
    socket._write(bytes, 'buffer' as BufferEncoding, this.directDone);
    this.isLate = this.direct > 0;
  }

  /** The kernel has taken all that bypassed the stream, usually before _write() returned. */
  private readonly directDone = (error?: Error | null): void => {
    const { isLate, directSlab } = this;
    this.direct = 0;
    this.isLate = false;
    this.directSlab = undefined;
    directSlab?.sent(error);
    if (error) this.socket.destroy(error);
    else if (isLate && !this.needsDrain) this.onDrain();
  };
}

/**
 * Copies short spans byte by byte, because a call into the runtime costs more. Four bytes a round: a round costs as much as a
 * byte.
 */
function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  let i = start;
  for (; i <= end - 4; i += 4, at += 4) {
    to[at] = from[i];
    to[at + 1] = from[i + 1];
    to[at + 2] = from[i + 2];
    to[at + 3] = from[i + 3];
  }
  for (; i < end; i++) to[at++] = from[i];
}
