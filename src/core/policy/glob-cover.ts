// Whether every key that one glob matches is matched by another one too. Compares the globs' elements, not all keys, so
// it may miss a case (`[ab]*` and `a*` together), but a yes is always right. Not for the hot path.
import { STAR } from './glob.js';
import { type ByteSet, type GlobElement, globElements } from './glob-elements.js';

/** Whether `wide` matches every key that `narrow` matches, as far as their elements show. */
export function globCovers(wide: Uint8Array, narrow: Uint8Array): boolean {
  return elementsCover(globElements(wide), globElements(narrow));
}

/** The same for globs whose elements are known. */
export function elementsCover(wide: readonly GlobElement[], narrow: readonly GlobElement[]): boolean {
  let w = 0;
  let n = 0;
  let starAt = -1;
  let retryFrom = 0;
  while (n < narrow.length) {
    if (w < wide.length && wide[w] === STAR) {
      starAt = ++w;
      retryFrom = n;
    } else if (w < wide.length && elementCovers(wide[w] as ByteSet, narrow[n])) {
      w++;
      n++;
    } else if (starAt >= 0) {
      w = starAt;
      n = ++retryFrom;
    } else {
      return false;
    }
  }
  while (w < wide.length && wide[w] === STAR) w++;
  return w === wide.length;
}

function elementCovers(wide: ByteSet, narrow: GlobElement): boolean {
  if (narrow === STAR) return false;
  if (narrow.only !== undefined) return wide.has[narrow.only] === 1;
  return narrow.has.every((has, byte) => has === 0 || wide.has[byte] === 1);
}
