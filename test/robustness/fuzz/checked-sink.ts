// A sink that holds the session to ByteSink's contract and gathers what it is given: spans lie inside their buffer. Told what
// must come, it checks each byte as it comes.
import type { ByteSink } from '../../../src/core/session/byte-sink.js';

export class CheckedSink implements ByteSink {
  length = 0;
  private buffer = Buffer.allocUnsafe(4096);
  private taken = 0;

  /** `expected`: everything written must be the beginning of it. */
  constructor(private readonly expected?: Buffer) {}

  write(buf: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= buf.length)) {
      throw new Error(`a span from ${start} to ${end} of ${buf.length} bytes`);
    }
    const at = this.length;
    const to = at + end - start;
    if (to > this.buffer.length) {
      const larger = Buffer.allocUnsafe(2 * to);
      larger.set(this.buffer.subarray(0, at));
      this.buffer = larger;
    }
    const span = buf.subarray(start, end);
    this.buffer.set(span, at);
    this.length = to;
    if (
      this.expected !== undefined &&
      this.expected.compare(this.buffer, at, to, at, Math.min(to, this.expected.length)) !== 0
    ) {
      throw new Error(
        `bytes from ${at} on are not those that were sent: ${quote(this.buffer.subarray(at, to))}`,
      );
    }
  }

  /** What came since the last call. */
  take(): Buffer {
    const from = this.taken;
    this.taken = this.length;
    return this.buffer.subarray(from, this.length);
  }

  all(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}

/** For messages: the beginning of it, readable. */
export function quote(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 160));
}
