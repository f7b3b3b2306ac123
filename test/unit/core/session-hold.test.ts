// What ties a client to a connection of its own, case by case: each command that changes the connection, answered with
// and without an error, in a transaction, cut into a stream, and too many of them at once.
import t, { type Test } from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { RequestScanner, Scan } from '../../../src/core/resp/request-scanner.js';
import { Hold } from '../../../src/core/session/pooling/hold.js';
import { type Identity, NOBODY } from '../../../src/core/session/pooling/identity.js';
import { cmd } from '../../support/session-lab.js';

const table = defaultCommandTable();
const MAX_CLAIMS = 64;

/** Notes one command of words; returns whether its answer is to be told. */
function note(hold: Hold, line: string, inMulti = false): boolean {
  const bytes = Buffer.from(cmd(...line.split(' ')), 'latin1');
  const args = new RequestScanner();
  if (args.scan(bytes, 0, bytes.length) !== Scan.COMPLETE) throw new Error(`not whole: ${line}`);
  return hold.note(table.find(args.buf, args.starts[0], args.ends[0]), args, inMulti);
}

/** The same of which only the last word is still there. */
function noteStreamed(hold: Hold, line: string): boolean {
  const name = Buffer.from(line.split(' ')[0], 'latin1');
  const args = new RequestScanner();
  const bytes = Buffer.from(cmd(...line.split(' ')), 'latin1');
  args.scan(bytes, 0, bytes.length);
  args.streaming = true;
  return hold.note(table.find(name, 0, name.length), args, false);
}

interface Case {
  readonly line: string;
  /** What taking it changes of NOBODY. */
  readonly taken?: Partial<Identity>;
  /** With which answer it holds for good. */
  readonly holds?: 'taken' | 'refused';
  /** Not so if that is because its login failed. */
  readonly logsIn?: boolean;
}

const admin = { user: 'admin', password: 'secret' };
const CLAIMS: readonly Case[] = [
  { line: 'HELLO' },
  { line: 'HELLO 2', taken: { resp: 2 } },
  { line: 'HELLO 3', taken: { resp: 3 } },
  { line: 'HELLO 4' },
  { line: 'HELLO three' },
  { line: 'HELLO 3 AUTH admin secret', taken: { resp: 3, credential: admin } },
  { line: 'hello 3 auth admin secret', taken: { resp: 3, credential: admin } },
  {
    line: 'HELLO 3 AUTH admin other AUTH admin secret',
    taken: { resp: 3, credential: admin },
    holds: 'refused',
  },
  { line: 'HELLO 3 SETNAME me', taken: { resp: 3, name: 'me' }, holds: 'refused' },
  {
    line: 'HELLO 2 SETNAME me AUTH admin secret',
    taken: { name: 'me', credential: admin },
    holds: 'refused',
    logsIn: true,
  },
  { line: 'AUTH secret', taken: { credential: { user: undefined, password: 'secret' } } },
  { line: 'AUTH admin secret', taken: { credential: admin } },
  { line: 'AUTH admin secret more' },
  { line: 'SELECT 3', taken: { db: 3 } },
  { line: 'CLIENT SETNAME me', taken: { name: 'me' } },
  { line: 'CLIENT SETINFO LIB-NAME lib', taken: { libName: 'lib' } },
  { line: 'client setinfo lib-ver 1.2', taken: { libVersion: '1.2' } },
  { line: 'CLIENT SETINFO OTHER 1', holds: 'taken' },
  { line: 'CLIENT SETNAME me too', holds: 'taken' },
  { line: 'CLIENT ID', holds: 'taken' },
  { line: 'CLIENT TRACKING ON', holds: 'taken' },
  { line: 'CLIENT NO-EVICT ON', holds: 'taken' },
  { line: 'CLIENT NO-SUCH-THING', holds: 'taken' },
];

t.test('a change of the connection counts once it was answered', async (t) => {
  for (const { line, taken = {}, holds, logsIn } of CLAIMS) {
    for (const answer of ['taken', 'refused', 'login failed'] as const) {
      const hold = new Hold();
      t.equal(note(hold, line), true, `${line}: its answer is waited for`);
      t.match(hold, { any: true, lasting: false, identity: NOBODY }, 'and until it has come nothing counts');
      hold.answered(answer === 'taken', answer === 'login failed');
      const lasting = holds === (answer === 'login failed' && !logsIn ? 'refused' : answer);
      t.equal(hold.lasting, lasting, `${line}, ${answer}: ${lasting ? 'for good' : 'free'}`);
      t.equal(hold.any, hold.lasting);
      t.same(hold.identity, answer === 'taken' ? { ...NOBODY, ...taken } : NOBODY);
    }
  }
});

