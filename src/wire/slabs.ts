// Memory for bytes that wait to be sent. A batch takes a slab; the slab returns to this pool once the kernel has taken its
// bytes. So in a steady state no memory is allocated per read or write, whatever the size of values.
//
//   take() ─▶ a batch fills it ─▶ sending() for each write from it ─▶ sent() ─▶ give(): back to the pool
//
// Owns the unused slabs, and the sums. Never looks into bytes.
// Invariants: a slab belongs to one batch or to the pool; it returns when its batch has left it and the kernel has taken
// each write from it. A failed socket's slab is left to the garbage collector, since libuv may still refer to its memory.
import { invariant } from '../core/resp/invariant.js';

/** How much a socket reads at once at most. */
export const READ_BYTES = 256 * 1024;
/** Room beside a value, for what Spillway adds to it and for small commands around it. */
const BESIDE = 16 * 1024;
/** For small commands, for values as caches hold them, and for a whole read. */
const SIZES = [BESIDE, 64 * 1024 + BESIDE, READ_BYTES + BESIDE] as const;
export const LARGEST_SLAB = SIZES[SIZES.length - 1];
/** So much of each size stays in the pool; what returns beyond that is freed. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** While more is lent, slow readers hold it: slabs are cut to what they are for, and reads are shorter. */
const TIGHT_BYTES = 64 * 1024 * 1024;
const POISON = 0xdb;

export class Slab {
  /** Writes from it that the kernel has not taken. */
  private underWay = 0;
  private failed = false;
  /** The batch that fills it. */
  private holder: SlabHolder | undefined;

  constructor(
    readonly bytes: Buffer,
    private readonly pool: SlabPool,
  ) {}

  get isSent(): boolean {
    return this.underWay === 0;
  }

  lend(holder: SlabHolder): this {
    invariant(this.holder === undefined && this.underWay === 0, 'a slab is lent to one batch at a time');
    this.holder = holder;
    return this;
  }

  /** A write from it begins. sent() ends it, once. */
  sending(): void {
    this.underWay++;
  }

  /** For the callback of that write. */
  readonly sent = (error?: Error | null): void => {
    this.underWay--;
    invariant(this.underWay >= 0, 'each write from a slab ends once');
    if (error) this.failed = true;
    if (this.underWay > 0) return;
    if (this.holder === undefined) this.pool.give(this, this.failed);
    else this.holder.slabSent();
  };

  /** Its batch does not use it any more. */
  leave(): void {
    this.holder = undefined;
    if (this.underWay === 0) this.pool.give(this, this.failed);
  }
}

export interface SlabHolder {
  /** All that was sent from its slab is taken. */
  slabSent(): void;
}

export class SlabPool {
  private readonly spare: Slab[][] = SIZES.map(() => []);
  /** Of slabs that are with a batch, or on their way. */
  lentBytes = 0;
  /** Of slabs that wait here. */
  pooledBytes = 0;

  /** @param poison fills what returns, so that tests see a use after that @param tightBytes as TIGHT_BYTES */
  constructor(
    private readonly poison = process.env.NODE_ENV === 'test',
    private readonly tightBytes = TIGHT_BYTES,
  ) {}

  /** Slow readers hold much: sockets are to read less at once. */
  get isTight(): boolean {
    return this.lentBytes > this.tightBytes;
  }

  /** A slab with room for `length` bytes, LARGEST_SLAB at most. */
  take(length: number, holder: SlabHolder): Slab {
    const slab = this.spareFor(length) ?? new Slab(Buffer.allocUnsafeSlow(this.sizeFor(length)), this);
    this.lentBytes += slab.bytes.length;
    return slab.lend(holder);
  }

  /** Only of a slab itself. */
  give(slab: Slab, failed: boolean): void {
    const { length } = slab.bytes;
    this.lentBytes -= length;
    if (failed) return;
    if (this.poison) slab.bytes.fill(POISON);
    const spare = this.spare[sizeOf(length)];
    if (length !== SIZES[sizeOf(length)] || (spare.length + 1) * length > KEPT_BYTES) return;
    spare.push(slab);
    this.pooledBytes += length;
  }

  private spareFor(length: number): Slab | undefined {
    const slab = this.spare[sizeOf(length)].pop();
    if (slab !== undefined) this.pooledBytes -= slab.bytes.length;
    return slab;
  }

  private sizeFor(length: number): number {
    const size = SIZES[sizeOf(length)];
    return this.isTight ? Math.min(Math.max(length, SIZES[0]), size) : size;
  }
}

/** The index in SIZES of the smallest that has room. */
function sizeOf(length: number): number {
  return length <= SIZES[0] ? 0 : length <= SIZES[1] ? 1 : 2;
}

/** Of this process. */
export const slabs = new SlabPool();
