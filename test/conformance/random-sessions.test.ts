// Sessions that nobody thought of, against a server and its twin behind Spillway: first the kept ones, then random
// ones from a new seed each time. A failing one is printed in the form in which it is kept: see kept/README.md.
// SPILLWAY_SEED=n draws those of a seed again; random-full.ts draws for as long as it is told.
import fc from 'fast-check';
import t from 'tap';
import { compare } from './random/compare.js';
import { fit } from './random/fit.js';
import { parse, print, readKept } from './random/kept-form.js';
import { MODES } from './random/modes.js';
import { newTally, search, startSeed } from './random/search.js';
import { cutPlaces, encode } from './random/session.js';
import { anySession } from './random/sessions.js';
import { withStage } from './random/stage.js';

const RANDOM_MS = 30_000;
const PATIENCE_MS = 20_000;

t.test('a printed session is the session', async (t) => {
  fc.assert(
    fc.property(anySession, fc.constantFrom(...MODES), (any, mode) => {
      const session = fit(any, mode);
      const printed = print('about', mode, session);
      const read = parse('printed', printed);
      const bytes = ({ steps }: typeof session) =>
        steps
          .flat()
          .map(({ commands }) => Buffer.concat(commands.map((one) => encode(one, []))).toString('hex'));
      t.same(read.modes, [mode]);
      t.same(bytes(read.session), bytes(session));
      return print('about', mode, read.session) === printed;
    }),
    { numRuns: 50 },
  );
});

t.test('cuts fall into the same commands whatever the ids', async (t) => {
  const commands = [['PING'], ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', '@id:0'], ['GET', 'k']];
  const written = Buffer.concat(commands.map((one) => encode(one, []))).length;
  const every = Array.from({ length: written - 1 }, (_, i) => i + 1);
  for (const id of ['7', '100000', '1234567890']) {
    const ends: number[] = [];
    for (const one of commands) ends.push((ends.at(-1) ?? 0) + encode(one, [id]).length);
    const ending = (cut: number) =>
      commands.slice(0, 2).every((_, i) => cutPlaces(commands, [cut], [id])[0] !== ends[i]);
    const boundaries = every.filter((cut) => !ending(cut));
    t.same(boundaries, [14, 14 + encode(commands[1], []).length], `${id}: only what ended a command does`);
  }
});

t.test('sessions', async (t) => {
  const stage = await withStage(t, MODES);

  await t.test('kept', async (t) => {
    for (const { file, about, modes, session } of readKept()) {
      for (const mode of modes) {
        const { difference } = await compare(stage, mode, session, PATIENCE_MS);
        t.equal(difference, undefined, `${file}, ${mode}: ${about}`);
      }
    }
  });

  await t.test('random', async (t) => {
    const seed = startSeed();
    t.comment(`SPILLWAY_SEED=${seed}`);
    const tally = newTally();
    const failure = await search(
      stage,
      { seed, modes: MODES, milliseconds: RANDOM_MS, sessions: Number.POSITIVE_INFINITY },
      tally,
    );
    if (failure !== undefined) t.comment(`SPILLWAY_SEED=${failure.seed}\n${failure.kept}`);
    t.equal(failure?.difference, undefined, 'no difference');
    for (const text of tally.unrepeatable) t.comment(`not repeatable on two servers either:\n${text}`);
    t.comment(`${tally.sessions} sessions, ${tally.commands} commands`);
    t.ok(tally.sessions > 10, `${tally.sessions} sessions`);
  });
});
