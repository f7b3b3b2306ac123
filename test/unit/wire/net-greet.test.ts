import net, { type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import type { Greeting } from '../../../src/core/session/pooling/identity.js';
import { greet, Refused } from '../../../src/wire/upstream/greet.js';
import { connectUpstream, type UpstreamSocket } from '../../../src/wire/upstream/upstream-socket.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

const must = (...words: string[]): Greeting => ({ command: encodeCommand(...words), essential: true });
const may = (...words: string[]): Greeting => ({ command: encodeCommand(...words), essential: false });
const UNKNOWN = '-ERR unknown command\r\n';
const NOAUTH = '-NOAUTH HELLO must be called with the client already authenticated\r\n';
const FULL = '-ERR max number of clients reached\r\n';

type Outcome = 'greeted' | 'shut' | 'not told' | { refused: string } | { failed: string };

/** What comes of a greeting when the server does that at once. */
async function outcome(
  t: Test,
  greeting: readonly Greeting[],
  serve: (socket: Socket) => void,
): Promise<{ outcome: Outcome; heard: string }> {
  let heard = '';
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    serve(socket);
  });
  const port = await listen(server);
  const socket: UpstreamSocket = connectUpstream(
    { host: '127.0.0.1', port, connectTimeoutMs: 5000, keepAliveMs: 0 },
    (bytes) => socket.hear(bytes),
  );
  t.teardown(() => {
    socket.destroy();
    server.close();
  });
  let seen: Outcome | undefined;
  let times = 0;
  greet(socket, greeting, (error, open) => {
    times++;
    if (error === undefined) seen = open ? 'greeted' : 'shut';
    else seen = error instanceof Refused ? { refused: String(error.words) } : { failed: error.message };
  });
  const over = (): void => {
    seen ??= 'not told';
  };
  socket.on('end', over).on('error', over);
  await until(() => seen !== undefined);
  t.equal(times, seen === 'not told' ? 0 : 1);
  if (seen === undefined) throw new Error('until() has waited for it');
  return { outcome: seen, heard };
}

/** Writes byte by byte, each in a turn of its own; then ends, if so told. */
const slowly =
  (text: string, end = false) =>
  (socket: Socket): void => {
    socket.setNoDelay(true);
    const next = (i: number): void => {
      if (i < text.length) socket.write(text[i], 'latin1', () => setImmediate(next, i + 1));
      else if (end) socket.end();
    };
    next(0);
  };
const atOnce =
  (text: string, end = false) =>
  (socket: Socket): void => {
    socket.write(text, 'latin1');
    if (end) socket.end();
  };
const hello = must('HELLO', '3');
const select = must('SELECT', '3');
const name = may('CLIENT', 'SETNAME', 'me');
const HELLO = '%1\r\n+proto\r\n:3\r\n';
const UNASKED = { failed: 'the server sent a reply that no command was waiting for' };

const CASES: readonly (readonly [what: string, Greeting[], said: string, ends: boolean, Outcome])[] = [
  ['all is answered', [hello, select], `${HELLO}+OK\r\n`, false, 'greeted'],
  ['one answer is enough if it is no error', [select], '+OK\r\n', false, 'greeted'],
  ['nothing to say: HELLO is said', [], '*2\r\n+proto\r\n:2\r\n', false, 'greeted'],
  ['a login is wanted', [], NOAUTH, false, 'shut'],
  ['a login is wanted of a name, too', [name, select], `${NOAUTH}+OK\r\n`, false, 'shut'],
  ['names may be refused', [select, name], '+OK\r\n-ERR no\r\n', false, 'greeted'],
  ['full, with nothing to say', [], FULL, true, { refused: FULL }],
  ['full, with a name to say', [name], FULL, true, { refused: FULL }],
  ['full, with all to say', [hello, select, name], FULL, true, { refused: FULL }],
  ['rights are refused', [select], '-NOPERM no\r\n', false, { refused: '-NOPERM no\r\n' }],
  ['the second is refused', [hello, select], `${HELLO}-BUSY\r\n`, false, { refused: '-BUSY\r\n' }],
  ['an end without a word', [hello, select], '', true, 'not told'],
  ['an end behind half of it', [hello, select], HELLO, true, 'not told'],
  ['more than was asked', [select], '+OK\r\n+MORE\r\n', false, UNASKED],
  ['no RESP', [select], '?\r\n', false, UNASKED],
];

for (const [what, greeting, said, ends, due] of CASES) {
  t.test(what, async (t) => {
    t.same((await outcome(t, greeting, atOnce(said, ends))).outcome, due);
    // Byte by byte what is too much comes when all has been answered.
    if (what !== 'more than was asked')
      t.same((await outcome(t, greeting, slowly(said, ends))).outcome, due, 'byte by byte');
  });
}

t.test('the words of a greeting', async (t) => {
  const bare = may('HELLO', '2');
  const ping = may('PING');
  // Each is said when something has been heard.
  const dialogues: readonly (readonly [Greeting[], answers: string[], heard: Greeting[], Outcome])[] = [
    [[select, name], ['+OK\r\n+OK\r\n'], [select, name], 'greeted'],
    [[select], ['+OK\r\n'], [select], 'greeted'],
    [[], [NOAUTH], [bare], 'shut'],
    [[], [UNKNOWN, '-NOAUTH\r\n'], [bare, ping], 'shut'],
    [[], [UNKNOWN, '+PONG\r\n'], [bare, ping], 'greeted'],
    [[name], ['-ERR no\r\n', '+PONG\r\n'], [name, ping], 'greeted'],
  ];
  for (const [greeting, answers, heard, due] of dialogues) {
    const said = [...answers];
    const serve = (socket: Socket): void => void socket.on('data', () => socket.write(said.shift() ?? ''));
    t.same(await outcome(t, greeting, serve), {
      outcome: due,
      heard: heard.map(({ command }) => String(command)).join(''),
    });
  }
});

t.test('an answer without end', async (t) => {
  const endless = `$1000000\r\n${'x'.repeat(100_000)}`;
  t.same((await outcome(t, [select], atOnce(endless))).outcome, UNASKED);
});
