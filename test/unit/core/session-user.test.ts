// Which user and which database a connection has, answer by answer: what is known, what it may become, and that each change
// shows in the version by which the rules of a connection are looked up again.
import t from 'tap';
import { DatabaseRange } from '../../../src/core/policy/database-range.js';
import { ANY_DATABASE } from '../../../src/core/policy/key-memory.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { readCopy } from '../../../src/core/session/request/copy-options.js';
import { Database } from '../../../src/core/session/state/database.js';
import { User } from '../../../src/core/session/state/user.js';
import { cmd } from '../../support/session-lab.js';

function scanned(line: string): RequestScanner {
  const args = new RequestScanner();
  const buf = Buffer.from(cmd(...line.split(' ')), 'latin1');
  args.scan(buf, 0, buf.length);
  return args;
}

/** A user, and each of its steps with whether the version differs after it. */
function userOf() {
  const user = new User();
  let { version } = user;
  const changes = <T>(work: () => T): T => {
    const result = work();
    if (user.version === version) throw new Error('the version stays');
    version = user.version;
    return result;
  };
  return {
    user,
    ask: (line: string) =>
      changes(() =>
        line.startsWith('AUTH') ? user.auth(scanned(line), true) : user.hello(scanned(line), true),
      ),
    answer: (taken: boolean, detail: number) => changes(() => user.answered(taken, detail)),
    reset: () => changes(() => user.reset()),
    lose: (line: string) =>
      changes(() =>
        line.startsWith('AUTH') ? user.auth(scanned(line), false) : user.hello(scanned(line), false),
      ),
  };
}

const LOGINS = [
  { line: 'AUTH secret', name: 'default' },
  { line: 'AUTH app secret', name: 'app' },
  { line: 'HELLO 3 AUTH app secret', name: 'app' },
  { line: 'HELLO 2 SETNAME me auth app secret', name: 'app' },
  { line: 'HELLO 2 AUTH app secret SETNAME me', name: 'app', lasts: true },
  { line: 'HELLO 2 AUTH jobs secret AUTH app secret', name: 'app', lasts: true },
] as const;

t.test('a login that is taken, and one that is refused', async (t) => {
  for (const login of LOGINS) {
    const { user, ask, answer, reset } = userOf();
    const detail = ask(login.line);
    t.match(user, { current: undefined, unanswered: true, candidates: ['default', login.name] }, login.line);
    answer(true, detail);
    t.match(user, { current: login.name, unanswered: false, candidates: [login.name] });
    reset();
    t.match(user, { current: 'default', candidates: ['default'] });
    answer(false, ask(login.line));
    // What stands before that which was refused has taken effect.
    t.equal(user.current, 'lasts' in login ? undefined : 'default', login.line);
    t.notOk(user.unanswered);
  }
});

t.test('several logins are answered in their order', async (t) => {
  const { user, ask, answer } = userOf();
  const details = ['AUTH app secret', 'AUTH jobs wrong', 'AUTH other secret'].map(ask);
  t.same(user.candidates, ['default', 'app', 'jobs', 'other']);
  answer(true, details[0] ?? 0);
  t.same([user.current, user.candidates], [undefined, ['app', 'jobs', 'other']]);
  answer(false, details[1] ?? 0);
  answer(false, details[2] ?? 0);
  t.equal(user.current, 'app');
});

t.test('a login without an answer: the user is not known until the next one is', async (t) => {
  for (const { line } of LOGINS) {
    const { user, ask, answer, lose } = userOf();
    const detail = ask('AUTH jobs secret');
    t.equal(lose(line), 0);
    t.same(user.candidates, [undefined, undefined]);
    answer(true, detail);
    t.equal(user.current, undefined, 'the one under way may have been taken before or after it');
    answer(true, ask('AUTH app secret'));
    t.equal(user.current, 'app');
  }
});

t.test('HELLO without a login changes no user', async (t) => {
  const user = new User();
  const { version } = user;
  for (const line of ['HELLO', 'HELLO 3', 'HELLO 3 SETNAME me', 'HELLO 3 AUTH app', 'HELLO 3 NOSUCH'])
    t.equal(user.hello(scanned(line), true), 0, line);
  user.answered(true, 0);
  t.match(user, { version, current: 'default', unanswered: false });
});

