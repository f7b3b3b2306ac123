// Greetings: what is said on a fresh connection so that it is this client's, in which order, and what of it must not
// be refused.
import t from 'tap';
import {
  type Greeting,
  type Identity,
  NOBODY,
  ownGreeting,
  sharedGreeting,
} from '../../../src/core/session/pooling/identity.js';
import { cmd } from '../../support/session-lab.js';

const admin = { user: 'admin', password: 'secret' };
const said = (greeting: readonly Greeting[]): string[] =>
  greeting.map(({ command, essential }) => `${essential ? '!' : '?'}${command.toString('latin1')}`);
const must = (...words: string[]): string => `!${cmd(...words)}`;
const may = (...words: string[]): string => `?${cmd(...words)}`;

const bare = may('HELLO', '2');
const SHARED: readonly (readonly [who: Partial<Identity>, said: readonly string[]])[] = [
  [{}, [bare]],
  [{ db: 3 }, [bare, must('SELECT', '3')]],
  [{ resp: 3 }, [must('HELLO', '3')]],
  [{ credential: admin }, [must('AUTH', 'admin', 'secret')]],
  [{ credential: { user: undefined, password: 'secret' } }, [must('AUTH', 'secret')]],
  [{ resp: 3, credential: admin }, [must('HELLO', '3', 'AUTH', 'admin', 'secret')]],
  [
    { resp: 3, credential: { user: undefined, password: 'secret' } },
    [must('HELLO', '3', 'AUTH', 'default', 'secret')],
  ],
  [{ credential: admin, db: 2 }, [must('AUTH', 'admin', 'secret'), must('SELECT', '2')]],
  [
    { resp: 3, credential: admin, db: 2 },
    [must('HELLO', '3', 'AUTH', 'admin', 'secret'), must('SELECT', '2')],
  ],
  [{ credential: { user: '', password: '' } }, [must('AUTH', '', '')]],
  [{ credential: { user: 'caf\xe9', password: '\xff\r\n' } }, [must('AUTH', 'caf\xe9', '\xff\r\n')]],
];

t.test('the greeting of a shared connection: rights, then the database, no names', async (t) => {
  for (const [who, expected] of SHARED) {
    const identity = { ...NOBODY, ...who };
    t.same(said(sharedGreeting(identity)), expected);
    t.same(said(sharedGreeting({ ...identity, name: 'me', libName: 'lib', libVersion: '1' })), expected);
  }
});

t.test(
  'of one of its own: the same with its name, then that of its library, which may be refused',
  async (t) => {
    for (const [who, shared] of SHARED) {
      const identity = { ...NOBODY, ...who };
      const [first, ...select] = shared;
      const expected = first === bare ? select : shared;
      t.same(said(ownGreeting(identity)), expected);
      const named = ownGreeting({ ...identity, name: 'me', libName: 'lib', libVersion: '1' });
      const login =
        first.replace(/^!\*(\d+)/, (_, n) => `!*${Number(n) + 2}`) + cmd('SETNAME', 'me').slice(4);
      t.same(said(named), [
        ...(identity.resp === 3
          ? [login]
          : [...(first === bare ? [] : [first]), may('HELLO', '2', 'SETNAME', 'me')]),
        ...select,
        may('CLIENT', 'SETINFO', 'LIB-NAME', 'lib'),
        may('CLIENT', 'SETINFO', 'LIB-VER', '1'),
      ]);
      t.same(said(ownGreeting({ ...identity, libVersion: '1' })), [
        ...expected,
        may('CLIENT', 'SETINFO', 'LIB-VER', '1'),
      ]);
    }
  },
);
