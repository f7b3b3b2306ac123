// A client that asks in a loop gets its answers, and leaves the process to others most of the time. The time is made here.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { SharedAnswers } from '../../../src/surfaces/admin/shared-answers.js';

/** A clock that stands still but for work() and what is waited for. */
class Time {
  private at = 0;
  private next: { at: number; run: () => void } | undefined;

  now = (): number => this.at;

  after = (ms: number, run: () => void): void => {
    if (this.next !== undefined) throw new Error('two timers at a time');
    this.next = { at: this.at + ms, run };
  };

  /** Keeps the event loop from everything else. */
  work(ms: number): void {
    this.at += ms;
  }

  /** Lets everything happen that is due until then. */
  async until(end: number): Promise<void> {
    for (;;) {
      await nextTurn();
      const { next } = this;
      if (next === undefined || next.at > end) return;
      this.next = undefined;
      this.at = Math.max(this.at, next.at);
      next.run();
    }
  }
}

t.test('an answer is never older than the question', async (t) => {
  let now = 0;
  const time = new Time();
  const answers = new SharedAnswers<string, number>(
    async (questions) => {
      const begun = now;
      await nextTurn();
      time.work(1);
      // Some are left for later.
      return questions.slice(0, 2).map(() => begun);
    },
    { time },
  );
  const asked: Promise<void>[] = [];
  for (now = 1; now <= 50; now++) {
    const at = now;
    const what = `what ${at % 5}`;
    asked.push(
      answers.ask(what, what).then((begun) => {
        t.ok(begun >= at, `asked at ${at}, begun at ${begun}`);
      }),
    );
    if (at % 7 === 0) await time.until(time.now() + at);
  }
  const all = Promise.all(asked);
  await time.until(Number.POSITIVE_INFINITY);
  await all;
});

t.test('twenty who ask in a loop have one answer made for all, and that a tenth of the time', async (t) => {
  let made = 0;
  let given = 0;
  const time = new Time();
  const answers = new SharedAnswers<string, number>(
    async () => {
      time.work(5);
      return [++made];
    },
    { time },
  );
  const loop = async (): Promise<void> => {
    while (time.now() < 500) {
      await answers.ask('what', 'what');
      given++;
    }
  };
  const loops = Promise.all(Array.from({ length: 20 }, loop));
  await time.until(Number.POSITIVE_INFINITY);
  await loops;
  t.equal(made, 11, 'of 5 ms each, 45 ms apart');
  t.equal(given, 20 * made - 19, 'the first asks alone');
});

t.test('those with different questions do not wait for each other', async (t) => {
  let rounds = 0;
  const time = new Time();
  const answers = new SharedAnswers<string, string>(
    async (questions) => {
      rounds++;
      time.work(30);
      return questions.map((question) => question.toUpperCase());
    },
    { time },
  );
  const asked = Array.from({ length: 100 }, (_, i) => `q${i}`);
  const got = Promise.all(asked.map((question) => answers.ask(question, question)));
  await time.until(Number.POSITIVE_INFINITY);
  t.same(
    await got,
    asked.map((question) => question.toUpperCase()),
  );
  t.equal(rounds, 3, 'the first alone, then 64 and 35');
  t.equal(time.now(), 3 * 30 + 2 * 250, 'each rests a quarter of a second');
});

t.test('a round that fails fails for those who asked it', async (t) => {
  const answers = new SharedAnswers<string, string>(async ([question]) => {
    if (question === 'bad') throw new Error('no');
    return ['yes'];
  });
  const fails = [1, 2].map(() => answers.ask('bad', 'bad'));
  for (const failed of fails) await t.rejects(failed, { message: 'no' });
  t.equal(await answers.ask('good', 'good'), 'yes');
});

t.test('no request waits longer than the limit, and abandoned answers are not made', async (t) => {
  const made: string[] = [];
  let answer = (): void => {};
  const answers = new SharedAnswers<string, string>(
    async (questions) => {
      made.push(...questions);
      if (made.length === 1) {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return [];
      }
      return questions;
    },
    { longestRestMs: 0, late: { afterMs: 100, answer: 'too late' } },
  );
  const hangs = answers.ask('hangs', 'hangs');
  t.same(await Promise.all([hangs, answers.ask('waits', 'waits')]), ['too late', 'too late']);
  const later = answers.ask('later', 'later');
  answer();
  t.equal(await later, 'later');
  t.same(made, ['hangs', 'later']);
});
