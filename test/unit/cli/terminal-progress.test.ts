// The line that tells how far a tool is: drawn in place on a terminal, which is as it was before once it is gone.
import { PassThrough } from 'node:stream';
import t from 'tap';
import { Progress } from '../../../src/cli/terminal/progress.js';

/** A terminal that remembers what was written, and the two modes that are set on the way. */
function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, rows: 24, columns: 80 });
  let text = '';
  stream.on('data', (bytes: Buffer) => {
    text += bytes;
  });
  const last = (on: string, off: string) => text.lastIndexOf(on) >= text.lastIndexOf(off);
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    text: () => text,
    /** The cursor is seen, and long lines wrap. */
    asBefore: () => last('\x1b[?25h', '\x1b[?25l') && last('\x1b[?7h', '\x1b[?7l'),
  };
}

function progressOn(isTTY: boolean) {
  const at = { ms: 0 };
  const where = terminal(isTTY);
  const progress = new Progress({ stream: where.stream, unit: 'keys', clock: () => at.ms });
  const pass = (ms: number, keys: number): void => {
    at.ms += ms;
    progress.advance(keys);
  };
  return { ...where, progress, pass };
}

t.test('a terminal is left as it was, whether anything was drawn or not', async (t) => {
  for (const drawn of [0, 1, 3]) {
    const { progress, pass, asBefore, text } = progressOn(true);
    progress.begin('walk', 100);
    for (let i = 0; i < drawn; i++) pass(1000, 10);
    t.equal(asBefore(), drawn === 0);
    progress.close();
    t.ok(asBefore(), `drawn ${drawn} times`);
    const before = text();
    progress.close();
    t.equal(text(), before, 'closed twice');
    if (drawn === 0) t.equal(text(), '');
  }
});

t.test('a line that stays, in between, is written with the terminal as it was', async (t) => {
  const { progress, pass, asBefore, text } = progressOn(true);
  progress.begin('walk', 100);
  pass(1000, 10);
  progress.say('x'.repeat(200));
  t.ok(asBefore());
  t.ok(text().endsWith(`${'x'.repeat(200)}\n`));
  pass(1000, 10);
  t.notOk(asBefore());
  progress.close();
  t.ok(asBefore());
});

t.test('the line says how far, how fast, and how long it still takes', async (t) => {
  const { progress, pass, text } = progressOn(false);
  progress.begin('walk', 100_000);
  for (let i = 0; i < 10; i++) pass(1000, 1000);
  t.equal(text(), 'walk  10,000 of 100,000 (10%) keys  1,000/s  2 min left\n', 'a line now and then');
  for (let i = 0; i < 3; i++) progress.waiting(`busy ${i}`);
  t.notMatch(text(), 'busy', 'not at each change');
  pass(10_000, 0);
  t.match(text(), /waiting: busy 2\n$/);
  progress.close();
  t.notMatch(text(), '\x1b');
});
