import t from 'tap';
import { textLine } from '../../../src/runtime/log/text-line.js';

const at = Date.UTC(2026, 10, 30, 8, 15, 2, 123);
const line = (fields: object) => textLine(`${JSON.stringify({ level: 30, time: at, ...fields })}\n`);

t.test('a line: time, level, message, then values as they are or in quotes', async (t) => {
  t.equal(
    line({
      msg: 'listening',
      listen: '127.0.0.1:6380',
      rules: 4,
      config: 'my file',
      mode: null,
      to: ['a', 'b'],
    }),
    '2026-11-30T08:15:02.123Z INFO  listening  listen=127.0.0.1:6380 rules=4 config="my file" mode=null to=["a","b"]\n',
  );
  t.equal(line({ level: 40, msg: 'no rules' }), '2026-11-30T08:15:02.123Z WARN  no rules\n');
  t.equal(line({ level: 35, msg: '' }), '2026-11-30T08:15:02.123Z 35 \n');
});

t.test('an error has its stack below', async (t) => {
  t.equal(
    line({
      level: 60,
      msg: 'crashed',
      err: { type: 'Error', message: 'bad', stack: 'Error: bad\n    at x.js:1' },
    }),
    '2026-11-30T08:15:02.123Z FATAL crashed\n    Error: bad\n    at x.js:1\n',
  );
  t.equal(line({ msg: 'lost', err: 'not there' }), '2026-11-30T08:15:02.123Z INFO  lost  err="not there"\n');
  t.equal(line({ msg: 'lost', err: { message: 'gone' } }), '2026-11-30T08:15:02.123Z INFO  lost\n    gone\n');
});

t.test('nothing that is logged can move the cursor or make a line of its own', async (t) => {
  const bad = '\u001b[2J\n\r\u009b1A\u2028x';
  const text = line({ msg: bad, [bad]: bad, list: [bad], err: { message: bad, stack: bad } });
  t.notMatch(text.replaceAll('\n    ', '').slice(0, -1), /[\p{Cc}\u2028\u2029]/u);
  t.match(text, '\\u001b[2J');
});

t.test('lines that are not from pino stay as they are', async (t) => {
  for (const odd of ['hello\n', '{"level":30}\n', '']) t.equal(textLine(odd), odd);
});
