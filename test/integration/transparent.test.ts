// The proxy is not there, as far as a client can tell: the same bytes sent to a server and to its twin behind the
// proxy get the same bytes back, whether rules match or not.
import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, connectRaw, type RawClient } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, everywhere, transcript, wipe } from '../support/twins.js';
import { until } from '../support/wait.js';

const everyKey = { match: '*', ttl: '1h', maxTtl: '2h' };
const CONFIGS: Record<string, Record<string, unknown>> = {
  'no rules': {},
  'rules that match nothing': {
    rules: [{ name: 'none', match: 'no-such-key:*', ttl: '1h', applyTo: 'all' }],
  },
  'rules that match everything': { rules: [{ name: 'every', ...everyKey, applyTo: 'all' }] },
  'observed rules': { mode: 'observe', rules: [{ name: 'every', ...everyKey, applyTo: 'all' }] },
};

/** What two runs may differ in without being different: connection ids, and MONITOR's times and addresses. */
function normalised(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/\$2\r\nid\r\n:\d+/g, '$2\r\nid\r\n:N')
    .replace(/\d+\.\d{6} \[(\d+) (?:127\.0\.0\.1:\d+|lua)\]/g, 'T [$1 A]');
}

interface Place {
  readonly name: string;
  readonly port: number;
  readonly admin: RawClient;
}

/** The direct server first, then one proxy for each config, all in front of one twin. */
async function places(t: Test, args: readonly string[], url = (port: number) => `redis://127.0.0.1:${port}`) {
  const [direct, behind] = await Promise.all([withRedis(t, args), withRedis(t, args)]);
  const clients = [await connectRaw(direct.port), await connectRaw(behind.port)];
  t.teardown(() => {
    for (const client of clients) client.destroy();
  });
  const all: Place[] = [{ name: 'direct', port: direct.port, admin: clients[0] }];
  const proxies: TestProxy[] = [];
  for (const [name, config] of Object.entries(CONFIGS)) {
    const proxy = await withProxy(t, {
      redis: behind,
      config: { ...config, upstream: { url: url(behind.port) } },
    });
    proxies.push(proxy);
    all.push({ name, port: proxy.port, admin: clients[1] });
  }
  return { all, proxies, clients };
}

type Scenario = (open: () => Promise<RawClient>) => Promise<(Buffer | string)[]>;

/** Runs a scenario at every place on a wiped server and compares what it saw. */
async function same(t: Test, all: readonly Place[], name: string, scenario: Scenario): Promise<void> {
  let expected: string[] | undefined;
  for (const { name: place, port, admin } of all) {
    await wipe(admin);
    const opened: RawClient[] = [];
    const open = async () => {
      const client = await connectRaw(port, 10_000);
      opened.push(client);
      return client;
    };
    try {
      const seen = (await scenario(open)).map((part) => (typeof part === 'string' ? part : normalised(part)));
      if (expected === undefined) expected = seen;
      else compare(t, seen, expected, `${name}, ${place}`);
    } finally {
      for (const client of opened) client.destroy();
    }
  }
}

/** Long transcripts would drown the report: only where they part is shown. */
function compare(t: Test, seen: readonly string[], expected: readonly string[], name: string): void {
  const [a, b] = [seen.join('\0'), expected.join('\0')];
  if (a === b) {
    t.pass(name);
    return;
  }
  let at = 0;
  while (a[at] === b[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 60), at + 200);
  t.equal(around(a), around(b), `${name}: ${a.length} and ${b.length} bytes, apart at ${at}`);
}

const resp3 = (...lines: string[]) => commands('HELLO 3', ...lines);

