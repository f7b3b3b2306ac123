// Who asks in a loop gets his answers, and leaves the process to others most of the time.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { SharedAnswers } from '../../../src/surfaces/admin/shared-answers.js';

/** Keeps the event loop from everything else. */
function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

t.test('an answer is never older than the question', async (t) => {
  let now = 0;
  const answers = new SharedAnswers<string, number>(async (questions) => {
    const begun = now;
    await delay(1);
    // Some are left for later.
    return questions.slice(0, 2).map(() => begun);
  });
  const asked: Promise<void>[] = [];
  for (now = 1; now <= 50; now++) {
    const at = now;
    const what = `what ${at % 5}`;
    asked.push(
      answers.ask(what, what).then((begun) => {
        t.ok(begun >= at, `asked at ${at}, begun at ${begun}`);
      }),
    );
    if (at % 7 === 0) await delay(1);
  }
  await Promise.all(asked);
});

t.test('twenty who ask in a loop have one answer made for all, and that a tenth of the time', async (t) => {
  let made = 0;
  let given = 0;
  const worked = 5;
  const answers = new SharedAnswers<string, number>(async () => {
    work(worked);
    return [++made];
  });
  const from = performance.now();
  const loop = async (): Promise<void> => {
    while (performance.now() - from < 500) {
      await answers.ask('what', 'what');
      given++;
    }
  };
  await Promise.all(Array.from({ length: 20 }, loop));
  t.ok(made * worked * 5 < performance.now() - from, `${made} answers were made`);
  t.ok(given >= 19 * (made - 1), `${given} were given`);
});

t.test('those with different questions do not wait for each other', async (t) => {
  let rounds = 0;
  const answers = new SharedAnswers<string, string>(async (questions) => {
    rounds++;
    work(30);
    return questions.map((question) => question.toUpperCase());
  });
  const asked = Array.from({ length: 100 }, (_, i) => `q${i}`);
  const got = await Promise.all(asked.map((question) => answers.ask(question, question)));
  t.same(
    got,
    asked.map((question) => question.toUpperCase()),
  );
  t.ok(rounds <= 4, `${rounds} rounds, each of which rests a quarter of a second`);
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

t.test('nobody waits for longer than the limit, and what nobody waits for is not made', async (t) => {
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
