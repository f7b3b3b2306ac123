// Values for the writers, encoded once: bulk strings of mixed or of one size.
import { createRandom } from '../../src/cli/demo/random.js';

const POOL = 512;
const SMALLEST = 100;
const LARGEST = 8192;

/** "mixed" (100 bytes to 8 KB, most of them small, median 900 bytes) or a number of bytes. */
export type ValueSize = 'mixed' | number;

/** @throws Error naming the flag and the bad part. */
export function parseSizes(text: string): ValueSize[] {
  return text.split(',').map((part) => {
    if (part === 'mixed') return part;
    const bytes = Number(part);
    if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= 16 << 20) return bytes;
    throw new Error(`--sizes ${text}: "${part}" is neither "mixed" nor a number of bytes up to 16 MB`);
  });
}

/** Encoded as `$<length>\r\n<bytes>\r\n`. */
export function encodeValues(size: ValueSize): Buffer[] {
  const random = createRandom(1);
  const count = size === 'mixed' ? POOL : 8;
  return Array.from({ length: count }, () => {
    const length = size === 'mixed' ? Math.round(SMALLEST * (LARGEST / SMALLEST) ** random()) : size;
    return Buffer.concat([Buffer.from(`$${length}\r\n`), Buffer.alloc(length, 'v'), Buffer.from('\r\n')]);
  });
}

/** Mean size of encoded values. */
export function meanBytes(values: readonly Buffer[]): number {
  return values.reduce((sum, value) => sum + value.length, 0) / values.length;
}
