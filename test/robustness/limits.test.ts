// Limits of the protocol with Redis's own wording: the same bytes are sent to a server and to its twin behind the
// proxy, whole, byte by byte, and cut near the end, and the same bytes must come back up to the close.
// Each input ends with the very byte that Redis refuses: what is sent behind it could turn the close into a reset.
import t, { type Test } from 'tap';
import { command } from '../support/raw-client.js';
import { commands, everywhere, type Twins, transcript, withTwins } from '../support/twins.js';

/** Redis's PROTO_INLINE_MAX_SIZE: a line may have as many bytes without an end. */
const LINE = 64 * 1024;
/** Cuts are made before each of the last bytes: where a number, a line or the limit itself ends. */
const CUTS = 12;
const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];

interface Case {
  /** What Redis says, behind "-ERR Protocol error: ". */
  readonly error: string;
  readonly bytes: string;
}

const digits = '1'.repeat(LINE);

const HEADERS: Record<string, Case> = {
  'an inline command without end': {
    error: 'too big inline request',
    bytes: `SET a ${'x'.repeat(LINE - 5)}`,
  },
  'an argument count without end': { error: 'too big mbulk count string', bytes: `*${digits}` },
  'an argument length without end': { error: 'too big bulk count string', bytes: `*1\r\n$${digits}` },
  'the length of a later argument without end': {
    error: 'too big bulk count string',
    bytes: `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${digits}`,
  },
  'more arguments than an int can count': { error: 'invalid multibulk length', bytes: '*2147483648\r\n' },
  'an argument count of twenty digits': {
    error: 'invalid multibulk length',
    bytes: '*99999999999999999999\r\n',
  },
  'an argument count with a letter': { error: 'invalid multibulk length', bytes: '*1a\r\n' },
  'an argument count with a zero in front': { error: 'invalid multibulk length', bytes: '*01\r\n' },
  'an argument count with a plus': { error: 'invalid multibulk length', bytes: '*+1\r\n' },
  'no argument count': { error: 'invalid multibulk length', bytes: '*\r\n' },
  'a negative length': { error: 'invalid bulk length', bytes: '*2\r\n$3\r\nGET\r\n$-1\r\n' },
  'a length that is no number': { error: 'invalid bulk length', bytes: '*2\r\n$3\r\nGET\r\n$x\r\n' },
  'no length': { error: 'invalid bulk length', bytes: '*2\r\n$3\r\nGET\r\n$\r\n' },
  'a value above proto-max-bulk-len': {
    error: 'invalid bulk length',
    bytes: `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${512 * 1024 ** 2 + 1}\r\n`,
  },
  'a length of thirteen digits': {
    error: 'invalid bulk length',
    bytes: '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9999999999999\r\n',
  },
  'no dollar': { error: "expected '$', got 'x'", bytes: '*2\r\n$3\r\nGET\r\nx\r\n' },
  'quotes that do not end': { error: 'unbalanced quotes in request', bytes: 'SET a "b\r\n' },
};

const UNAUTHENTICATED: Record<string, Case> = {
  'eleven arguments': { error: 'unauthenticated multibulk length', bytes: '*11\r\n' },
  'an argument of more than 16 KB': {
    error: 'unauthenticated bulk length',
    bytes: '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$16385\r\n',
  },
  'an inline command without end': {
    error: 'too big inline request',
    bytes: `SET a ${'x'.repeat(LINE - 5)}`,
  },
};

/** In front of what is refused: its replies must come, and first. */
const BEFORE = commands('SET a 1', 'GET a', 'INCR n', 'MSET b 1 c 2', 'SETNX b 3');
/** Not FLUSHALL: behind it, in the same read, Redis 8 answers nothing that is broken until more bytes come. */
const RESTART = commands('SET n 0');