t.test('answers come in the order of what they answer', async (t) => {
  const hold = new Hold();
  for (const line of ['SELECT 1', 'SELECT 2', 'CLIENT SETNAME me', 'AUTH wrong', 'HELLO 3'])
    t.ok(note(hold, line));
  for (const taken of [true, false, true, false]) hold.answered(taken);
  t.same(hold.identity, { ...NOBODY, db: 1, name: 'me' });
  t.equal(hold.any, true, 'HELLO is still to be answered');
  hold.answered(true);
  t.same(hold.identity, { ...NOBODY, db: 1, name: 'me', resp: 3 });
  t.equal(hold.any, false);
  hold.answered(true);
  t.same(hold.identity, { ...NOBODY, db: 1, name: 'me', resp: 3 }, 'an answer more is nobody’s');
});

/** Notes the line, of which nothing is to be told, and says whether it holds for good. */
function lasts(t: Test, line: string, inMulti = false): boolean {
  const hold = new Hold();
  t.equal(note(hold, line, inMulti), false, line);
  t.equal(hold.any, hold.lasting);
  t.same(hold.identity, NOBODY);
  return hold.lasting;
}

t.test('an unknown command or an endless stream holds the connection for good', async (t) => {
  const lines = [
    ...['NOSUCH x', 'READONLY', 'SYNC', 'PSYNC ? -1', 'REPLCONF x y', 'MONITOR'],
    ...['CLIENT REPLY OFF', 'CLIENT REPLY SKIP', 'SCRIPT DEBUG YES', 'SCRIPT NOSUCH'],
    ...['HELLO 3 AUTH admin', 'HELLO 3 SETNAME', 'HELLO 3 BOGUS', 'HELLO 2 AUTH a b BOGUS'],
  ];
  for (const line of lines) t.equal(lasts(t, line), true);
});

t.test('commands that leave no state hold no connection', async (t) => {
  const lines = [
    ...['ASKING', 'READWRITE'],
    ...[
      'GET k',
      'SET k v',
      'BLPOP q 0',
      'EVAL x 0',
      'FCALL f 0',
      'WAIT 0 0',
      'SUBSCRIBE c',
      'MULTI',
      'RESET',
    ],
    ...['SCRIPT LOAD x', 'SCRIPT EXISTS x', 'SCRIPT FLUSH', 'SCRIPT KILL', 'SCRIPT SHOW', 'SCRIPT HELP'],
    ...['CLIENT LIST', 'CLIENT INFO', 'CLIENT GETNAME', 'CLIENT KILL ID 1', 'CLIENT PAUSE 0', 'client help'],
    ...['CLIENT UNPAUSE', 'CLIENT UNBLOCK 1', 'EXEC', 'DISCARD', 'QUIT'],
  ];
  for (const line of lines) t.equal(lasts(t, line), false);
});

t.test('WATCH holds until something is known to end it', async (t) => {
  const watching = (): Hold => {
    const hold = new Hold();
    t.equal(note(hold, 'WATCH k'), false);
    t.match(hold, { any: true, lasting: false });
    return hold;
  };
  let hold = watching();
  note(hold, 'EXEC');
  t.equal(hold.any, true, 'EXEC without MULTI is refused');
  note(hold, 'EXEC', true);
  t.equal(hold.any, false, 'EXEC, whatever comes of it');

  hold = watching();
  t.equal(note(hold, 'UNWATCH', true), false, 'queued it unwatches at EXEC');
  t.equal(hold.any, true);

  for (const [line, inMulti] of [
    ['UNWATCH', false],
    ['DISCARD', true],
  ] as const) {
    hold = watching();
    t.equal(note(hold, line, inMulti), true);
    t.equal(hold.any, true, `${line}: until it is answered`);
    hold.answered(true);
    t.equal(hold.any, false, `${line} was taken`);
    hold = watching();
    note(hold, line, inMulti);
    hold.answered(false);
    t.equal(hold.any, true, `${line} was refused`);
    t.equal(hold.lasting, line === 'DISCARD', 'then there may be a transaction, or none');
  }
  hold = watching();
  t.equal(note(hold, 'DISCARD'), false, 'DISCARD without MULTI is refused');
  t.equal(hold.any, true);
});

