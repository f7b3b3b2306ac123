// The runs of literal bytes in a glob: every key that it matches contains each of them, and begins with a run at the front.
// Splits a glob into elements exactly as globMatches() does.
import { CLASS_OPEN, ESCAPE, globClassEnd, QUESTION, STAR } from './glob.js';

export interface LiteralRun {
  /** Escapes resolved; never empty. */
  readonly bytes: Uint8Array;
  /** The run is at the front: keys begin with it. */
  readonly isFirst: boolean;
  /** The rest of the glob after it. */
  readonly rest: Uint8Array;
}

export function literalRuns(glob: Uint8Array): LiteralRun[] {
  const runs: LiteralRun[] = [];
  let run: number[] = [];
  let from = 0;
  let at = 0;
  const endRun = (): void => {
    if (run.length > 0) {
      runs.push({ bytes: Uint8Array.from(run), isFirst: from === 0, rest: glob.subarray(at) });
    }
    run = [];
  };
  while (at < glob.length) {
    const byte = glob[at];
    if (byte === STAR || byte === QUESTION || byte === CLASS_OPEN) {
      endRun();
      at = byte === CLASS_OPEN ? globClassEnd(glob, at + 1) : at + 1;
      from = at;
      continue;
    }
    // A backslash at the end is a literal byte.
    if (byte === ESCAPE && at + 1 < glob.length) at++;
    run.push(glob[at]);
    at++;
  }
  endRun();
  return runs;
}
