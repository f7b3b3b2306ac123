// Random sessions: steps of one client after the other, steps of several at once, and scenes, in which one client's
// step means something to what another does next. What comes out still goes through fit.ts.
import fc from 'fast-check';
import { commandGroup, ending } from './connection-commands.js';
import { type Command, isRaw, type Session, type Step, type Turn, type Word } from './session.js';
import { template, templates } from './words.js';

const MAX_GROUPS = 6;
const MAX_STEPS = 8;
/** Drawn for the greatest number of clients, and taken modulo that of the session. */
const MOST_CLIENTS = 4;

/** Most cuts fall near the start, where commands are; a few far behind, where large values are. */
const cuts = fc.oneof(
  fc.constant([]),
  fc.array(fc.oneof(fc.nat(60), fc.nat(600), fc.nat(300_000)), { maxLength: 6, size: 'max' }),
);

const pipeline = fc
  .array(commandGroup, { minLength: 1, maxLength: MAX_GROUPS, size: 'max' })
  .map((groups) => groups.flat());

const turn = (commands: fc.Arbitrary<readonly Command[]>, client?: number): fc.Arbitrary<Turn> =>
  fc.record({
    client: client === undefined ? fc.nat(MOST_CLIENTS - 1) : fc.constant(client),
    commands,
    cuts,
    open: fc.nat(7).map((n) => n === 1),
  });

const alone: fc.Arbitrary<Step[]> = turn(pipeline).map((one) => [[one]]);

/** Each client has keys and channels of its own. */
const together: fc.Arbitrary<Step[]> = fc
  .array(turn(pipeline), { minLength: 2, maxLength: MOST_CLIENTS })
  .map((turns) => [
    turns.map((one) => ({ ...one, commands: one.commands.map((c) => owned(c, one.client)) })),
  ]);

const leaving: fc.Arbitrary<Step[]> = turn(ending).map((one) => [[one]]);

const say = (client: number, commands: fc.Arbitrary<readonly Command[]>): fc.Arbitrary<Step> =>
  turn(commands, client).map((one) => [one]);
const lines = (text: string): fc.Arbitrary<Command[]> => templates(text).map((words) => [words]);
const transaction = fc
  .tuple(pipeline, template('SET key value'))
  .map(([inside, last]): Command[] => [['MULTI'], ...inside, last, ['EXEC']]);

const scenes: fc.Arbitrary<Step[]> = fc.oneof(
  // Woken by another client, in time or not, or let go.
  fc.tuple(
    say(
      0,
      lines(`BLPOP a:0 u:0 0, BRPOP u:0 0, BLMOVE a:0 key LEFT RIGHT 0, BZPOPMIN u:0 0
        XREAD BLOCK 0 STREAMS u:0 $, BLMPOP 0 2 u:0 a:0 LEFT COUNT 2`),
    ),
    say(1, pipeline),
    say(
      1,
      lines('LPUSH a:0 text..., RPUSH u:0 text, ZADD u:0 1 number, XADD u:0 99-1 f v, CLIENT UNBLOCK @id:0'),
    ),
  ),
  // Watched, and changed by another or not.
  fc.tuple(
    say(0, lines('WATCH a:0 u:0, WATCH u:0, WATCH a:0 d:0')),
    say(1, lines('SET a:0 value, SET u:0 value, INCR d:0, DEL u:0, GET a:0, EXPIRE u:0 1000')),
    say(0, transaction),
  ),
  // Messages that arrive while nothing, and while something else, is asked.
  fc.tuple(
    say(0, lines('SUBSCRIBE channel channel, PSUBSCRIBE pattern, SSUBSCRIBE channel')),
    say(1, lines('PUBLISH channel text, SPUBLISH channel text, PUBLISH channel large')),
    say(0, pipeline),
    say(1, pipeline),
  ),
  fc.tuple(
    say(0, lines('CLIENT TRACKING ON, CLIENT TRACKING ON NOLOOP')),
    say(0, lines('MGET a:0 u:0 s:0')),
    say(1, lines('MSET a:0 value u:0 value, DEL a:0, SET s:0 value, RENAME u:0 u:1, FLUSHDB ASYNC')),
  ),
);

export const anySession: fc.Arbitrary<Session> = fc
  .record({
    clients: fc.array(fc.constantFrom<2 | 3>(2, 3), { minLength: 2, maxLength: MOST_CLIENTS }),
    steps: fc.array(
      fc.oneof(
        { weight: 10, arbitrary: alone },
        { weight: 3, arbitrary: together },
        { weight: 3, arbitrary: scenes },
        { weight: 1, arbitrary: leaving },
      ),
      { minLength: 1, maxLength: MAX_STEPS, size: 'max' },
    ),
  })
  .map(({ clients, steps }) => ({
    clients,
    steps: steps.flat().map((step) => step.map((one) => ({ ...one, client: one.client % clients.length }))),
  }));

/** The command with every key and channel in the client's own space. */
function owned(command: Command, client: number): Command {
  if (isRaw(command)) {
    return { raw: command.raw.replace(/(?<= )([a-z]):(?=\d)/g, `$1:c${client}:`) };
  }
  return command.map((word): Word => {
    return typeof word === 'string' && /^[a-z]:\d$/.test(word) ? `${word[0]}:c${client}:${word[2]}` : word;
  });
}