/** Sent whole and byte by byte; QUIT follows, and everything up to the close is compared. */
const PIPELINES: Record<string, Buffer> = {
  strings: commands('SET a 1', 'GET a', 'APPEND a 23', 'STRLEN a', 'INCR a', 'GETDEL a', 'GET a'),
  'SET in its forms': commands(
    ...['SET s 1', 'SET s 2 GET', 'SET s 3 NX', 'SET s 4 XX', 'SET s 5 XX GET', 'SET n 1 NX', 'SET x 1 XX'],
    ...[
      'SET s 6 EX 100',
      'SET s 7 PX 100000',
      'SET s 8 KEEPTTL',
      'SET s 9 EXAT 33177117420',
      'set S 1 ex 10 nx',
    ],
    ...['SET s 1 EX', 'SET s 1 EX 0', 'SET s 1 EX -1', 'SET s 1 EX x', 'SET s 1 EX 1 PX 1', 'SET s 1 NX XX'],
    ...[
      'SET s 1 KEEPTTL EX 1',
      'SET s 1 BOGUS',
      'SET s',
      'SET',
      'GET s',
      'SET s 1 GET GET',
      'SET s 1 NX GET',
    ],
  ),
  'string writes without options': commands(
    ...[
      'SETNX a 1',
      'SETNX a 2',
      'GETSET a 3',
      'GETSET new 1',
      'MSET a 1 b 2',
      'MSETNX c 1 d 2',
      'MSETNX c 1 e 2',
    ],
    ...[
      'MSET a',
      'MSET a 1 b',
      'SETEX a 100 v',
      'SETEX a 0 v',
      'SETEX a x v',
      'PSETEX a 100 v',
      'GETEX a PERSIST',
    ],
    ...[
      'GETEX a EX 100000',
      'GETEX a EX',
      'GETEX nope PX 1',
      'SETRANGE a 2 xy',
      'SETBIT bits 7 1',
      'INCRBYFLOAT f 1.5',
    ],
  ),
  'every other type': commands(
    ...[
      'HSET h f v g w',
      'HINCRBY h n 2',
      'HGETALL h',
      'LPUSH l a b c',
      'RPUSH l d',
      'LRANGE l 0 -1',
      'LMOVE l m LEFT RIGHT',
    ],
    ...[
      'SADD s a',
      'SMOVE s s2 a',
      'ZADD z 1 a 2 b',
      'ZADD z NX 1 c',
      'ZINCRBY z 2 a',
      'ZRANGESTORE zs z 0 -1',
      'SORT l ALPHA STORE sl',
    ],
    ...[
      'XADD x 1-1 f v',
      'XRANGE x - +',
      'XGROUP CREATE x g 0',
      'XREADGROUP GROUP g c STREAMS x >',
      'XACK x g 1-1',
    ],
    ...[
      'PFADD p a b',
      'PFMERGE p2 p',
      'PFCOUNT p2',
      'GEOADD g 13.3 38.1 P',
      'GEOSEARCHSTORE gs g FROMMEMBER P BYRADIUS 1 km',
    ],
    ...[
      'BITOP AND bo a b',
      'COPY h h2',
      'RENAME h2 h3',
      'RPOPLPUSH l m',
      'HSET l f v',
      'INCR l',
      'LPUSH h x',
      'SINTERSTORE si s s2',
    ],
  ),
  errors: commands(
    'NOSUCH',
    'nosuch a b c',
    'GET',
    'GET a b',
    'INCR',
    'EXEC',
    'DISCARD',
    'CLIENT NOPE',
    'OBJECT HELP',
  ),
  'HELLO back and forth': commands(
    ...[
      'HSET h f v',
      'HGETALL h',
      'HELLO 3',
      'HGETALL h',
      'GET none',
      'HELLO 2',
      'GET none',
      'HELLO 4',
      'HELLO 3 SETNAME me',
    ],
    ...[
      'HGETALL h',
      'CLIENT GETNAME',
      'HELLO',
      'HELLO x',
      'HELLO 2',
      'HGETALL h',
      'SMISMEMBER none a b',
      'ZADD z 1.5 a',
      'HELLO 3',
      'ZSCORE z a',
    ],
  ),
  SELECT: commands(
    'SET a 0',
    'SELECT 3',
    'GET a',
    'SETNX a 3',
    'SELECT 99',
    'GET a',
    'SWAPDB 0 3',
    'GET a',
    'MOVE a 5',
  ),
  MULTI: commands(
    ...[
      'MULTI',
      'SET a 1',
      'SETNX b 2',
      'INCR c',
      'MSET d 1 e 2',
      'GET a',
      'EXEC',
      'MULTI',
      'EXEC',
      'MULTI',
      'SETNX q 1',
      'DISCARD',
    ],
    ...['EXISTS q', 'MULTI', 'MULTI', 'SETNX z 1', 'EXEC', 'EXEC', 'GET a'],
  ),
  EXECABORT: commands(
    'MULTI',
    'SETNX a 1',
    'NOSUCH',
    'EXEC',
    'EXISTS a',
    'MULTI',
    'SET a',
    'SETNX a 1',
    'EXEC',
    'EXISTS a',
  ),
  'errors inside EXEC': commands('SET s x', 'MULTI', 'LPUSH s 1', 'SETNX t 1', 'INCR s', 'EXEC', 'GET t'),
  'EXEC and DISCARD with too many arguments': commands(
    'MULTI',
    'SETNX a 1',
    'EXEC x',
    'DISCARD x',
    'EXEC',
    'EXISTS a',
    'MULTI x',
    'SETNX a 1',
  ),
  WATCH: commands(
    'WATCH a',
    'SET a 1',
    'MULTI',
    'SETNX b 1',
    'EXEC',
    'EXISTS b',
    'WATCH a',
    'UNWATCH',
    'SET a 1',
    'MULTI',
    'SETNX b 1',
    'EXEC',
    'MULTI',
    'WATCH a',
    'EXEC',
  ),
  'RESET in MULTI': commands(
    'SELECT 2',
    'MULTI',
    'SETNX a 1',
    'RESET',
    'EXEC',
    'EXISTS a',
    'SETNX a 1',
    'GET a',
  ),
  'RESET after HELLO 3': resp3('GET none', 'RESET', 'GET none', 'SETNX a 1'),
  'SELECT and HELLO inside MULTI': commands(
    'MULTI',
    'SETNX a 1',
    'SELECT 4',
    'SETNX a 2',
    'EXEC',
    'GET a',
    'MULTI',
    'HELLO 3',
    'SETNX b 1',
    'EXEC',
    'GET none',
  ),
  'pub/sub in RESP2': commands(
    ...[
      'SUBSCRIBE a b a',
      'PSUBSCRIBE p*',
      'PING',
      'PING hi',
      'GET x',
      'SET x 1',
      'UNSUBSCRIBE a',
      'UNSUBSCRIBE',
      'UNSUBSCRIBE',
    ],
    ...[
      'SUBSCRIBE c',
      'PUNSUBSCRIBE',
      'PUNSUBSCRIBE',
      'UNSUBSCRIBE nope',
      'UNSUBSCRIBE',
      'SETNX x 1',
      'GET x',
      'SUBSCRIBE',
      'SSUBSCRIBE s1',
      'SUNSUBSCRIBE',
      'SET x 2',
      'PING',
    ],
  ),
  'pub/sub in RESP3': resp3(
    ...[
      'SUBSCRIBE a b a',
      'PSUBSCRIBE p*',
      'PING',
      'SETNX x 1',
      'GET x',
      'PUBLISH a to-myself',
      'SET x 2',
      'UNSUBSCRIBE a',
      'UNSUBSCRIBE',
      'UNSUBSCRIBE',
    ],
    ...[
      'SUBSCRIBE c',
      'PUNSUBSCRIBE',
      'PUNSUBSCRIBE',
      'UNSUBSCRIBE nope',
      'INCR n',
      'SUBSCRIBE',
      'SSUBSCRIBE s1',
      'SUNSUBSCRIBE',
      'PUBLISH c x',
      'PING',
    ],
  ),
  'from subscribed RESP3 to RESP2': resp3(
    'SUBSCRIBE a',
    'HELLO 2',
    'PING',
    'SET x 1',
    'PUBLISH a no',
    'UNSUBSCRIBE',
    'SETNX x 1',
  ),
  'RESET while subscribed': commands(
    'SUBSCRIBE a',
    'PSUBSCRIBE b*',
    'RESET',
    'SETNX x 1',
    'PUBLISH a x',
    'GET x',
  ),
  'SUBSCRIBE inside MULTI': commands(
    'MULTI',
    'SUBSCRIBE a b',
    'SETNX x 1',
    'EXEC',
    'PING',
    'UNSUBSCRIBE a b',
    'GET x',
  ),
  'CLIENT REPLY': commands(
    ...[
      'SET a 1',
      'CLIENT REPLY OFF',
      'SETNX b 1',
      'INCR c',
      'NOSUCH',
      'CLIENT REPLY ON',
      'MGET a b c',
      'CLIENT REPLY SKIP',
      'SETNX d 1',
    ],
    ...[
      'GET d',
      'CLIENT REPLY SKIP',
      'CLIENT REPLY SKIP',
      'GET d',
      'GET d',
      'CLIENT REPLY NOPE',
      'CLIENT REPLY',
      'CLIENT REPLY ON',
      'GET a',
    ],
  ),
  'CLIENT REPLY as the first commands': commands(
    'CLIENT REPLY SKIP',
    'SETNX a 1',
    'GET a',
    'CLIENT REPLY OFF',
    'CLIENT REPLY SKIP',
    'SETNX b 1',
    'CLIENT REPLY OFF',
    'CLIENT REPLY ON',
    'GET b',
  ),
  'CLIENT REPLY and MULTI': commands(
    ...[
      'CLIENT REPLY SKIP',
      'MULTI',
      'SETNX a 1',
      'EXEC',
      'GET a',
      'MULTI',
      'SETNX b 1',
      'CLIENT REPLY SKIP',
      'EXEC',
      'GET b',
    ],
    ...['CLIENT REPLY OFF', 'MULTI', 'SETNX c 1', 'EXEC', 'CLIENT REPLY ON', 'GET c'],
  ),
  'CLIENT REPLY OFF inside MULTI': commands(
    'MULTI',
    'SETNX a 1',
    'CLIENT REPLY OFF',
    'EXEC',
    'GET a',
    'CLIENT REPLY ON',
    'GET a',
  ),
  'CLIENT REPLY and subscriptions': commands(
    'CLIENT REPLY SKIP',
    'SUBSCRIBE a',
    'PING',
    'UNSUBSCRIBE a',
    'SETNX x 1',
    'GET x',
  ),
  'HELLO 3 in silence': commands(
    ...[
      'RPUSH l message a b',
      'CLIENT REPLY OFF',
      'HELLO 3',
      'CLIENT REPLY ON',
      'SUBSCRIBE a',
      'LRANGE l 0 -1',
    ],
    ...['SETNX k 1', 'GET k', 'SETNX j 1', 'GET j'],
  ),
  'CLIENT REPLY OFF while subscribed': commands(
    'SUBSCRIBE a',
    'CLIENT REPLY OFF',
    'CLIENT REPLY SKIP',
    'PING',
    'UNSUBSCRIBE',
    'GET x',
  ),
  'CLIENT REPLY OFF, then RESET': commands('CLIENT REPLY OFF', 'SETNX a 1', 'RESET', 'GET a'),
  tracking: resp3(
    'CLIENT TRACKING ON',
    'SET a 1',
    'GET a',
    'SET a 2',
    'GET a',
    'SET a 3',
    'CLIENT TRACKING OFF',
    'SET a 4',
  ),
  'tracking, OPTIN': resp3(
    'CLIENT TRACKING ON OPTIN',
    'CLIENT CACHING YES',
    'GET a',
    'SET a 1',
    'GET a',
    'SET a 2',
    'CLIENT CACHING NO',
    'GET a',
    'SET a 2',
    'CLIENT CACHING YES',
    'SET b 1',
  ),
  'CLIENT and other housekeeping': commands(
    ...[
      'CLIENT SETNAME x',
      'CLIENT GETNAME',
      'CLIENT NO-EVICT ON',
      'CLIENT NO-EVICT OFF',
      'CLIENT TRACKINGINFO',
      'CLIENT CACHING YES',
      'SETNX a 1',
    ],
    ...[
      'ECHO hello',
      'PING',
      'PING x',
      'WAIT 0 0',
      'DBSIZE',
      'TYPE a',
      'OBJECT ENCODING a',
      'ASKING',
      'READONLY',
      'READWRITE',
      'CLUSTER INFO',
    ],
  ),
  scripts: Buffer.concat([
    command('EVAL', "return redis.call('SET', KEYS[1], ARGV[1])", 1, 'k', 'v'),
    command('EVAL', "return {1, {2, 'x'}, redis.status_reply('FINE'), false}", 0),
    command('EVAL', 'redis.setresp(3); return {map={a={double=3.5}}}', 0),
    command('EVAL', 'return redis.error_reply("MINE own")', 0),
    command('EVAL', 'this is not lua', 0),
    command('SCRIPT', 'LOAD', 'return 42'),
    command('EVALSHA', '1fa00e76656cc152ad327c13fe365858fd7be306', 0),
    command('EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', 0),
    command(
      'FUNCTION',
      'LOAD',
      "#!lua name=lib\nredis.register_function('f', function(k, a) return a[1] end)",
    ),
    command('FCALL', 'f', 1, 'k', 'hi'),
    commands('SETNX k2 1', 'GET k'),
  ]),
  inline: Buffer.from(
    'PING\r\nset a 1\r\nGET a\n   get   a  \r\nSET "a b" "x\\x41\\n"\r\nGET "a b"\r\nSETNX i \'it\\\'s\'\r\nGET i\r\n\r\n\nSET e ""\r\nGET e\r\n' +
      'SETEX e 99999999 v\r\nMSET q 1 r 2\r\nNOSUCH\r\nSET a\r\nGET a\r\n',
  ),
  'inline and multibulk mixed': Buffer.concat([
    commands('SET a 1'),
    Buffer.from('GET a\r\n'),
    commands('SETNX b 1'),
    Buffer.from('SETNX c 1\r\nGET c\r\n'),
    commands('GET b'),
  ]),
  'empty multibulks': Buffer.from('*0\r\n*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n*-5\r\n*1\r\n$4\r\nPING\r\n*0\r\n'),
  'empty and binary': Buffer.concat([
    command('SET', '', ''),
    command('GET', ''),
    command('SETNX', Buffer.from([0, 13, 10, 255]), Buffer.from('\r\n$5\r\n*3\r\n')),
    command('GET', Buffer.from([0, 13, 10, 255])),
    command('MSET', '', 'x', '\r\n', '\r\n'),
    command('MGET', '', '\r\n'),
    command(''),
    command('', ''),
    command(Buffer.from([0, 1, 2])),
    command('HSET', Buffer.alloc(300, 0), '', ''),
  ]),
};