function databaseOf() {
  const range = new DatabaseRange();
  const database = new Database(range);
  const of = (text: string) => [Buffer.from(`<${text}>`), 1, text.length + 1] as const;
  let { version } = database;
  const changes = <T>(work: () => T): T => {
    const result = work();
    if (database.version === version) throw new Error('the version stays');
    version = database.version;
    return result;
  };
  return {
    ...{ database, range },
    ask: (text: string) => changes(() => database.ask(...of(text))),
    queue: (text: string, tells = true) => changes(() => database.queue(tells, ...of(text))),
    execute: (tells = true) => changes(() => database.execute(tells)),
    answer: (taken: boolean, detail: number) => changes(() => database.answered(taken, detail)),
    changes,
  };
}

t.test('SELECT, answer by answer', async (t) => {
  const { database, range, ask, answer } = databaseOf();
  const first = ask('3');
  t.match(database, { current: ANY_DATABASE, likely: 3, unanswered: true, candidates: [0, 3] });
  const second = ask('5');
  const third = ask('3');
  t.same([database.likely, database.candidates], [3, [0, 3, 5]]);
  answer(true, first);
  t.same([database.current, database.candidates], [ANY_DATABASE, [3, 3, 5]]);
  answer(false, second);
  answer(false, third);
  t.match(database, { current: 3, likely: 3, unanswered: false, candidates: [3] });
  t.same([range.has(3), range.has(5)], [true, false], 'a database that was refused is not known');
  for (const text of ['x', '-1', '01', '', '1000001']) {
    answer(true, ask(text));
    t.equal(database.current, ANY_DATABASE, text);
    answer(true, ask('0'));
    t.equal(database.current, 0);
  }
  database.answered(true, 0);
  t.equal(database.current, 0, 'an answer that tells nothing');
});

t.test('SELECT in a transaction counts from there on, and after it as EXEC is answered', async (t) => {
  for (const [executed, after] of [
    [true, 2],
    [false, 1],
  ] as const) {
    const { database, range, ask, queue, execute, answer } = databaseOf();
    range.learn(4);
    answer(true, ask('1'));
    database.begin();
    queue('4');
    t.match(database, { current: 4, candidates: [4], unanswered: false });
    queue('2');
    t.equal(database.current, 2);
    const detail = execute();
    t.match(database, { current: ANY_DATABASE, unanswered: true, candidates: [1, 2] });
    answer(executed, detail);
    t.match(database, { current: after, candidates: [after] });
  }
});

t.test('a transaction that fails, and one whose MULTI was refused', async (t) => {
  const { database, range, queue, changes, ask, answer } = databaseOf();
  range.learn(4);
  t.equal(database.execute(true), 0, 'nothing was selected');
  database.begin();
  queue('4');
  changes(() => database.discard());
  t.match(database, { current: 0, candidates: [0] });
  database.multiRefused();
  t.equal(database.current, ANY_DATABASE, 'what was queued was executed at once');
  answer(true, ask('3'));
  database.begin();
  database.multiRefused();
  t.equal(database.current, 3, 'nothing was selected there');
});

t.test('what will not be answered, or is for a database that the server may not have', async (t) => {
  const { database, range, ask, queue, execute, answer, changes } = databaseOf();
  range.learn(4);
  const detail = ask('3');
  queue('5');
  t.equal(database.current, ANY_DATABASE);
  queue('4', false);
  t.equal(database.current, ANY_DATABASE);
  t.equal(execute(false), 0);
  t.same(database.candidates, [ANY_DATABASE, ANY_DATABASE]);
  answer(true, detail);
  t.equal(database.current, ANY_DATABASE);
  changes(() => database.reset());
  t.match(database, { current: 0, likely: 0, candidates: [0], unanswered: false });
});

t.test('with 1,024 SELECTs without an answer the next one waits', async (t) => {
  const { database, ask, answer } = databaseOf();
  for (let i = 0; i < 1023; i++) ask('1');
  t.notOk(database.full);
  const detail = ask('1');
  t.ok(database.full);
  answer(true, detail);
  t.notOk(database.full);
});

t.test('the options of COPY', async (t) => {
  for (const [options, db, replaces] of [
    ['', undefined, false],
    [' REPLACE', undefined, true],
    [' DB 3', 3, false],
    [' db 3 replace', 3, true],
    [' REPLACE DB 0', 0, true],
    [' DB 3 DB 4', 4, false],
    [' DB REPLACE', 0, false],
  ] as const)
    t.same(readCopy(scanned(`COPY a b${options}`)), { db, replaces }, options);
});
