// Random pipelines of several clients that share upstream connections, cut and interleaved at random: each client sees
// what it would see alone on a connection of its own. Their keys are different ones; all else they could mix up: what
// is read tells the database, the user, the name and the protocol of the connection that it was executed on.
import fc from 'fast-check';
import t from 'tap';
import { runPooled } from '../../support/pool-lab.js';
import { cmd, direct, randomWay } from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';
import { args, carried, full, pipeline, read, rightsAreEqual, server, write } from '../random-pipelines.js';

const CLIENTS = 3;
const RUNS = FULL ? 4000 : 1000;

/** The same commands on keys of its own, byte for byte as long. */
function asOf(client: number, text: string): string {
  const letter = (name: string) => String.fromCharCode(name.charCodeAt(0) + client);
  return text
    .replace(
      /\b(ttl|str|max|queue|low|watch):([abn])\b/g,
      (_, prefix, name) => `${prefix}:${letter(name === 'n' ? 'x' : name === 'a' ? 'g' : 'm')}`,
    )
    .replace(/\bother\b/g, `othe${letter('r')}`);
}

/** While it is told of messages, and right behind. */
const listening = fc
  .array(fc.oneof(args('PING'), args('SUBSCRIBE', 'd'), args('PSUBSCRIBE', 'c*'), args('UNSUBSCRIBE', 'd')), {
    minLength: 1,
    maxLength: 6,
  })
  .chain((inside) => write.map((last) => [...inside, cmd('PUNSUBSCRIBE'), cmd('UNSUBSCRIBE'), last]))
  .map((commands) => [cmd('SUBSCRIBE', 'c'), ...commands].join(''));
/** Of the connection itself. */
const telling = fc.oneof(args('ACL', 'WHOAMI'), args('CLIENT', 'GETNAME'), args('HGETALL', 'ttl:a'));
const busy = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: write },
    { weight: 4, arbitrary: read.filter((text) => !text.includes('NOSUCH')) },
    { weight: 4, arbitrary: carried },
    { weight: 2, arbitrary: telling },
    { weight: 2, arbitrary: listening },
  ),
  { minLength: 1, maxLength: 25 },
);

/** Replies large and small, and nothing else that a client would get a connection of its own for. */
const reading = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(300_000, 100_000).map((end) => cmd('GETRANGE', 'k', 0, end)) },
    { weight: 3, arbitrary: read.filter((text) => !text.includes('NOSUCH')) },
    { weight: 3, arbitrary: write },
    { weight: 1, arbitrary: fc.constant('PING\r\n'.repeat(70)) },
  ),
  { minLength: 1, maxLength: 25 },
);

t.test('clients whose replies are large, too', { timeout: 120_000 }, async (t) => {
  let own = 0;
  fc.assert(
    fc.property(fc.array(reading, { minLength: 2, maxLength: CLIENTS }), fc.integer(), (pipelines, seed) => {
      const scenarios = pipelines.map((commands, i) => ({ client: asOf(i, commands.join('')) }));
      // Commands come a few at a time: those of one piece are asked before the first reply tells anything.
      const way = { ...randomWay(seed, 100_000), clientPiece: randomWay(seed, 200).clientPiece };
      const outcome = runPooled(scenarios, way);
      own += outcome.own;
      for (const [i, scenario] of scenarios.entries()) {
        if (outcome.clients[i] !== direct(scenario)) throw new Error(`client ${i} sees something else`);
      }
    }),
    { numRuns: RUNS / 8 },
  );
  t.ok(own > RUNS / 80, `${own} connections of their own`);
});

t.test('clients that share see what each would see alone', { timeout: 120_000 }, async (t) => {
  let own = 0;
  let shared = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof(busy, busy, pipeline), { minLength: 2, maxLength: CLIENTS }),
      server.filter(rightsAreEqual),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      fc.integer(),
      (pipelines, options, shedding, messages, pausing, seed) => {
        const scenarios = pipelines.map((commands, i) => ({
          ...{ client: asOf(i, commands.join('')), server: options, shedding, telling: messages, pausing },
        }));
        const outcome = runPooled(scenarios, randomWay(seed));
        own += outcome.own;
        shared += outcome.shared;
        for (const [i, scenario] of scenarios.entries()) {
          const expected = direct({ ...scenario, server: { ...options, ...(shedding ? { full } : {}) } });
          const seen = outcome.clients[i];
          if (seen !== expected && !outcome.raw[i]) {
            throw new Error(`client ${i} sees ${JSON.stringify(seen)}\nnot ${JSON.stringify(expected)}`);
          }
        }
        return true;
      },
    ),
    { numRuns: RUNS },
  );
  t.ok(own > RUNS / 4 && shared > RUNS / 4, `${own} connections of their own, ${shared} shared`);
});