/** Redis refuses each with words of its own and closes. */
const MALFORMED: Record<string, string> = {
  'no number of arguments': '*x\r\n',
  'too many arguments': '*2147483648\r\n',
  'a huge number of arguments': '*99999999999999999999\r\n',
  'arguments that are no bulks': '*1\r\n:1\r\n',
  'no bulk length': '*1\r\n$x\r\n',
  'a negative bulk length': '*1\r\n$-1\r\n',
  'a bulk length over the limit': '*1\r\n$536870913\r\n',
  'a leading zero': '*01\r\n$4\r\nPING\r\n',
  'a plus sign': '*+1\r\n$4\r\nPING\r\n',
  'an empty count': '*\r\n',
  'an empty length': '*1\r\n$\r\n',
  'unbalanced quotes': 'SET a "b\r\n',
  'a quote followed by text': 'SET a "b"c\r\n',
  'an inline line without end': 'x'.repeat(70_000),
  'a count line without end': `*${'1'.repeat(70_000)}`,
  'in the middle of a SET': '*3\r\n$3\r\nSET\r\n$1\r\na\r\n+x\r\n',
  'after good commands': '*1\r\n$4\r\nPING\r\n*5\r\n$5\r\nSETNX\r\n$-7\r\n',
  'inside MULTI': '*1\r\n$5\r\nMULTI\r\n*1\r\n$x\r\n',
};

