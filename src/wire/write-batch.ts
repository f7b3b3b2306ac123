// Gathers what one turn writes to a socket and sends it in one system call: small spans are copied together,
// large ones go by reference between them. Owns its buffer; never splits, reorders or drops bytes.
//
//   write() ─▶ buffer ─▶ flush() ─┬─ nothing waits: straight to the kernel, past the stream, which costs as much again
//                                 └─ else behind what waits (cork, write, uncork)
//
// Invariants: bytes are sent in the order of write(); `filled - sentUpTo` bytes wait in the buffer for flush();
// what stands before `sentUpTo` is never written again while the socket may still have it.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ByteSink, COPIED_BELOW } from '../core/session/byte-sink.js';

/** Buffers that nobody fills at the moment: a batch holds one only from its first write to its flush. */
export class SpareBuffers {
  private readonly spare: Buffer[] = [];

  /** @param bytes of each buffer @param most how many are kept */
  constructor(
    readonly bytes: number,
    private readonly most: number,
  ) {}

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bytes);
  }

  give(buffer: Buffer): void {
    if (this.spare.length < this.most) this.spare.push(buffer);
  }
}

/** For what one client sends or gets in a turn. */
const ONE_CLIENT = new SpareBuffers(16 * 1024, 256);

export class WriteBatch implements ByteSink {
  /** Bytes handed to the socket since takeBytes(). */
  private bytes = 0;
  private buffer: Buffer | undefined;
  private filled = 0;
  private sentUpTo = 0;
  private corked = false;
  /** Bytes that went past the stream, and that the kernel has not taken yet. */
  private direct = 0;
  private isLate = false;
  /** TLS has its own buffers below the stream: nothing goes past that, and all is taken a moment later. */
  private readonly encrypts: boolean;

  /** `onDrain` is called when the socket can take more, after it could not. */
  constructor(
    private readonly socket: Socket,
    private readonly onDrain: () => void,
    private readonly buffers = ONE_CLIENT,
  ) {
    this.encrypts = socket instanceof TLSSocket;
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
    const length = end - start;
    if (length >= COPIED_BELOW) {
      this.sendFilled();
      this.send(Buffer.from(buf.buffer, buf.byteOffset + start, length));
      return;
    }
    if (this.filled + length > this.buffers.bytes) {
      this.sendFilled();
      this.dropBuffer();
    }
    this.buffer ??= this.buffers.take();
    copy(buf, start, end, this.buffer, this.filled);
    this.filled += length;
  }

  /** Sends what was written since the last flush. Returns false when the socket asks to wait for onDrain. */
  flush(): boolean {
    if (this.corked) {
      this.sendFilled();
      this.corked = false;
      this.socket.uncork();
    } else if (this.buffer !== undefined && this.filled > this.sentUpTo) {
      const from = this.sentUpTo;
      this.sentUpTo = this.filled;
      this.sendAlone(this.buffer.subarray(from, this.filled));
    }
    this.freeBuffer();
    return !this.needsDrain;
  }

  /** How many bytes were handed to the socket since the last call. */
  takeBytes(): number {
    const { bytes } = this;
    this.bytes = 0;
    return bytes;
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
    this.socket.write(bytes, this.encrypts ? this.encrypted : undefined);
  }

  /** All that this flush sends: with nothing before it, all that it needs of the stream is the last step. */
  private sendAlone(bytes: Buffer): void {
    const { socket } = this;
    this.bytes += bytes.length;
    if (this.encrypts) {
      socket.write(bytes, this.encrypted);
      return;
    }
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

  /** What a client has waited for is on its way: it holds no buffer until there is more. */
  private readonly encrypted = (): void => {
    if (this.filled === this.sentUpTo) this.freeBuffer();
  };

  /**
   * Once the kernel has taken all, the buffer is free. Until then what comes next goes behind what the socket still has
   * in it: many small writes to a reader that is slow must not take a buffer each.
   */
  private freeBuffer(): void {
    if (this.buffer === undefined || this.waiting > 0) return;
    this.buffers.give(this.buffer);
    this.dropBuffer();
  }

  private dropBuffer(): void {
    this.buffer = undefined;
    this.filled = 0;
    this.sentUpTo = 0;
  }
}

/** Short spans go byte by byte: a call into the runtime costs more than they do. */
function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) to[at++] = from[i];
}
