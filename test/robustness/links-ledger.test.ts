// The books by which the load over faulty links is judged: each kind of fault is seen, and what is right is not.
import t from 'tap';
import { Ledger, type Request, Tally, type Write } from '../support/ledger.js';

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

t.test('replies', async (t) => {
  t.match(judge(['a', 'b', 'c', 'd', 'e']), { answered: 5, faults: 0 });
  t.match(judge(['a', 'b', 'd', 'e']), { faults: 1, lost: 1 });
  t.match(judge(['a', 'b', 'c']), { faults: 2, lost: 2 });
  t.match(judge(['a', 'b', 'b', 'c', 'd', 'e']), { faults: 1, duplicated: 1 });
  t.match(judge(['a', 'b', 'c', 'd', 'e'], 'e'), { faults: 1, duplicated: 1 });
  t.match(judge(['a', 'c', 'b', 'd', 'e']), { faults: 1, reordered: 1 });
  t.match(judge(['a', 'x', 'c', 'd', 'e']), { faults: 1, wrong: 1 });
});

t.test('a cut', async (t) => {
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

t.test('what a server may hold after a cut', async (t) => {
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
