// When a silent connection is dead: what the server has answered elsewhere meanwhile, and what it says there.
import t from 'tap';
import type { SharedConnection } from '../../../src/wire/upstream/shared-connection.js';
import { SilenceWatch } from '../../../src/wire/upstream/silence-watch.js';

const TICKS = 8;

/** A connection that keeps what it is asked. */
class Connection {
  silentTicks = 0;
  answers = 0;
  readonly asked: { readonly question: string; readonly answer: (reply: string | undefined) => void }[] = [];

  ask(question: Buffer, answer: (reply: string | undefined) => void): void {
    this.asked.push({ question: question.toString('latin1'), answer });
  }

  get shared(): SharedConnection {
    return this as unknown as SharedConnection;
  }
}

function lab(pausable = false) {
  const [silent, other] = [new Connection(), new Connection()];
  const state = { another: other as Connection | undefined };
  const watch = new SilenceWatch(pausable, TICKS, () => state.another?.shared);
  watch.doubt(silent.shared);
  return {
    ...{ watch, silent, other, state },
    looks: () => watch.look(silent.shared),
    answers: (reply: string | undefined) => other.asked.shift()?.answer(reply),
    isDead: () => watch.isDead(silent.shared),
  };
}

t.test('two answers elsewhere, half of the allowed silence apart, and it is dead', async (t) => {
  const { silent, other, looks, answers, isDead } = lab();
  silent.silentTicks = TICKS;
  looks();
  looks();
  t.equal(other.asked.length, 1, 'one question at a time');
  t.match(other.asked[0].question, /PING/);
  answers('+PONG');
  t.notOk(isDead());
  silent.silentTicks = 1.5 * TICKS - 1;
  looks();
  t.equal(other.asked.length, 0, 'not so soon');
  silent.silentTicks = 1.5 * TICKS;
  looks();
  answers('+PONG');
  t.ok(isDead());
});

t.test('no answer, a server that is slow for all, and nobody to ask say nothing', async (t) => {
  const { other, state, looks, answers, isDead } = lab();
  for (const reply of [undefined, '-BUSY a script', '-LOADING', '-MASTERDOWN', undefined]) {
    looks();
    answers(reply);
  }
  t.notOk(isDead());
  state.another = undefined;
  looks();
  t.same(other.asked, []);
});

t.test(
  'where writes go a write is asked; if it is refused, what others are answered there tells',
  async (t) => {
    const { silent, other, looks, answers, isDead } = lab(true);
    looks();
    t.match(other.asked[0].question, /EVAL/);
    other.answers = 5;
    answers('-NOPERM');
    t.notOk(isDead());
    looks();
    t.same([other.asked.length, isDead()], [0, false], 'nothing was answered since');
    other.answers = 6;
    looks();
    silent.silentTicks += TICKS / 2;
    looks();
    t.notOk(isDead(), 'one answer counts once');
    other.answers = 7;
    looks();
    t.ok(isDead());
    t.same(other.asked, []);
  },
);

t.test('a connection that answers again is trusted, and may be doubted anew', async (t) => {
  const { watch, silent, looks, answers, isDead } = lab();
  t.notOk(watch.doubt(silent.shared), 'it is in doubt already');
  t.equal(watch.size, 1);
  for (const ticks of [TICKS, 2 * TICKS]) {
    silent.silentTicks = ticks;
    looks();
    answers('+PONG');
  }
  t.ok(isDead());
  watch.forget(silent.shared);
  t.same([watch.size, isDead()], [0, false]);
  looks();
  t.ok(watch.doubt(silent.shared));
  t.notOk(isDead());
  watch.clear();
  t.equal(watch.size, 0);
});
