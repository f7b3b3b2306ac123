// What the helpers of the tests ask of a test, for scripts: a place for what must end, and a line for a person.
import type { TestScope } from '../../test/support/redis.js';

/** Runs `work`, then ends what it started, the last first; also when it fails. */
export async function inScope<T>(work: (scope: TestScope) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = [];
  const scope: TestScope = {
    comment: (line) => console.error(line),
    teardown: (end: () => unknown) => void ends.push(end),
  };
  try {
    return await work(scope);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
