// How a worker puts its clients' questions to the primary: one after the other, each answered once.
import t from 'tap';
import { ConsoleLine } from '../../../src/runtime/crew/console-line.js';

const question = (word: string) => ({ number: 1, words: [word], resp: 2 as const });
const reply = (text: string) => Buffer.from(text);

t.test('one is under way at a time, and each gets its own answer', async (t) => {
  const sent: string[] = [];
  const line = new ConsoleLine((number, { words }) => sent.push(`${number} ${words[0]}`));
  const answers = [line.ask(question('a')), line.ask(question('b')), line.ask(question('c'))];
  t.same(sent, ['1 a']);
  line.hear(1, reply('A'));
  t.same(sent, ['1 a', '2 b']);
  line.hear(1, reply('again'));
  line.hear(2, reply('B'));
  line.hear(3, reply('C'));
  t.same((await Promise.all(answers)).map(String), ['A', 'B', 'C']);
});

t.test('a primary that does not answer costs no more than a while', async (t) => {
  const sent: number[] = [];
  const line = new ConsoleLine((number) => sent.push(number), 1);
  const answers = await Promise.all([line.ask(question('a')), line.ask(question('b'))]);
  for (const answer of answers) t.match(String(answer), /^-ERR .*\r\n$/);
  line.hear(sent.at(-1) ?? 0, reply('late'));
  const next = line.ask(question('c'));
  line.hear((sent.at(-1) ?? 0) - 1, reply('late'));
  line.hear(sent.at(-1) ?? 0, reply('C'));
  t.equal(String(await next), 'C');
});
