// Says where two transcripts part. Long ones would drown a report: only the place where they part is shown.
import type { Test } from 'tap';

const BEFORE = 60;
const AFTER = 200;

export interface Parting {
  readonly seen: string;
  readonly expected: string;
  readonly where: string;
}

/** Undefined when both are the same. */
export function parting(seen: string, expected: string): Parting | undefined {
  if (seen === expected) return undefined;
  let at = 0;
  while (seen[at] === expected[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - BEFORE), at + AFTER);
  return {
    seen: around(seen),
    expected: around(expected),
    where: `${seen.length} and ${expected.length} characters, apart at ${at}`,
  };
}

/** One assertion; returns whether they are the same. */
export function assertSame(t: Test, seen: string, expected: string, name: string): boolean {
  const apart = parting(seen, expected);
  if (apart === undefined) t.pass(name);
  else t.equal(apart.seen, apart.expected, `${name}: ${apart.where}`);
  return apart === undefined;
}
