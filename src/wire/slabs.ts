// Memory for bytes that wait: to be sent, or for the rest of their command. A batch takes a slab, which returns to this pool
// once the kernel has taken its bytes; a loan returns when its borrower ends it. So in a steady state no memory is allocated
// per read or write, whatever the size of values.
//
//   take() ─▶ a batch fills it ─▶ sending() for each write from it ─▶ sent() ─▶ give(): back to the pool
//
// Owns the unused slabs, and the sums. Never looks into bytes.
// Invariants: a slab belongs to one borrower or to the pool; a batch's slab returns when the batch has left it and the kernel
// has taken each write from it. A failed socket's slab is left to the garbage collector, since libuv may still refer to its
// memory.
import { invariant } from '../core/resp/invariant.js';
import type { Lender, Loan } from '../core/session/request/held-bytes.js';

/** The most that a socket reads at once. */
export const READ_BYTES = 256 * 1024;
/** Room next to a value, for what Spillway adds to it and for small commands around it. */
const BESIDE = 16 * 1024;
/** Sizes for small commands, for typical values of caches, and for a whole read. */
const SIZES = [BESIDE, 64 * 1024 + BESIDE, READ_BYTES + BESIDE] as const;
export const LARGEST_SLAB = SIZES[SIZES.length - 1];
/** The most bytes of each size that stay in the pool. What was not needed lately is freed, too. */
const POOLED_BYTES = 8 * 1024 * 1024;
/** Smaller pieces are allocated: one slab for each client that has sent half a command would be too much. */
const SMALL_BYTES = 2048;
const NOTHING_TO_DO = (): void => {};
/** Above this, slow readers hold the memory: slabs are then no larger than their purpose, and reads are shorter. */
const TIGHT_BYTES = 64 * 1024 * 1024;
/** Above this, clients with cut commands get connections of their own. */
const SHORT_BYTES = 16 * 1024 * 1024;
const POISON = 0xdb;

interface LentBuffer extends Loan {
  readonly bytes: Buffer;
}

export class Slab implements LentBuffer {
  /** Writes from it that the kernel has not taken. */
  private underWay = 0;
  private failed = false;
  /** The batch that fills it; undefined: no batch does, or it holds bytes that wait. */
  private holder: SlabHolder | undefined;
  /** It holds bytes that wait: nothing is sent from it. */
  private keeps = false;

  constructor(
    readonly bytes: Buffer,
    private readonly pool: SlabPool,
  ) {}

  get isFree(): boolean {
    return this.holder === undefined && !this.keeps && this.underWay === 0;
  }

  get isSent(): boolean {
    return this.underWay === 0;
  }

  lend(holder: SlabHolder | undefined): this {
    invariant(this.isFree, 'a slab is lent to one borrower at a time');
    this.holder = holder;
    this.keeps = holder === undefined;
    return this;
  }

  /** A write from it begins. sent() ends that write, once. */
  sending(): void {
    this.underWay++;
  }

  /** For the callback of that write. */
  readonly sent = (error?: Error | null): void => {
    this.underWay--;
    invariant(this.underWay >= 0, 'each write from a slab ends once');
    if (error) this.failed = true;
    if (this.underWay > 0) return;
    if (this.holder === undefined) this.pool.give(this, 0, this.failed);
    else this.holder.slabSent();
  };

  /** Its borrower no longer uses it. */
  end(): void {
    const kept = this.keeps ? this.bytes.length : 0;
    this.holder = undefined;
    this.keeps = false;
    if (this.underWay === 0) this.pool.give(this, kept, this.failed);
  }
}

export interface SlabHolder {
  /** The kernel has taken everything that was sent from its slab. */
  slabSent(): void;
}

export class SlabPool implements Lender {
  private readonly spare: Slab[][] = SIZES.map(() => []);
  /** By size: how many were not needed at any time since trim(). */
  private readonly unneeded = SIZES.map(() => 0);
  /** Bytes of slabs that are with a batch, or being sent. */
  lentBytes = 0;
  /** Bytes of slabs from which nothing is sent: cut commands, and bytes that wait for their turn. */
  private keptBytes = 0;
  /** Bytes of slabs in the pool. */
  pooledBytes = 0;

  /** @param poison fills what returns, so that tests see a use after that @param tightBytes as TIGHT_BYTES */
  constructor(
    private readonly poison = process.env.NODE_ENV === 'test',
    private readonly tightBytes = TIGHT_BYTES,
  ) {}

  /** Slow readers hold much memory: sockets should read less at once. */
  get isTight(): boolean {
    return this.lentBytes > this.tightBytes;
  }

  /** Cut commands and other waiting bytes hold much memory. */
  get isShort(): boolean {
    return this.keptBytes > SHORT_BYTES;
  }

  /** A slab with room for `length` bytes, LARGEST_SLAB at most. */
  take(length: number, holder: SlabHolder | undefined): Slab {
    const slab = this.spareFor(length) ?? new Slab(Buffer.allocUnsafeSlow(this.sizeFor(length)), this);
    this.lentBytes += slab.bytes.length;
    return slab.lend(holder);
  }

  /** Memory for bytes that wait instead of being sent; `least` may be above LARGEST_SLAB. */
  lend(least: number, wanted = least): LentBuffer {
    if (wanted <= SMALL_BYTES) return { bytes: Buffer.allocUnsafe(SMALL_BYTES), end: NOTHING_TO_DO };
    const length = wanted <= LARGEST_SLAB ? wanted : least <= LARGEST_SLAB ? LARGEST_SLAB : wanted;
    const slab = this.take(length, undefined);
    this.keptBytes += slab.bytes.length;
    return slab;
  }

  /** Memory that begins with `bytes`. */
  copyOf(bytes: Uint8Array): LentBuffer {
    const slab = this.lend(bytes.length);
    slab.bytes.set(bytes);
    return slab;
  }

  /** Only for a slab itself. */
  give(slab: Slab, kept: number, failed: boolean): void {
    const { length } = slab.bytes;
    this.lentBytes -= length;
    this.keptBytes -= kept;
    if (failed) return;
    if (this.poison) slab.bytes.fill(POISON);
    const spare = this.spare[sizeOf(length)];
    if (length !== SIZES[sizeOf(length)] || (spare.length + 1) * length > POOLED_BYTES) return;
    spare.push(slab);
    this.pooledBytes += length;
  }

  /** Must be called now and then: frees half of what was not needed since the last call. */
  trim(): void {
    for (const [i, spare] of this.spare.entries()) {
      const freed = spare.splice(0, Math.ceil(this.unneeded[i] / 2));
      this.pooledBytes -= freed.length * SIZES[i];
      this.unneeded[i] = spare.length;
    }
  }

  private spareFor(length: number): Slab | undefined {
    if (length > LARGEST_SLAB) return undefined;
    const size = sizeOf(length);
    const slab = this.spare[size].pop();
    if (slab === undefined) return undefined;
    this.pooledBytes -= slab.bytes.length;
    if (this.spare[size].length < this.unneeded[size]) this.unneeded[size] = this.spare[size].length;
    return slab;
  }

  private sizeFor(length: number): number {
    const size = Math.max(length, SIZES[sizeOf(length)]);
    return this.isTight ? Math.min(Math.max(length, SIZES[0]), size) : size;
  }
}

/** The index in SIZES of the smallest size that has room. */
function sizeOf(length: number): number {
  return length <= SIZES[0] ? 0 : length <= SIZES[1] ? 1 : 2;
}

/** The pool of this process. */
export const slabs = new SlabPool();
