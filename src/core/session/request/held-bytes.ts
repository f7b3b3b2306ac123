// One client's held bytes: they wait for the rest of their command, or for the end of a stall. Their memory is borrowed.
// Invariants: the bytes are bytes[0, length), in the order of append(); without bytes it holds no memory, so an idle client
// holds none.
import { NOTHING } from '../../resp/bytes.js';

/** Borrowed memory. */
export interface Loan {
  readonly bytes: Uint8Array;
  /** Returns the memory: others write into it from now on. Call it once. */
  end(): void;
}

export interface Lender {
  /** Much is lent already: borrow more only if necessary. */
  readonly isShort: boolean;
  /** Memory for at least `least` bytes, if possible for `wanted`. Its content is undefined. */
  lend(least: number, wanted: number): Loan;
}

const NEW_MEMORY: Lender = {
  isShort: false,
  lend: (_, length) => ({ bytes: Buffer.allocUnsafe(length), end() {} }),
};

/** Room for bytes still to come: at most this, or a quarter of those that came, if that is more. */
const SPARE_BYTES = 64 * 1024;

export class HeldBytes {
  bytes: Uint8Array = NOTHING;
  length = 0;
  private loan: Loan | undefined;
  private inUse = false;
  private isClosed = false;

  constructor(private readonly lender = NEW_MEMORY) {}

  /**
   * After close() it keeps nothing.
   * @param lacking how many more bytes will come, at least; left out if unknown
   */
  append(buf: Uint8Array, from: number, to: number, lacking = Number.POSITIVE_INFINITY): void {
    if (this.isClosed) return;
    const length = this.length + to - from;
    if (length > this.bytes.length) this.grow(length, roomBeside(length, lacking));
    this.bytes.set(buf.subarray(from, to), this.length);
    this.length = length;
  }

  /** The first `count` bytes are settled. */
  drop(count: number): void {
    if (count === 0 || this.isClosed) return;
    this.bytes = this.bytes.subarray(count);
    this.length -= count;
  }

  /** All bytes are settled. */
  clear(): void {
    const { loan } = this;
    this.bytes = NOTHING;
    this.length = 0;
    this.loan = undefined;
    loan?.end();
  }

  /** Hands all bytes to `use`, which may hold some of them, or others, again. */
  handOver(use: (bytes: Uint8Array) => void): void {
    const { loan } = this;
    const bytes = this.bytes.subarray(0, this.length);
    this.loan = undefined;
    this.clear();
    try {
      if (bytes.length > 0) use(bytes);
    } finally {
      loan?.end();
    }
  }

  /** What `use` makes of the bytes; it must not append to them. */
  use<T>(use: (bytes: Uint8Array, length: number) => T): T {
    this.inUse = true;
    try {
      return use(this.bytes, this.length);
    } finally {
      this.inUse = false;
      if (this.isClosed) this.clear();
    }
  }

  get isOver(): boolean {
    return this.isClosed;
  }

  /** Their client is gone: returns their memory, once use() is over. */
  close(): void {
    this.isClosed = true;
    if (!this.inUse) this.clear();
  }

  private grow(length: number, spare: number): void {
    const { loan } = this;
    this.loan = this.lender.lend(length, length + spare);
    this.loan.bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = this.loan.bytes;
    loan?.end();
  }
}

/** The free room that is taken beyond `length` bytes: at least an eighth, so that not every piece moves all earlier ones. */
function roomBeside(length: number, lacking: number): number {
  return Math.max(length >> 3, Math.min(lacking, length, Math.max(SPARE_BYTES, length >> 2)));
}