/** All ways in which the bytes may arrive, as cuts. */
function ways(bytes: Buffer): number[][] {
  const near = Array.from({ length: CUTS }, (_, i) => bytes.length - 1 - i).filter((cut) => cut > 0);
  const dribbled = bytes.length < 1000 ? everywhere(bytes) : [...near].reverse();
  return [[], dribbled, ...near.map((cut) => [cut])];
}

async function sameRefusal(t: Test, twins: Twins, before: Buffer, { error, bytes }: Case): Promise<void> {
  const sent = Buffer.concat([before, Buffer.from(bytes, 'latin1')]);
  const due = await transcript(twins.direct.port, sent);
  t.match(String(due), new RegExp(`-ERR Protocol error: ${error.replace('$', '\\$')}\r\n$`), 'direct');
  for (const cuts of ways(sent)) {
    const seen = await transcript(twins.proxy.port, sent, cuts);
    if (!seen.equals(due)) t.equal(String(seen), String(due), `cut at ${cuts}`);
  }
}

for (const [name, config] of Object.entries({ 'no rules': {}, rules: { rules: RULES } })) {
  t.test(`a request that Redis refuses, with ${name}`, { timeout: 120_000 }, async (t) => {
    const twins = await withTwins(t, config);
    for (const [what, refused] of Object.entries(HEADERS)) {
      await t.test(what, async (t) => {
        await sameRefusal(t, twins, Buffer.alloc(0), refused);
        await sameRefusal(t, twins, Buffer.concat([RESTART, BEFORE]), refused);
        await sameRefusal(t, twins, commands('MULTI', 'SET a 1'), refused);
      });
    }
  });

  t.test(`a request before authentication, with ${name}`, { timeout: 120_000 }, async (t) => {
    const twins = await withTwins(t, config, ['--requirepass', 'secret']);
    for (const [what, refused] of Object.entries(UNAUTHENTICATED)) {
      await t.test(what, async (t) => {
        await sameRefusal(t, twins, Buffer.alloc(0), refused);
        await sameRefusal(t, twins, BEFORE, refused);
        await sameRefusal(t, twins, commands('AUTH wrong'), refused);
      });
    }
    await t.test('a request that is too large before AUTH is accepted after it', async (t) => {
      const many = command('MSET', ...Array.from({ length: 20 }, (_, i) => `k${i}`));
      const sent = Buffer.concat([
        commands('AUTH secret'),
        many,
        command('SET', 'a', 'v'.repeat(20_000)),
        commands('STRLEN a', 'QUIT'),
      ]);
      const due = await transcript(twins.direct.port, sent);
      t.match(String(due), /^\+OK\r\n\+OK\r\n\+OK\r\n:20000\r\n/);
      for (const cuts of ways(sent)) {
        t.equal(String(await transcript(twins.proxy.port, sent, cuts)), String(due));
      }
    });
  });
}

t.test('a request just within the limits is no error', async (t) => {
  const twins = await withTwins(t, { rules: RULES }, ['--proto-max-bulk-len', '1mb']);
  const within: Record<string, Buffer> = {
    'an inline command of 64 KB': Buffer.from(`SET a ${'x'.repeat(LINE - 8)}\r\nSTRLEN a\r\nQUIT\r\n`),
    'a value of proto-max-bulk-len': Buffer.concat([
      command('SET', 'a', Buffer.alloc(1024 ** 2, 'v')),
      commands('STRLEN a', 'QUIT'),
    ]),
    'a negative number of arguments': Buffer.concat([Buffer.from('*-5\r\n*0\r\n'), commands('PING', 'QUIT')]),
  };
  for (const [what, sent] of Object.entries(within)) {
    const due = String(await transcript(twins.direct.port, sent));
    t.notMatch(due, /ERR/, what);
    for (const cuts of ways(sent)) t.equal(String(await transcript(twins.proxy.port, sent, cuts)), due, what);
  }
  const above = {
    error: 'invalid bulk length',
    bytes: `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${1024 ** 2 + 1}\r\n`,
  };
  await sameRefusal(t, twins, BEFORE.subarray(0, 0), above);
});
