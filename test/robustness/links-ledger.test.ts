// The books by which the load over faulty links is judged: each kind of fault is seen, and what is right is not.
import t from 'tap';
import { FATE_UNKNOWN, Ledger, LOADING, type Request, Tally, type Write } from '../support/ledger.js';

const request = (reply: string, ...writes: Write[]): Request => ({
  bytes: Buffer.from('?'),
  reply: Buffer.from(reply),
  writes,
});
const NOTHING = Buffer.alloc(0);

/** Five requests with replies that differ, and what came. */
function judge(came: readonly string[], rest = ''): Tally {
  const tally = new Tally();
  const ledger = new Ledger(tally);
  for (const reply of ['a', 'b', 'c', 'd', 'e']) ledger.sent(request(reply));
  for (const reply of came) ledger.answered(Buffer.from(reply));
  ledger.settle(Buffer.from(rest));
  return tally;
}

t.test('the ledger counts replies that are wrong, missing or too many', async (t) => {
  t.match(judge(['a', 'b', 'c', 'd', 'e']), { answered: 5, faults: 0 });
  t.match(judge(['a', 'b', 'd', 'e']), { faults: 1, lost: 1 });
  t.match(judge(['a', 'b', 'c']), { faults: 2, lost: 2 });
  t.match(judge(['a', 'b', 'b', 'c', 'd', 'e']), { faults: 1, duplicated: 1 });
  t.match(judge(['a', 'b', 'c', 'd', 'e'], 'e'), { faults: 1, duplicated: 1 });
  t.match(judge(['a', 'c', 'b', 'd', 'e']), { faults: 1, reordered: 1 });
  t.match(judge(['a', 'x', 'c', 'd', 'e']), { faults: 1, wrong: 1 });
});

t.test('a cut explains the replies behind it, and no others', async (t) => {
  const after = (rest: string): number => {
    const tally = new Tally();
    const ledger = new Ledger(tally);
    ledger.sent(request('first'));
    ledger.sent(request('second'));
    ledger.answered(Buffer.from('first'));
    ledger.cut(Buffer.from(rest));
    return tally.faults;
  };
  t.equal(after(''), 0);
  t.equal(after('sec'), 0);
  t.equal(after('sex'), 1);
  t.equal(after('second, and more'), 1);
});

t.test('the ledger knows what a server may hold after a cut', async (t) => {
  const holds = (state: Readonly<Record<string, string>>): number => {
    const tally = new Tally();
    const ledger = new Ledger(tally);
    ledger.sent(request('1', ['n', '1']));
    ledger.sent(request('2', ['n', '2']));
    // A transaction: both or none.
    ledger.sent(request('*2', ['n', '3'], ['k', 'v']));
    ledger.answered(Buffer.from('1'));
    ledger.cut(NOTHING);
    ledger.check(new Map(Object.entries(state)));
    return tally.inconsistent;
  };
  t.equal(holds({ n: '1' }), 0, 'what was answered');
  t.equal(holds({ n: '2' }), 0, 'what was sent behind it');
  t.equal(holds({ n: '3', k: 'v' }), 0, 'all');
  t.equal(holds({}), 1, 'not less than was answered');
  t.equal(holds({ n: '3' }), 1, 'no part of a transaction');
  t.equal(holds({ n: '2', k: 'v' }), 1, 'nor the other part');
  t.equal(holds({ n: '4' }), 1, 'nothing twice');
});

t.test('the ledger allows both fates of a request without a reply', async (t) => {
  const counted = (n: number, key: string): Request => ({
    ...request(`:${n}`, [key, String(n)]),
    mayBe: /^:\d+$/,
  });
  const books = (
    mayLose: boolean,
    came: readonly string[],
    state: Readonly<Record<string, string>>,
  ): Tally => {
    const tally = new Tally();
    const ledger = new Ledger(tally, mayLose);
    const requests = [counted(1, 'a'), counted(1, 'n'), request('x'), counted(2, 'n'), request('y')];
    for (const each of requests) ledger.sent(each);
    const named = new Map([
      ['LOST', FATE_UNKNOWN],
      ['LOADING', LOADING],
    ]);
    for (const reply of came) ledger.answered(named.get(reply) ?? Buffer.from(reply));
    ledger.settle(NOTHING);
    ledger.check(new Map(Object.entries(state)));
    return tally;
  };
  const lost = [':1', 'LOST', 'x', ':1', 'y'];
  for (const n of ['1', '2', '7']) t.equal(books(true, lost, { a: '1', n }).faults, 0, `n may be ${n}`);
  t.equal(books(true, lost, { a: '1' }).faults, 0, 'or nothing');
  t.equal(books(true, [':1', 'LOST', 'LOST', ':9', 'y'], { a: '1' }).faults, 0, 'two');
  const loading = [':1', 'LOADING', 'LOADING', ':1', 'y'];
  t.equal(books(true, loading, { a: '1', n: '1' }).faults, 0, 'the server has come back and still loads');
  t.ok(
    books(false, loading, { a: '1', n: '1' }).wrong > 0,
    'which the owner of a connection is not told in its middle',
  );
  t.match(books(true, lost, { n: '1' }), { inconsistent: 1 }, 'what was answered before is there');
  t.match(books(true, lost, { a: '1', b: '1' }), { inconsistent: 1 }, 'and nothing that was never asked for');
  t.match(books(true, [':1', 'LOST', 'x', '+1', 'y'], { a: '1' }), { wrong: 1 }, 'a reply of another kind');
  t.match(
    books(true, [':2', 'LOST', 'x', ':1', 'y'], { a: '1' }).faults > 0,
    true,
    'a guess before the loss',
  );
  t.ok(books(true, [':1', 'LOST', ':1', 'y'], { a: '1' }).lost > 0, 'what never depends must come');
  t.ok(books(false, lost, { a: '1', n: '2' }).wrong > 0, 'where no connection is shared');
});

t.test('the ledger combines a cut with requests that a shared connection has lost', async (t) => {
  const faults = (mayLose: boolean, state: Record<string, string>): number => {
    const tally = new Tally();
    const ledger = new Ledger(tally, mayLose);
    for (const [i, key] of ['a', 'b', 'a', 'c'].entries()) ledger.sent(request('+OK', [key, String(i)]));
    ledger.answered(Buffer.from('+OK'));
    ledger.cut(NOTHING);
    ledger.check(new Map(Object.entries(state)));
    return tally.faults;
  };
  for (const state of [{ a: '0' }, { a: '0', b: '1' }, { a: '2', b: '1' }, { a: '2', b: '1', c: '3' }]) {
    t.equal(faults(true, state), 0, JSON.stringify(state));
    t.equal(faults(false, state), 0, 'as without shared connections');
  }
  for (const state of [{ a: '2' }, { a: '2', c: '3' }, { a: '0', c: '3' }]) {
    t.equal(faults(true, state), 0, `the first are lost: ${JSON.stringify(state)}`);
    t.equal(faults(false, state), 1, 'which a connection of its own does not do');
  }
  for (const state of [{}, { b: '1' }, { a: '0', b: '1', c: '3' }, { a: '0', b: '7' }])
    t.equal(faults(true, state), 1, `nothing explains ${JSON.stringify(state)}`);
});
