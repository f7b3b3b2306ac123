// Gathers what one turn writes to a socket and sends it in one system call: small spans are copied together,
// large ones go by reference between them. Owns its buffer; never splits, reorders or drops bytes.
// A span that is alone goes as it is, and past the stream: socket.write() costs as much as the system call itself.
//
//   write() ─▶ lent span, or buffer ─▶ flush() ─┬─ nothing waits: straight to the kernel (_write)
//                                              └─ else behind what waits: the stream (cork, write, uncork)
//
// Invariants: bytes are sent in the order of write(); `filled - sentUpTo` bytes wait in the buffer for flush();
// what stands before `sentUpTo` is never written again while the socket may still have it.
import type { Socket } from 'node:net';
import { type ByteSink, COPIED_BELOW } from '../session/byte-sink.js';

const BUFFER_BYTES = 64 * 1024;
/** Buffers nobody fills at the moment: a batch holds one only from its first write to its flush. */
const spareBuffers: Buffer[] = [];
const MAX_SPARE_BUFFERS = 8;
const NOTHING: Uint8Array = new Uint8Array(0);

export class WriteBatch implements ByteSink {
  /** Bytes handed to the socket since takeBytes(). */
  private bytes = 0;
  private buffer: Buffer | undefined;
  private filled = 0;
  private sentUpTo = 0;
  private corked = false;
  /** A span that waits where it is; empty: none. Nothing else waits then. */
  private lent = NOTHING;
  private lentFrom = 0;
  private lentTo = 0;
  /** Bytes that went past the stream, and that the kernel has not taken yet. */
  private direct = 0;
  private isLate = false;

  /**
   * `onDrain` is called when the socket can take more, after it could not. `borrows`: also short spans stay as they are
   * until flush(), so they need not be copied before.
   */
  constructor(
    private readonly socket: Socket,
    private readonly onDrain: () => void,
    private readonly borrows = false,
  ) {
    socket.on('drain', onDrain);
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
    if (this.lentTo > 0) {
      if (buf === this.lent && start === this.lentTo) {
        this.lentTo = end;
        return;
      }
      this.takeLent();
    } else if (this.borrows && this.filled === this.sentUpTo && !this.corked) {
      this.lent = buf;
      this.lentFrom = start;
      this.lentTo = end;
      return;
    }
    this.gather(buf, start, end);
  }

  /** Sends what was written since the last flush. Returns false when the socket asks to wait for onDrain. */
  flush(): boolean {
    if (this.lentTo > 0) this.sendLent();
    if (this.corked) {
      this.sendFilled();
      this.corked = false;
      this.socket.uncork();
    } else if (this.buffer !== undefined && this.filled > this.sentUpTo) {
      const from = this.sentUpTo;
      this.sentUpTo = this.filled;
      this.sendAlone(this.buffer.subarray(from, this.filled));
    }
    // Once the kernel has taken all, the buffer is free. Until then what comes next goes behind what the socket
    // still has in it: many small writes to a reader that is slow must not take a buffer each.
    if (this.buffer !== undefined && this.waiting === 0) {
      if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(this.buffer);
      this.dropBuffer();
    }
    return !this.needsDrain;
  }

  /** How many bytes were handed to the socket since the last call. */
  takeBytes(): number {
    const { bytes } = this;
    this.bytes = 0;
    return bytes;
  }

  private gather(buf: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length >= COPIED_BELOW) {
      this.sendFilled();
      this.send(view(buf, start, end));
      return;
    }
    if (this.filled + length > BUFFER_BYTES) {
      this.sendFilled();
      this.dropBuffer();
    }
    this.buffer ??= spareBuffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    copy(buf, start, end, this.buffer, this.filled);
    this.filled += length;
  }

  private takeLent(): void {
    const { lent, lentFrom, lentTo } = this;
    this.lent = NOTHING;
    this.lentTo = 0;
    this.gather(lent, lentFrom, lentTo);
  }

  /** A short one is copied, since the kernel might not take all of it at once. */
  private sendLent(): void {
    const { lent, lentFrom, lentTo } = this;
    if (lentTo - lentFrom < COPIED_BELOW) {
      this.takeLent();
      return;
    }
    this.lent = NOTHING;
    this.lentTo = 0;
    this.sendAlone(view(lent, lentFrom, lentTo));
  }

  private sendFilled(): void {
    if (this.buffer === undefined || this.filled === this.sentUpTo) return;
    const from = this.sentUpTo;
    this.sentUpTo = this.filled;
    this.send(this.buffer.subarray(from, this.filled));
  }

  private send(bytes: Buffer): void {
    // The first write of a flush waits for a second one: together they make one writev.
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
    }
    this.bytes += bytes.length;
    this.socket.write(bytes);
  }

  /** All that this flush sends. Where nothing waits before it, nothing of the stream is needed but its last step. */
  private sendAlone(bytes: Buffer): void {
    const { socket } = this;
    this.bytes += bytes.length;
    if (this.waiting > 0 || socket.connecting || !socket.writable || socket.writableCorked > 0) {
      socket.write(bytes);
      return;
    }
    this.direct = bytes.length;
    socket._write(bytes, 'buffer' as BufferEncoding, this.directDone);
    this.isLate = this.direct > 0;
  }

  /** The kernel has taken all that went past the stream: before _write() returned, as a rule. */
  private readonly directDone = (error?: Error | null): void => {
    const { isLate } = this;
    this.direct = 0;
    this.isLate = false;
    if (error) this.socket.destroy(error);
    else if (isLate && !this.needsDrain) this.onDrain();
  };

  private dropBuffer(): void {
    this.buffer = undefined;
    this.filled = 0;
    this.sentUpTo = 0;
  }
}

function view(buf: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(buf.buffer, buf.byteOffset + start, end - start);
}

/** Short spans go byte by byte: a call into the runtime costs more than they do. */
function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) to[at++] = from[i];
}