t.test('pipelines', async (t) => {
  const { all } = await places(t, []);
  for (const [name, bytes] of Object.entries(PIPELINES)) {
    const full = Buffer.concat([bytes, commands('QUIT')]);
    await same(t, all, name, async (open) => {
      const client = await open();
      void client.write(full);
      return [await client.readUntilClosed()];
    });
  }
});

t.test('pipelines, byte by byte', async (t) => {
  const { all } = await places(t, []);
  for (const [name, bytes] of Object.entries(PIPELINES)) {
    const full = Buffer.concat([bytes, commands('QUIT')]);
    const seen: string[] = [];
    for (const { port, admin } of [all[0], all[3]]) {
      await wipe(admin);
      seen.push(normalised(await transcript(port, full, everywhere(full))));
    }
    compare(t, [seen[1]], [seen[0]], name);
  }
});

t.test('broken protocol gets the error and the close of Redis', async (t) => {
  const { all } = await places(t, []);
  for (const [name, text] of Object.entries(MALFORMED)) {
    await same(t, all, name, async (open) => {
      const client = await open();
      void client.write(text);
      return [await client.readUntilClosed()];
    });
  }
});

/** The element that tells one confirmation from another: servers go through their channels in an order of their own. */
const sorted = (replies: readonly Buffer[]) => replies.map((reply) => String(reply)).sort();