t.test('queued in a transaction a change takes place out of sight', async (t) => {
  for (const { line } of CLAIMS) t.equal(lasts(t, line, true), true);
  for (const line of ['CLIENT LIST', 'GET k', 'SCRIPT LOAD x']) t.equal(lasts(t, line, true), false);
});

t.test('the words of a streamed command are not kept', async (t) => {
  for (const line of [
    'HELLO 3',
    'AUTH secret',
    'SELECT 1',
    'CLIENT SETNAME me',
    'CLIENT LIST',
    'SCRIPT LOAD x',
  ]) {
    const hold = new Hold();
    t.equal(noteStreamed(hold, line), false);
    t.equal(hold.lasting, true, line);
  }
  for (const line of ['SET k v', 'EVAL x 0', 'PUBLISH c x']) {
    const hold = new Hold();
    t.equal(noteStreamed(hold, line), false);
    t.equal(hold.any, false, line);
  }
});

t.test('too many changes under way cannot become a greeting', async (t) => {
  const hold = new Hold();
  for (let i = 0; i < MAX_CLAIMS; i++) t.equal(note(hold, 'SELECT 1'), true);
  t.equal(hold.lasting, false);
  hold.answered(true);
  t.equal(note(hold, 'SELECT 2'), true, 'one was answered: there is room for one');
  t.equal(note(hold, 'SELECT 3'), false, 'and no more');
  t.equal(hold.lasting, true);
  for (let i = 0; i < MAX_CLAIMS; i++) hold.answered(true);
  t.equal(hold.identity.db, 1, 'what is answered later changes nothing any more');
  t.equal(note(hold, 'SELECT 4'), false, 'nor is anything asked');
});

t.test('RESET makes it as new', async (t) => {
  const hold = new Hold();
  for (const line of ['SELECT 1', 'CLIENT SETNAME me']) note(hold, line);
  hold.answered(true);
  hold.answered(true);
  note(hold, 'WATCH k');
  note(hold, 'CLIENT TRACKING ON');
  hold.answered(true);
  t.match(hold, { any: true, lasting: true });
  t.equal(note(hold, 'RESET'), false);
  t.equal(hold.any, true, 'not before it was answered');
  hold.reset();
  t.match(hold, { any: false, lasting: false });
  t.same(hold.identity, NOBODY);
  t.equal(note(hold, 'SELECT 2'), true);
  hold.answered(true);
  t.equal(hold.identity.db, 2);
});

t.test(
  'with session pooling a client is held for good from the start, whatever its connection answers',
  async (t) => {
    const hold = new Hold(false);
    const isHeld = () => t.match(hold, { any: true, lasting: true, isShut: false, identity: NOBODY });
    isHeld();
    t.equal(note(hold, 'SELECT 2'), false, 'no answer has to be told');
    hold.answered(true);
    hold.letIn();
    t.equal(hold.loginWanted(), false, 'its connection is the one that it came with: it has no other rights');
    isHeld();
    hold.reset();
    isHeld();
  },
);

t.test(
  'with command pooling a client whose next connection wants a login has lost rights, if it was let in',
  async (t) => {
    const [open, shut, user] = [new Hold(), new Hold(), new Hold()];
    open.letIn();
    t.equal(open.loginWanted(), true);
    t.equal(shut.loginWanted(), false);
    t.match(shut, { isShut: true, any: true });
    shut.letIn();
    t.equal(shut.isShut, true, 'only RESET or a login change that');
    note(user, 'AUTH pass');
    user.answered(true);
    t.equal(user.loginWanted(), false, 'a user with a login has its own rights');
    t.equal(user.isShut, false);
  },
);

t.test('a hold can be made permanent', async (t) => {
  const hold = new Hold();
  note(hold, 'SELECT 1');
  t.equal(hold.holdForGood(), false);
  hold.answered(true);
  t.match(hold, { any: true, lasting: true, identity: { db: 0 } });
});

t.test('names and passwords are bytes', async (t) => {
  const hold = new Hold();
  t.ok(note(hold, 'CLIENT SETNAME caf\xe9'));
  t.ok(note(hold, 'AUTH \xff \x01'));
  hold.answered(true);
  hold.answered(true);
  t.match(hold.identity, { name: 'caf\xe9', credential: { user: '\xff', password: '\x01' } });
});
