// Random pipelines with questions to Spillway in between, cut and interleaved at random, answered at once or late:
// against the same pipeline without Spillway on a server that knows PROXY itself, and gives it to whoever may run INFO.
import fc from 'fast-check';
import t from 'tap';
import { runPooled } from '../../support/pool-lab.js';
import { cmd, consoleAnswer, direct, randomWay, run, SILENT_ANSWER } from '../../support/session-lab.js';
import { args, full, pipeline, rightsAreEqual, server } from '../random-pipelines.js';

const WORDS = ['HELP', 'stats', ''];
const GLOBS = ['a*', '\r\n', 'x'.repeat(300)];
const question = fc.oneof(
  args('PROXY', fc.constantFrom(...WORDS)),
  args('proxy', 'STATS', fc.constantFrom(...GLOBS)),
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

/** All that a client may get for a question. */
const ANSWERS = [
  ...[[], ['INFO'], ...WORDS.map((word) => [word]), ...GLOBS.map((glob) => ['STATS', glob])].flatMap(
    (words) => [2, 3].map((resp) => consoleAnswer(words, resp)),
  ),
  "-NOPERM this user has no permissions to run the 'info' command\r\n",
];
const REFUSED = /-ERR Can't execute 'info'[^\r]*\r\n/g;

/** With SILENT_ANSWER in place of each answer to a question. */
function unanswered(replies: string): string {
  let text = replies.replace(REFUSED, SILENT_ANSWER);
  for (const answer of ANSWERS) text = text.replaceAll(answer, SILENT_ANSWER);
  return text;
}

t.test(
  'a question that is given up leaves every other reply in its place',
  { timeout: 60_000 },
  async (t) => {
    let given = 0;
    const open = servers.filter((options) => rightsAreEqual(options) && options.password !== true);
    const check = (seen: string, expected: string) => {
      given += seen.split(SILENT_ANSWER).length - 1;
      if (unanswered(seen) !== unanswered(expected))
        throw new Error(`seen ${JSON.stringify(seen)}\nnot  ${JSON.stringify(expected)}`);
    };
    fc.assert(
      fc.property(asking, open, fc.integer(), (commands, options, seed) => {
        const client = commands.join('');
        const scenario = { client, server: options, console: true, impatient: true, unfinished: true };
        const outcome = run(scenario, randomWay(seed));
        if (!outcome.raw) check(outcome.client, direct({ client, server: { ...options, console: true } }));
      }),
      { numRuns: 1000 },
    );
    t.ok(given > 100, `${given} questions of clients with a connection of their own`);
    given = 0;
    fc.assert(
      fc.property(
        fc.array(asking, { minLength: 2, maxLength: 3 }),
        open,
        fc.integer(),
        (all, options, seed) => {
          const reading = all.map((commands) =>
            commands.filter((text) => !/ttl|str|max|low|queue|watch|other/.test(text)).join(''),
          );
          const scenario = { server: options, console: true, impatient: true };
          const outcome = runPooled(
            reading.map((client) => ({ client, ...scenario })),
            randomWay(seed),
          );
          for (const [i, client] of reading.entries()) {
            if (!outcome.raw[i])
              check(outcome.clients[i], direct({ client, server: { ...options, console: true } }));
          }
        },
      ),
      { numRuns: 500 },
    );
    t.ok(given > 100, `${given} questions of clients that share`);
  },
);

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
