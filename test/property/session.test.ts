// Random pipelines through a session, cut and interleaved at random, against the same pipeline without Spillway on a
// server that refuses with OOM what Spillway sheds: the client must not be able to tell the two apart.
import fc from 'fast-check';
import t from 'tap';
import { cmd, direct, randomWay, run, type ServerOptions } from '../support/session-lab.js';

const key = fc.constantFrom(
  'ttl:a',
  'ttl:b',
  'str:a',
  'str:b',
  'max:a',
  'other',
  'queue:a',
  'low:a',
  'low:b',
  'watch:a',
);
const value = fc.constantFrom('', 'v', 'two words', 'x'.repeat(300), '*1\r\n$4\r\nPING\r\n');
const args = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((words) => cmd(...words));
const option = fc.constantFrom(['EX', '9'], ['PX', '99999'], ['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['BOGUS']);

const write = fc.oneof(
  args('SET', key, value),
  fc
    .tuple(key, value, fc.array(option, { maxLength: 1 }))
    .map(([k, v, options]) => cmd('set', k, v, ...options.flat())),
  args('SETNX', key, value),
  args('SETEX', key, '77', value),
  args('GETSET', key, value),
  args('MSET', key, value, key, value),
  args('INCR', 'ttl:n'),
  args('HSET', key, 'f', value),
  args('GETEX', key, 'PX', '99999'),
  args('LMOVE', 'low:a', 'low:b', 'LEFT', 'RIGHT'),
  key.map((k) => `SET ${k} inline\r\n`),
);
const read = fc.oneof(
  args('GET', key),
  args('ECHO', value),
  args('DEL', key),
  fc.constant('PING\r\n'),
  args('NOSUCH'),
);
const state = fc.oneof(
  args('MULTI'),
  args('EXEC'),
  args('EXEC'),
  args('DISCARD'),
  args('CLIENT', 'REPLY', fc.constantFrom('ON', 'OFF', 'SKIP')),
  args('CLIENT', 'CACHING', 'YES'),
  args('ASKING'),
  args('HELLO', fc.constantFrom('2', '3', '4')),
  args('AUTH', fc.constantFrom('secret', 'wrong')),
  args('AUTH', 'admin', 'secret'),
  args('RESET'),
  args(fc.constantFrom('SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE'), fc.constantFrom('c', 'd')),
  args(fc.constantFrom('UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE')),
  fc.constantFrom('\r\n', '*0\r\n', '*-1\r\n', cmd('SET', 'low:a'), cmd('SETNX', 'str:a')),
);
const pipeline = fc.array(
  fc.oneof({ weight: 6, arbitrary: write }, { weight: 3, arbitrary: read }, { weight: 2, arbitrary: state }),
  { minLength: 1, maxLength: 25 },
);
const server: fc.Arbitrary<ServerOptions> = fc.record({
  password: fc.boolean(),
  denied: fc.constantFrom([], [], [], ['pexpire'], ['multi'], ['setnx'], ['subscribe']),
  watchFails: fc.boolean(),
});
/** Rights to a single write are not known to Spillway: it says OOM where Redis would say NOPERM first. */
const rightsAreEqual = ({ denied }: ServerOptions): boolean => denied?.includes('setnx') !== true;
const full = (name: string): boolean => name.startsWith('low:');

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
        (commands, options, seed, runs) => {
          const client = commands.join('');
          const scenario = { client, server: options, shedding: true, pendingRuns: runs, unfinished: true };
          const outcome = run(scenario, randomWay(seed));
          // From where its bytes pass unread, nothing is shed any more.
          const expected = direct({ client, server: { ...options, full: outcome.raw ? () => false : full } });
          if (!outcome.raw && outcome.client !== expected) {
            throw new Error(`seen ${JSON.stringify(outcome.client)}\nnot  ${JSON.stringify(expected)}`);
          }
          return true;
        },
      ),
      { numRuns: 6000 },
    );
  },
);

t.test(
  'without sheds, whatever happens, the client sees what it would see directly',
  { timeout: 60_000 },
  async () => {
    fc.assert(
      fc.property(pipeline, server, fc.integer(), (commands, options, seed) => {
        const scenario = { client: commands.join(''), server: options, unfinished: true };
        const outcome = run(scenario, randomWay(seed));
        const expected = direct(scenario);
        if (outcome.client !== expected) {
          throw new Error(`seen ${JSON.stringify(outcome.client)}\nnot  ${JSON.stringify(expected)}`);
        }
        return true;
      }),
      { numRuns: 4000 },
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
    fc.property(plain, fc.integer(), fc.boolean(), (commands, seed, watchFails) => {
      const client = commands.join('');
      const outcome = run({ client, server: { watchFails }, unfinished: true }, randomWay(seed));
      if (outcome.raw) return true;
      const missing = Object.keys(outcome.values).filter(
        (name) => name.startsWith('ttl:') && outcome.ttls[name] === undefined,
      );
      if (missing.length > 0) throw new Error(`${missing} without a TTL`);
      return Object.entries(outcome.ttls).every(([name, ttl]) => !name.startsWith('max:') || ttl <= 10_000);
    }),
    { numRuns: 3000 },
  );
});