t.test('several connections', async (t) => {
  const { all } = await places(t, ['--enable-debug-command', 'yes']);

  await same(t, all, 'WATCH and a conflict', async (open) => {
    const [a, b] = [await open(), await open()];
    return [
      await a.call('SET', 'k', 1),
      await a.call('WATCH', 'k'),
      await b.call('SET', 'k', 2),
      await a.call('MULTI'),
      await a.call('SETNX', 'other', 1),
      await a.call('EXEC'),
      await a.call('EXISTS', 'other'),
      await a.call('WATCH', 'k'),
      await b.call('GET', 'k'),
      await a.call('MULTI'),
      await a.call('SETNX', 'other', 1),
      await a.call('EXEC'),
      await b.call('GET', 'other'),
    ];
  });

  for (const version of [2, 3]) {
    await same(t, all, `messages among replies, RESP${version}`, async (open) => {
      const [reader, writer] = [await open(), await open()];
      const seen = [await reader.call('HELLO', version)];
      void reader.write(commands('SUBSCRIBE one two', 'PSUBSCRIBE o* t*'));
      seen.push(...(await reader.readReplies(4)));
      for (let i = 0; i < 50; i++) {
        const channel = i % 2 === 0 ? 'one' : 'two';
        seen.push(await writer.call('PUBLISH', channel, `message ${i}`));
        seen.push(...(await reader.readReplies(2)));
        // A confirmation or a PONG between messages, and in RESP3 any reply at all.
        seen.push(await reader.call('PING', `ping ${i}`));
        if (version === 3)
          seen.push(await reader.call('SETNX', `k${i}`, i), await reader.call('GET', `k${i}`));
        else seen.push(await reader.call('SUBSCRIBE', 'one'));
      }
      void reader.write(commands('UNSUBSCRIBE'));
      seen.push(
        ...sorted(await reader.readReplies(2)).map((reply) => Buffer.from(reply.replace(/:\d/, ':n'))),
      );
      void reader.write(commands('PUNSUBSCRIBE', 'PING'));
      const last = await reader.readReplies(3);
      seen.push(last[2], await writer.call('PUBLISH', 'one', 'nobody'), await reader.call('SETNX', 'end', 1));
      return seen;
    });
  }

  await same(t, all, 'an UNSUBSCRIBE in the pipeline behind messages', async (open) => {
    const [reader, writer] = [await open(), await open()];
    const seen = [await reader.call('SUBSCRIBE', 'a')];
    for (let i = 0; i < 20; i++) seen.push(await writer.call('PUBLISH', 'a', 'message'));
    void reader.write(commands('PING', 'UNSUBSCRIBE', 'SETNX k 1', 'GET k', 'LRANGE l 0 -1'));
    return [...seen, ...(await reader.readReplies(25))];
  });

  await same(t, all, 'a list that looks like a message', async (open) => {
    const [reader, writer] = [await open(), await open()];
    return [
      await writer.call('RPUSH', 'l', 'message', 'a', 'x'),
      await reader.call('SUBSCRIBE', 'a'),
      await reader.call('UNSUBSCRIBE', 'a'),
      await reader.call('LRANGE', 'l', 0, -1),
      await reader.call('SETNX', 'k', 1),
      await reader.call('GET', 'k'),
    ];
  });

  await same(t, all, 'BLPOP, woken by another', async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('SETNX before 1', 'BLPOP q 0', 'SETNX after 1', 'GET after'));
    await a.readReplies(1);
    await until(
      async () => !String(await b.call('CLIENT', 'LIST')).includes('no-blocked') && (await blocked(b)),
    );
    return [await b.call('RPUSH', 'q', 'x'), ...(await a.readReplies(3))];
  });

  await same(t, all, 'BLPOP, BRPOPLPUSH and BZPOPMIN that time out', async (open) => {
    const a = await open();
    void a.write(
      commands(
        'BLPOP q 0.01',
        'BRPOPLPUSH a b 0.01',
        'BZPOPMIN z 0.01',
        'XREAD BLOCK 10 STREAMS x $',
        'GET k',
      ),
    );
    return a.readReplies(5);
  });

  for (const how of ['TIMEOUT', 'ERROR']) {
    await same(t, all, `CLIENT UNBLOCK ${how}`, async (open) => {
      const [a, b] = [await open(), await open()];
      const id = String(await a.call('CLIENT', 'ID')).slice(1, -2);
      void a.write(commands('BLPOP q 0', 'SETNX k 1'));
      await until(() => blocked(b));
      return [await b.call('CLIENT', 'UNBLOCK', id, how), ...(await a.readReplies(2))];
    });
  }

  await same(t, all, 'CLIENT KILL of itself and of another', async (open) => {
    const [a, b] = [await open(), await open()];
    const id = (await String(await a.call('CLIENT', 'ID'))).slice(1, -2);
    const own = String(await b.call('CLIENT', 'ID')).slice(1, -2);
    const seen = [await b.call('CLIENT', 'KILL', 'ID', id), await a.readUntilClosed()];
    void b.write(command('CLIENT', 'KILL', 'ID', own, 'SKIPME', 'no'));
    return [...seen, await b.readUntilClosed()];
  });

  await same(t, all, 'DEBUG SLEEP, and a client that waits behind it', async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('DEBUG SLEEP 0.05', 'SETNX k 1'));
    return [...(await a.readReplies(2)), await b.call('SET', 'k', 2)];
  });

  await same(t, all, 'MONITOR, then RESET', async (open) => {
    const [a, b] = [await open(), await open()];
    // Behind the proxy its memory monitor's commands are seen as well, whenever they come.
    const next = async (expected: string) => {
      for (;;) {
        const [line] = await a.readReplies(1);
        if (String(line).includes(expected)) return line;
      }
    };
    const seen = [await a.call('MONITOR'), await b.call('GET', 'x'), await next('"GET" "x"')];
    seen.push(await b.call('GET', 'y'), await next('"GET" "y"'));
    void a.write(commands('RESET'));
    seen.push(await next('+RESET'), await a.call('GET', 'x'), await a.call('SETNX', 'x', 1));
    return seen;
  });

  await same(t, all, 'MONITOR with an argument too many, and inside MULTI', async (open) => {
    const a = await open();
    void a.write(commands('MONITOR x', 'MULTI', 'MONITOR', 'EXEC', 'SETNX a 1', 'GET a'));
    return a.readReplies(6);
  });

  await same(t, all, 'invalidations while another writes', async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [await a.call('HELLO', 3), await a.call('CLIENT', 'TRACKING', 'ON')];
    for (let i = 0; i < 10; i++) {
      seen.push(await b.call('SET', 'k', i), await a.call('GET', 'k'), await b.call('SET', 'k', 'new'));
      seen.push(...(await a.readReplies(1)), await a.call('SETNX', `n${i}`, 1));
    }
    return seen;
  });

  await same(t, all, 'invalidations of a prefix', async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [
      await a.call('HELLO', 3),
      await a.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 't:'),
    ];
    for (let i = 0; i < 5; i++) {
      seen.push(
        await b.call('SET', `t:${i}`, 1),
        ...(await a.readReplies(1)),
        await b.call('SET', `u:${i}`, 1),
      );
      seen.push(await a.call('GET', `u:${i}`));
    }
    return seen;
  });

  await same(t, all, 'invalidations redirected to a RESP2 subscriber', async (open) => {
    const [a, b] = [await open(), await open()];
    const id = String(await b.call('CLIENT', 'ID')).slice(1, -2);
    const seen = [await b.call('SUBSCRIBE', '__redis__:invalidate')];
    seen.push(await a.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), await a.call('GET', 'k'));
    seen.push(await a.call('SET', 'k', 1), ...(await b.readReplies(1)), await b.call('PING'));
    return seen;
  });
});

