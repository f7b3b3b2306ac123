// Random pipelines with questions to Spillway in between, cut and interleaved at random, answered at once or late:
// against the same pipeline without Spillway on a server that knows PROXY itself, and gives it to whoever may run INFO.
import fc from 'fast-check';
import t from 'tap';
import { runPooled } from '../../support/pool-lab.js';
import { cmd, direct, randomWay, run } from '../../support/session-lab.js';
import { args, full, pipeline, rightsAreEqual, server } from '../random-pipelines.js';

const question = fc.oneof(
  args('PROXY', fc.constantFrom('HELP', 'stats', '')),
  args('proxy', 'STATS', fc.constantFrom('a*', '\r\n', 'x'.repeat(300))),
  fc.constantFrom('PROXY INFO\r\n', cmd('Proxy')),
);
const asking = fc
  .tuple(pipeline, fc.array(fc.tuple(fc.nat(25), question), { minLength: 1, maxLength: 6 }))
  .map(([commands, questions]) => {
    const mixed = [...commands];
    for (const [at, text] of questions) mixed.splice(at, 0, text);
    return mixed;
  });
const servers = fc
  .tuple(server, fc.constantFrom([], [], ['info']))
  .map(([options, denied]) => ({ ...options, denied: [...(options.denied ?? []), ...denied] }));

t.test('every answer has its place, whatever stands before and behind', { timeout: 60_000 }, async () => {
  fc.assert(
    fc.property(asking, servers.filter(rightsAreEqual), fc.integer(), (commands, options, seed) => {
      const client = commands.join('');
      const outcome = run(
        { client, server: options, shedding: true, console: true, unfinished: true },
        randomWay(seed),
      );
      // From where its bytes pass unread, PROXY does as well.
      if (outcome.raw) return;
      const expected = direct({ client, server: { ...options, full, console: true } });
      if (outcome.client !== expected) {
        throw new Error(`seen ${JSON.stringify(outcome.client)}\nnot  ${JSON.stringify(expected)}`);
      }
      if (outcome.commands.some(([name]) => name.toLowerCase() === 'proxy')) throw new Error('it went up');
    }),
    { numRuns: 1500 },
  );
});

t.test('clients that share connections do not get each other’s', { timeout: 60_000 }, async () => {
  fc.assert(
    fc.property(
      fc.array(asking, { minLength: 2, maxLength: 3 }),
      servers.filter(rightsAreEqual),
      fc.integer(),
      (pipelines, options, seed) => {
        // Of what they write to the same keys each would see the others'.
        const reading = pipelines.map((commands) =>
          commands.filter((text) => !/ttl|str|max|low|queue|watch|other/.test(text)),
        );
        const outcome = runPooled(
          reading.map((commands) => ({ client: commands.join(''), server: options, console: true })),
          randomWay(seed),
        );
        for (const [i, commands] of reading.entries()) {
          if (outcome.raw[i]) continue;
          const expected = direct({ client: commands.join(''), server: { ...options, console: true } });
          if (outcome.clients[i] !== expected) {
            throw new Error(`seen ${JSON.stringify(outcome.clients[i])}\nnot  ${JSON.stringify(expected)}`);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
