// The elements of a glob: stars, and sets of bytes. Splits a glob exactly as globMatches() does. Not for the hot path.
import { CLASS_OPEN, ESCAPE, globClassEnd, globMatches, STAR } from './glob.js';

/** STAR, or for each of the 256 bytes whether the element matches it. */
export type GlobElement = typeof STAR | ByteSet;

export interface ByteSet {
  readonly has: Uint8Array;
  /** The only byte of the set; undefined: it has several, or none. */
  readonly only: number | undefined;
}

export function globElements(glob: Uint8Array): GlobElement[] {
  const elements: GlobElement[] = [];
  for (let at = 0; at < glob.length; ) {
    const end = elementEnd(glob, at);
    elements.push(glob[at] === STAR ? STAR : setOf(glob.subarray(at, end)));
    at = end;
  }
  return elements;
}

function elementEnd(glob: Uint8Array, at: number): number {
  if (glob[at] === CLASS_OPEN) return globClassEnd(glob, at + 1);
  return glob[at] === ESCAPE && at + 1 < glob.length ? at + 2 : at + 1;
}

/** By the text of the element; most are single bytes. Few classes are ever written, so it stays small. */
const sets = new Map<string, ByteSet>();
const MOST_SETS = 1000;

function setOf(element: Uint8Array): ByteSet {
  const text = Buffer.from(element).toString('latin1');
  let set = sets.get(text);
  if (set !== undefined) return set;
  const has = Uint8Array.from({ length: 256 }, (_, byte) =>
    Number(globMatches(element, Uint8Array.of(byte), 0, 1)),
  );
  const first = has.indexOf(1);
  set = { has, only: first >= 0 && has.indexOf(1, first + 1) < 0 ? first : undefined };
  if (sets.size < MOST_SETS) sets.set(text, set);
  return set;
}
