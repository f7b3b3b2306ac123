// Random pipelines through a session, cut and interleaved at random, against the same pipeline without Spillway on a
// server that refuses with OOM what Spillway sheds: the client must not be able to tell the two apart.
import fc from 'fast-check';
import t from 'tap';
import { direct, randomWay, run } from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';
import { args, full, pipeline, read, rightsAreEqual, server, write } from '../random-pipelines.js';

/** Of the runs, in this tier. */
const PART = FULL ? 1 : 1 / 4;

t.test(
  'the client cannot tell Spillway from a Redis that is full for some keys',
  { timeout: 60_000 },
  async () => {
    fc.assert(
      fc.property(
        pipeline,
        server.filter(rightsAreEqual),
        fc.integer(),
        fc.constantFrom(2, 1_000_000),
        fc.boolean(),
        fc.boolean(),
        (commands, options, seed, pendingRuns, telling, pausing) => {
          const client = commands.join('');
          const scenario = {
            client,
            server: options,
            shedding: true,
            unfinished: true,
            pendingRuns,
            telling,
            pausing,
          };
          const outcome = run(scenario, randomWay(seed));
          // From where its bytes pass unread, nothing is shed any more.
          const expected = direct({ client, server: { ...options, full: outcome.raw ? () => false : full } });
          if (!outcome.raw && outcome.replies !== expected) {
            throw new Error(`seen ${JSON.stringify(outcome.replies)}\nnot  ${JSON.stringify(expected)}`);
          }
          return true;
        },
      ),
      { numRuns: 6000 * PART },
    );
  },
);

t.test(
  'without sheds, whatever happens, the client sees what it would see directly',
  { timeout: 60_000 },
  async () => {
    fc.assert(
      fc.property(
        pipeline,
        server,
        fc.integer(),
        fc.boolean(),
        fc.boolean(),
        (commands, options, seed, telling, pausing) => {
          const scenario = { client: commands.join(''), server: options, unfinished: true, telling, pausing };
          const outcome = run(scenario, randomWay(seed));
          const expected = direct(scenario, outcome.lostLogins);
          if (outcome.replies !== expected) {
            throw new Error(`seen ${JSON.stringify(outcome.replies)}\nnot  ${JSON.stringify(expected)}`);
          }
          return true;
        },
      ),
      { numRuns: 4000 * PART },
    );
  },
);

t.test('every key that a rule gives a TTL has one in the end', { timeout: 60_000 }, async () => {
  const plain = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: write },
      { weight: 2, arbitrary: read },
      {
        weight: 1,
        arbitrary: fc.oneof(args('MULTI'), args('EXEC'), args('EXEC'), args('DISCARD'), args('HELLO', '3')),
      },
    ),
    { minLength: 1, maxLength: 25 },
  );
  fc.assert(
    fc.property(
      plain,
      fc.integer(),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (commands, seed, watchFails, before7, pausing) => {
        const client = commands.join('');
        const outcome = run(
          { client, server: { watchFails, before7 }, unfinished: true, pausing },
          randomWay(seed),
        );
        if (outcome.raw) return true;
        const missing = Object.keys(outcome.values).filter(
          (name) => name.startsWith('ttl:') && outcome.ttls[name] === undefined,
        );
        if (missing.length > 0) throw new Error(`${missing} without a TTL`);
        return Object.entries(outcome.ttls).every(([name, ttl]) => !name.startsWith('max:') || ttl <= 10_000);
      },
    ),
    { numRuns: 3000 * PART },
  );
});
