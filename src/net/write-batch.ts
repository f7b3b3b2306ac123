// Gathers what one turn writes to a socket and sends it in one system call: small spans are copied together,
// large ones go by reference between them. Owns its buffer; never splits, reorders or drops bytes.
// Invariants: bytes are sent in the order of write(); `filled - sentUpTo` bytes wait in the buffer for flush();
// what stands before `sentUpTo` is never written again while the socket may still have it.
import type { Socket } from 'node:net';
import { type ByteSink, COPIED_BELOW } from '../session/byte-sink.js';

const BUFFER_BYTES = 64 * 1024;
/** Buffers nobody fills at the moment: a batch holds one only from its first write to its flush. */
const spareBuffers: Buffer[] = [];
const MAX_SPARE_BUFFERS = 8;

export class WriteBatch implements ByteSink {
  /** Bytes handed to the socket since takeBytes(). */
  private bytes = 0;
  private buffer: Buffer | undefined;
  private filled = 0;
  private sentUpTo = 0;
  private corked = false;

  constructor(private readonly socket: Socket) {}

  write(buf: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length >= COPIED_BELOW) {
      this.sendFilled();
      this.send(Buffer.from(buf.buffer, buf.byteOffset + start, length));
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

  /** Sends what was written since the last flush. Returns false when the socket asks to wait for 'drain'. */
  flush(): boolean {
    this.sendFilled();
    if (this.corked) {
      this.corked = false;
      this.socket.uncork();
    }
    // Once the kernel has taken all, the buffer is free. Until then what comes next goes behind what the socket
    // still has in it: many small writes to a reader that is slow must not take a buffer each.
    if (this.buffer !== undefined && this.socket.writableLength === 0) {
      if (spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(this.buffer);
      this.dropBuffer();
    }
    return !this.socket.writableNeedDrain;
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
    this.socket.write(bytes);
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
