// A batch of commands about keys in one buffer: all questions about a page of keys, sent together.
// Owns the buffer while it is filled. Invariant: the server answers `bytes` with `count` replies.
import { encodeCommand } from '../../core/resp/encode.js';

/** An encoded command with a place for a key. */
export interface KeyCommand {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** `before` and `after`: the words around the key, such as MEMORY USAGE and SAMPLES 0. */
export function keyCommand(before: readonly string[], after: readonly string[] = []): KeyCommand {
  const whole = encodeCommand(...before, '', ...after);
  const tail = after.length === 0 ? Buffer.alloc(0) : bulks(after);
  const emptyKey = Buffer.byteLength('$0\r\n\r\n');
  return { head: Buffer.from(whole.subarray(0, whole.length - tail.length - emptyKey)), tail };
}

/** The same command with other words after the key; their number must be the same. */
export function withTail({ head }: KeyCommand, after: readonly string[]): KeyCommand {
  return { head, tail: bulks(after) };
}

const FIRST_BYTES = 16 * 1024;

export class Batch {
  count = 0;
  private buffer: Buffer;
  private length = 0;

  /** @param bytes the expected size */
  constructor(bytes = FIRST_BYTES) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  /** Not a copy: valid until clear(). */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Empties the buffer. Its bytes must have been sent. */
  clear(): void {
    this.length = 0;
    this.count = 0;
  }

  about({ head, tail }: KeyCommand, key: Uint8Array): void {
    this.reserve(head.length + key.length + tail.length + 16);
    const { buffer } = this;
    buffer.set(head, this.length);
    let at = this.length + head.length;
    at += buffer.write(`$${key.length}\r\n`, at, 'latin1');
    buffer.set(key, at);
    at += key.length;
    buffer[at++] = 0x0d;
    buffer[at++] = 0x0a;
    buffer.set(tail, at);
    this.length = at + tail.length;
    this.count++;
  }

  command(...args: readonly (string | Uint8Array)[]): void {
    const bytes = encodeCommand(...args);
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    this.count++;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    larger.set(this.bytes);
    this.buffer = larger;
  }
}

function bulks(words: readonly string[]): Buffer {
  const whole = encodeCommand(...words);
  return whole.subarray(whole.indexOf('\n') + 1);
}
