// The search for several runs at once, against one run after the other.
import fc from 'fast-check';
import t from 'tap';
import { RunsFilter } from '../../../src/core/policy/runs-filter.js';

const bytes = (most: number) =>
  fc
    .array(fc.constantFrom(0x61, 0x62, 0x3a, 0xff), { minLength: 1, maxLength: most })
    .map((all) => Buffer.from(all));

t.test(
  'the filter excludes no key that contains a run, and every key without the beginning of one',
  async (t) => {
    let excluded = 0;
    fc.assert(
      fc.property(fc.array(bytes(5), { minLength: 1, maxLength: 4 }), bytes(30), (runs, key) => {
        const framed = Buffer.concat([...runs, key, ...runs]);
        const start = framed.length - Buffer.concat(runs).length - key.length;
        const width = Math.min(...runs.map(({ length }) => length));
        const stands = runs.some((run) => key.includes(run.subarray(0, width)));
        const excludes = new RunsFilter(runs).excludes(framed, start, start + key.length);
        if (excludes === stands) throw new Error(`${key.toString('latin1')} of ${runs.join()}`);
        if (excludes) excluded++;
      }),
      { numRuns: 5000 },
    );
    t.ok(excluded > 500, `${excluded} excluded`);
  },
);
