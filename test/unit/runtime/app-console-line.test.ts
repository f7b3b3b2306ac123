// How a worker puts its clients' questions to the primary: one round after the other, each answered once.
import t from 'tap';
import { ConsoleLine } from '../../../src/runtime/workers/console-line.js';

const question = (word: string) => ({ number: 1, words: [word], resp: 2 as const });
const reply = (text: string) => Buffer.from(text);

t.test('each round of questions gets its own answers', async (t) => {
  const sent: string[] = [];
  const line = new ConsoleLine((number, asked) =>
    sent.push(`${number} ${asked.map(({ words }) => words[0])}`),
  );
  const first = line.ask([question('a'), question('b')]);
  t.same(sent, ['1 a,b']);
  line.hear(1, [reply('A'), reply('B')]);
  t.same((await first).map(String), ['A', 'B']);
  const second = line.ask([question('c')]);
  t.same(sent, ['1 a,b', '2 c']);
  line.hear(1, [reply('again')]);
  line.hear(2, [reply('C')]);
  line.hear(3, [reply('D')]);
  t.same((await second).map(String), ['C']);
});

t.test('a primary that does not answer costs no more than a while', async (t) => {
  const sent: number[] = [];
  const line = new ConsoleLine((number) => sent.push(number), 1);
  const answers = await line.ask([question('a'), question('b')]);
  t.equal(answers.length, 2);
  for (const answer of answers) t.match(String(answer), /^-ERR .*\r\n$/);
  line.hear(sent.at(-1) ?? 0, [reply('late')]);
  const next = line.ask([question('c')]);
  line.hear((sent.at(-1) ?? 0) - 1, [reply('late')]);
  line.hear(sent.at(-1) ?? 0, [reply('C')]);
  t.same((await next).map(String), ['C']);
});