async function blocked(client: RawClient): Promise<boolean> {
  return String(await client.call('INFO', 'clients')).includes('blocked_clients:1');
}

t.test('sizes', async (t) => {
  const { all } = await places(t, []);

  await same(t, all, '100,000 commands and a reader that starts late', async (open) => {
    const client = await open();
    client.socket.pause();
    const one = commands('SET k v', 'GET k', 'SETNX n 1', 'INCR c');
    const written = client.write(Buffer.concat([...Array<Buffer>(25_000).fill(one), commands('QUIT')]));
    await until(() => client.socket.bytesWritten > 2_000_000);
    client.socket.resume();
    await written;
    return [await client.readUntilClosed()];
  });

  for (const length of [16 * 1024 - 1, 64 * 1024, 1024 * 1024, 20 * 1024 * 1024]) {
    // The largest would take seconds at each place, and the configs that change nothing are seen above.
    const where = length > 2 ** 21 ? [all[0], all[3]] : all;
    await same(t, where, `a value of ${length} bytes`, async (open) => {
      const client = await open();
      const value = Buffer.alloc(length, 'v');
      void client.write(
        Buffer.concat([
          command('SET', 'k', value),
          command('GET', 'k'),
          command('SETNX', 'k', value),
          command('SET', 'k', value, 'XX', 'GET'),
          command('SET', 'k', value, 'BOGUS'),
          command('MSET', 'a', value, 'b', 'x'),
          commands('STRLEN a', 'GET b', 'QUIT'),
        ]),
      );
      return [await client.readUntilClosed()];
    });
  }

  await same(t, all, 'arrays of 100,000 elements', async (open) => {
    const client = await open();
    const numbers = Array.from({ length: 100_000 }, (_, i) => i);
    void client.write(
      Buffer.concat([
        many(['RPUSH', 'l', ...numbers]),
        command('LRANGE', 'l', 0, -1),
        many(['MSET', ...numbers.flatMap((n) => [`k${n}`, n])]),
        many(['MGET', ...numbers.map((n) => `k${n}`)]),
        commands('HELLO 3', 'SMEMBERS none', 'LLEN l', 'QUIT'),
      ]),
    );
    return [await client.readUntilClosed()];
  });

  await same(t, all, 'random values, cut at random', async (open) => {
    const client = await open();
    const bytes = Buffer.concat([
      ...Array.from({ length: 50 }, (_, i) =>
        command(i % 2 === 0 ? 'SET' : 'SETNX', `k${i}`, value(i * 1777)),
      ),
      commands('QUIT'),
    ]);
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7 + 13) % 40_009) {
      await client.write(bytes.subarray(at, at + step));
    }
    return [await client.readUntilClosed()];
  });
});

