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
  const answers = new SharedAnswers<number>();
  let now = 0;
  const make = async (): Promise<number> => {
    const begun = now;
    await delay(1);
    return begun;
  };
  const asked: Promise<void>[] = [];
  for (now = 1; now <= 50; now++) {
    const at = now;
    asked.push(
      answers.ask('what', make).then((begun) => {
        t.ok(begun >= at, `asked at ${at}, begun at ${begun}`);
      }),
    );
    if (at % 7 === 0) await delay(1);
  }
  await Promise.all(asked);
});

t.test('twenty who ask in a loop have one answer made for all, and that a tenth of the time', async (t) => {
  const answers = new SharedAnswers<number>();
  let made = 0;
  let given = 0;
  const worked = 5;
  const from = performance.now();
  const loop = async (): Promise<void> => {
    while (performance.now() - from < 500) {
      await answers.ask('what', async () => {
        work(worked);
        return ++made;
      });
      given++;
    }
  };
  await Promise.all(Array.from({ length: 20 }, loop));
  t.ok(made * worked * 5 < performance.now() - from, `${made} answers were made`);
  t.ok(given >= 19 * (made - 1), `${given} were given`);
});

t.test('different questions take turns; one that fails fails for those who asked it', async (t) => {
  const answers = new SharedAnswers<string>();
  const fails = [1, 2].map(() => answers.ask('bad', () => Promise.reject(new Error('no'))));
  const good = answers.ask('good', async () => 'yes');
  for (const failed of fails) await t.rejects(failed, { message: 'no' });
  t.equal(await good, 'yes');
});
