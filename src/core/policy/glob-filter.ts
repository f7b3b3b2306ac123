// Says in a few nanoseconds of most keys that a glob which begins with a star does not match them: by a literal byte at a
// fixed distance from the key's end, and by a literal run that the key must contain (found by the Boyer–Moore–Horspool
// algorithm). Never allocates after its construction.
// Invariant: it excludes no key that the glob matches.
import { STAR } from './glob.js';
import { type GlobElement, globElements } from './glob-elements.js';

/** A shorter run is not worth a search. */
const LEAST_RUN = 3;
/** Longer runs are cut, so that a step fits in a byte. */
const LONGEST_RUN = 64;
const NOTHING = new Uint8Array(0);

export class GlobFilter {
  /** How far a window may move, by its last byte; only with a run. */
  private readonly steps: Uint8Array;

  private constructor(
    /** No shorter key matches. */
    private readonly least: number,
    /** The byte at this distance from the end; 0: there is none. */
    private readonly fromEnd: number,
    private readonly byte: number,
    /** A run that every matching key contains; empty: none is worth a search. */
    readonly run: Uint8Array,
  ) {
    const last = run.length - 1;
    this.steps = run.length === 0 ? NOTHING : new Uint8Array(256).fill(run.length);
    for (let i = 0; i < last; i++) this.steps[run[i]] = last - i;
  }

  /** undefined: the glob does not begin with a star, or nothing excludes a key quickly. */
  static of(glob: Uint8Array): GlobFilter | undefined {
    if (glob[0] !== STAR) return undefined;
    const elements = globElements(glob);
    const least = elements.filter((element) => element !== STAR).length;
    const fromEnd = literalFromEnd(elements);
    const literal = elements[elements.length - fromEnd];
    const byte = literal === undefined || literal === STAR ? 0 : (literal.only ?? 0);
    const longest = longestRun(elements);
    const run = longest.length < LEAST_RUN ? NOTHING : longest;
    return fromEnd === 0 && run === NOTHING ? undefined : new GlobFilter(least, fromEnd, byte, run);
  }

  /** true: the glob does not match buf[start, end). */
  excludes(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start < this.least) return true;
    if (this.fromEnd > 0 && buf[end - this.fromEnd] !== this.byte) return true;
    return this.run.length > 0 && !this.containsRun(buf, start, end);
  }

  private containsRun(buf: Uint8Array, start: number, end: number): boolean {
    const { run, steps } = this;
    const last = run.length - 1;
    for (let at = start + last; at < end; at += steps[buf[at]]) {
      let i = last;
      while (i >= 0 && buf[at - last + i] === run[i]) i--;
      if (i < 0) return true;
    }
    return false;
  }
}

/** The position of the first literal byte after the last star, counted from the end; 0: there is none. */
function literalFromEnd(elements: readonly GlobElement[]): number {
  const tail = elements.slice(elements.lastIndexOf(STAR) + 1);
  const at = tail.findIndex((element) => element !== STAR && element.only !== undefined);
  return at < 0 ? 0 : tail.length - at;
}

function longestRun(elements: readonly GlobElement[]): Uint8Array {
  let longest: number[] = [];
  let run: number[] = [];
  for (const element of elements) {
    if (element !== STAR && element.only !== undefined) run.push(element.only);
    else run = [];
    if (run.length > longest.length) longest = [...run];
  }
  return Uint8Array.from(longest.slice(0, LONGEST_RUN));
}