/** A command of more arguments than a call can take. */
function many(args: readonly (string | number)[]): Buffer {
  const bulks = args.map((arg) => `$${String(arg).length}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${bulks.join('')}`);
}

const CONTENT = randomBytes(100_000);

function value(length: number): Buffer {
  return CONTENT.subarray(0, length);
}

t.test('with a password', async (t) => {
  const args = ['--requirepass', 'secret', '--user', 'bob', 'on', '>pw', '~*', '+@all'];
  const { all, clients } = await places(t, args, (port) => `redis://:secret@127.0.0.1:${port}`);
  for (const client of clients) await client.call('AUTH', 'secret');
  const pipelines = {
    'nothing without AUTH': commands(
      'GET a',
      'SETNX a 1',
      'PING',
      'HELLO 3',
      'MULTI',
      'EXEC',
      'NOSUCH',
      'SET',
      'SUBSCRIBE a',
      'RESET',
      'CLIENT REPLY OFF',
      'CLIENT REPLY SKIP',
      'MONITOR',
      'GET a',
    ),
    'AUTH in its forms': commands(
      'AUTH wrong',
      'AUTH',
      'AUTH default wrong',
      'AUTH secret',
      'SETNX a 1',
      'AUTH bob pw',
      'GET a',
      'AUTH bob no',
      'ACL WHOAMI',
      'AUTH a b c',
    ),
    'HELLO with AUTH': commands(
      'HELLO 3 AUTH bob no',
      'HELLO 3 AUTH bob pw SETNAME x',
      'SETNX a 1',
      'ACL WHOAMI',
      'HELLO 2 AUTH default secret',
      'HGETALL a',
    ),
    'RESET logs out': commands('AUTH secret', 'SETNX a 1', 'RESET', 'GET a', 'AUTH secret', 'GET a'),
    'AUTH inside MULTI': commands('AUTH secret', 'MULTI', 'AUTH bob pw', 'SETNX a 1', 'EXEC', 'GET a'),
  };
  for (const [name, bytes] of Object.entries(pipelines)) {
    await same(t, all, name, async (open) => {
      const client = await open();
      void client.write(Buffer.concat([bytes, commands('QUIT')]));
      return [await client.readUntilClosed()];
    });
  }
});
