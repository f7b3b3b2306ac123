// The scripted Redis of the session lab, on which the core's tests stand, against a real one: the same bytes to both, and
// the same bytes back. What differs by intent is replaced before, and is listed here: nothing else may.
import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { EXPIRE_BY_SCRIPT } from '../../src/core/resp/encode.js';
import { carried, pipeline } from '../property/random-pipelines.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { cmd, ScriptedRedis, type ServerOptions, Store } from '../support/session-lab.js';
import { FULL } from '../support/tier.js';
import { commands, wipe } from '../support/twins.js';

const USERS = ['admin', 'other'].flatMap((user) => ['--user', user, 'on', '>secret', '~*', '&*', '+@all']);

/** All that a server answers to `bytes` and then the end of them: QUIT would not end a connection that is silent. */
async function answered(port: number, bytes: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.end(Buffer.from(bytes, 'latin1'));
  await once(socket, 'end');
  socket.destroy();
  return Buffer.concat(chunks).toString('latin1');
}

const FIELD = String.raw`\$\d+\r\n[^\r]*\r\n`;
/** HELLO: the server's name and version, the protocol, the connection's id, mode, role, modules. */
const HELLO = new RegExp(
  String.raw`([*%])(?:14|7)\r\n\$6\r\nserver\r\n${FIELD}${FIELD}${FIELD}(\$5\r\nproto\r\n:\d\r\n)(?:${FIELD}|:\d+\r\n){7}\*0\r\n`,
  'g',
);
/** When, from where, and with which arguments. */
const MONITORED = /\+\d+\.\d+ \[\d+ [^\]]*\] ("(?:[^"\\]|\\.)*")[^\r]*\r\n/g;
/** A key that the client itself changed after it had read it, or all keys; the script tells of it by tell() alone. */
const INVALIDATED = />2\r\n\$10\r\ninvalidate\r\n(?:\*1\r\n\$\d+\r\n[^\r]*|_)\r\n/g;
const NO_CLUSTER = '-ERR This instance has cluster support disabled\r\n';

/** What the script leaves out of a reply, and ASKING, which it takes as a cluster would. */
function asScripted(real: string): string {
  return real
    .replace(HELLO, (_, type, proto) => `${type === '%' ? '%1' : '*2'}\r\n${proto}`)
    .replace(MONITORED, '+1.0 [0 here] $1\r\n')
    .replace(INVALIDATED, '')
    .replaceAll(NO_CLUSTER, '+OK\r\n');
}

/** Errors of other versions have other words: their codes are the same. */
function codes(replies: string): string {
  return replies.replace(/^-(EXECABORT|[A-Z]+)[^\r]*/gm, '-$1');
}

const redis = await withRedis(t, USERS);
const admin = await withRaw(t, redis.port);
await admin.call('AUTH', 'admin', 'secret');
const isKnown = /^redis_version:7\.0\./m.test(String(await admin.call('INFO', 'server')));

/** Of other versions the script does not know the words. */
const NEEDS_7_0 = { skip: isKnown ? false : 'the script speaks as Redis 7.0' };

/** The server as `options` have it, empty. */
async function prepare(admin: RawClient, { password = false, denied = [] }: ServerOptions): Promise<void> {
  await wipe(admin);
  for (const user of ['default', 'other']) {
    const login = user === 'default' && !password ? ['resetpass', 'nopass'] : ['resetpass', '>secret'];
    const rights = ['+@all', ...denied.map((name) => `-${name}`)];
    const reply = String(await admin.call('ACL', 'SETUSER', user, ...login, ...rights));
    if (reply !== '+OK\r\n') throw new Error(reply);
  }
}

interface Conversation {
  readonly client: string;
  /** Where the script is asked in other words. */
  readonly asScript?: string;
  readonly options?: ServerOptions;
  /** What the server holds before. */
  readonly seed?: readonly string[];
}

/** @throws Error where the two differ. */
async function compare({ client, asScript = client, options = {}, seed = [] }: Conversation): Promise<void> {
  await prepare(admin, options);
  for (const line of seed) await admin.call(...line.split(' '));
  const store = new Store();
  new ScriptedRedis({}, store).receive(commands(...seed));
  const real = asScripted(await answered(redis.port, client));
  const said = new ScriptedRedis(options, store).receive(Buffer.from(asScript, 'latin1')).toString('latin1');
  const [a, b] = isKnown ? [real, said] : [codes(real), codes(said)];
  if (a === b) return;
  const at = [...a].findIndex((byte, i) => byte !== b[i]);
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 60), at + 200));
  throw new Error(`real   …${around(a)}\nscript …${around(b)}\nto ${JSON.stringify(client)}`);
}

const lines = (...all: string[]): string => commands(...all).toString('latin1');
const bySubscription = (...all: string[]): string =>
  lines('SUBSCRIBE c', ...all) + lines('RESET', 'HELLO 3', 'SUBSCRIBE c', ...all);

const REPLY = ['ON', 'OFF', 'SKIP'].map((how) => cmd('CLIENT', 'REPLY', how));

/** All transactions of up to three of these commands, with replies on before it, off, and to be skipped. */
function silencedTransactions(): string {
  const commands = [...REPLY, lines('INCR n'), lines('INCR l'), lines('NOSUCH'), lines('AUTH admin wrong')];
  let all = [''];
  for (let length = 0; length < 3; length++)
    all = ['', ...all.flatMap((some) => commands.map((command) => some + command))];
  const before = ['', REPLY[1], REPLY[2], lines('MULTI') + REPLY[2] + lines('EXEC')];
  const behind = lines('ECHO a', 'ECHO b', 'RESET') + REPLY[0];
  return (
    lines('RPUSH l x') +
    all
      .flatMap((some) =>
        before.map((silence) => `${silence}${lines('MULTI')}${some}${lines('EXEC')}${behind}`),
      )
      .join('')
  );
}

/** Each thing that the script knows, in the words of its own. */
const CONVERSATIONS: Record<string, Conversation> = {
  strings: {
    client: lines(
      'SET k 1; GET k; GET none; SETNX k 2; SETNX n 2; GETSET k 3; GETSET m 1; APPEND k 45; INCR k',
      'INCR x; ECHO hi; PING',
    ),
  },
  'options of SET': {
    client: lines(
      'SET k 1 NX; SET k 2 NX; SET k 2 XX; SET n 2 XX; SET k 3 GET; SET k 3 NX GET; SET n 3 XX GET',
      'SET k 4 EX 9 KEEPTTL; SET k 4 BOGUS; SET k 4 keepttl; GET k',
    ),
  },
  expiries: {
    client: lines(
      'SET k 1 PX 99999; GETEX k; GETEX k PX 5000; SETEX k 77 v; PSETEX k 77000 v; PEXPIRE none 5',
      'SET k 1; PTTL k; PTTL none; PEXPIRE k 50000',
    ),
  },
  'several keys': { client: lines('MSET a 1 b 2', 'MSET a 1 b', 'MSET', 'DEL a b c', 'DEL a') },
  lists: {
    client: lines(
      'RPUSH l a b; RPUSH l c; LMOVE l m LEFT RIGHT; LMOVE none m LEFT RIGHT; LMOVE l l RIGHT LEFT',
      'LMOVE l m LEFT LEFT; LMOVE l m LEFT LEFT; DEL l; SET s 1; RPUSH s a; LMOVE m s LEFT LEFT',
    ),
  },
  hashes: {
    client: lines('HSET h f v', 'HSET h f w g x', 'HSET h f', 'HSET h f v g', 'SET s 1', 'HSET s f v'),
  },
  'wrong types': {
    client: lines(
      'RPUSH l a; HSET h f v; GET l; GETSET h v; INCR l; APPEND h x; SET l v GET; GETEX h; HSET l f v',
      'RPUSH h x; LMOVE h l LEFT LEFT; SETNX l v; SET l v; GET l',
    ),
  },
  'what it makes up: LRANGE': { client: lines('LRANGE k 0 -1'), seed: ['RPUSH k message x y'] },
  'what it makes up: HGETALL': { client: lines('HGETALL k', 'HELLO 3', 'HGETALL k'), seed: ['HSET k f v'] },
  'what it makes up: GETRANGE': {
    client: lines('SET k vvvv', 'GETRANGE k 0 3'),
    asScript: lines('SET k vvvv', 'GETRANGE k 0 4'),
  },
  'what it makes up: BITFIELD': { client: lines('BITFIELD k', 'BITFIELD k GET u8 0 GET u4 1') },
  'what it makes up: INFO': { client: lines('INFO spillway', 'HELLO 3', 'INFO spillway') },
  'what it makes up: WAIT': { client: lines('WAIT 0 0') },
  scripts: {
    client: cmd('EVAL', "return redis.error_reply('OOM no')", 0),
    asScript: cmd('EVAL', 'OOM no', 0),
  },
  transactions: {
    client: lines(
      'EXEC; DISCARD; MULTI; MULTI; SET k 1; GET k; INCR k; EXEC; MULTI; SET k 2; DISCARD; GET k; MULTI',
      'EXEC',
    ),
  },
  'transactions that fail': {
    client: lines(
      'MULTI; SET k; EXEC; MULTI; NOSUCH a; SET k 1; EXEC; GET k; MULTI; EXEC x; PING; MULTI x',
      'HSET h f v; MULTI; GET h; EXEC',
    ),
  },
  'transactions in RESP3': { client: lines('HELLO 3', 'MULTI', 'GET none', 'EXEC') },
  'a watched key': {
    client: lines('WATCH k', 'SET k 1', 'MULTI', 'SET k 2', 'EXEC', 'UNWATCH', 'GET k'),
    options: { watchFails: true },
  },
  'a watched key in RESP3': {
    client: lines('HELLO 3', 'WATCH k', 'SET k 1', 'MULTI', 'SET k 2', 'EXEC'),
    options: { watchFails: true },
  },
  databases: {
    client: lines(
      'SET k 1; SELECT 1; GET k; SET k 2; SELECT 0; GET k; SELECT 99; SELECT x; SELECT 15; RESET; GET k',
    ),
  },
  protocols: {
    client: lines(
      'HELLO; HELLO 3; GET none; HELLO; HELLO 2; GET none; HELLO 4; HELLO 3 SETNAME me; CLIENT GETNAME',
      'RESET; CLIENT GETNAME',
    ),
  },
  names: {
    client: lines(
      'CLIENT GETNAME; CLIENT SETNAME me; CLIENT GETNAME; HELLO 3; CLIENT SETNAME ""; CLIENT GETNAME',
      'CLIENT',
    ),
  },
  'what replies are kept back': {
    client:
      lines(
        'CLIENT REPLY SKIP; PING; ECHO a; CLIENT REPLY OFF; PING; CLIENT REPLY SKIP; PING',
        'CLIENT REPLY ON; ECHO b; CLIENT REPLY SIP',
      ) +
      '\r\n' +
      lines('CLIENT REPLY SKIP') +
      '\r\n' +
      lines('ECHO c', 'ECHO d'),
  },
  'replies kept back in transactions': { client: silencedTransactions() },
  'what a transaction may not any more': {
    client: lines('AUTH admin secret', 'MULTI', 'AUTH other secret', 'SETNX k v', 'GET k', 'EXEC', 'GET k'),
    options: { denied: ['setnx'] },
  },
  tracking: {
    client: lines(
      'HELLO 3; CLIENT TRACKING ON; CLIENT CACHING YES; CLIENT TRACKING OFF; CLIENT CACHING YES; ASKING',
    ),
  },
  'who is logged in': {
    client: lines(
      'ACL WHOAMI; AUTH secret; AUTH default any; AUTH admin wrong; ACL WHOAMI; AUTH admin secret',
      'ACL WHOAMI; HELLO 3 AUTH other secret; ACL WHOAMI; HELLO 2 AUTH other wrong; RESET; ACL WHOAMI',
    ),
  },
  'who must log in': {
    client: lines(
      'GET k; HELLO; HELLO 3; MULTI; EXEC; NOSUCH; SET k; AUTH wrong; AUTH secret; GET k; RESET; GET k',
      'HELLO 3 AUTH default secret; GET k; RESET; AUTH admin secret; QUIT',
    ),
    options: { password: true },
  },
  rights: {
    client: lines(
      'SETNX k v; GET k; MULTI; SETNX k v; EXEC; AUTH other secret; SETNX k v; AUTH admin secret',
      'SETNX k v; GET k',
    ),
    options: { denied: ['setnx'] },
  },
  'rights to a transaction': {
    client: lines('MULTI', 'GET k', 'EXEC', 'SUBSCRIBE c'),
    options: { denied: ['multi', 'subscribe'] },
  },
  subscriptions: {
    client: bySubscription(
      'SUBSCRIBE d; PSUBSCRIBE p*; SSUBSCRIBE s; UNSUBSCRIBE d x; PING; GET k; CLIENT GETNAME; NOSUCH',
      'UNSUBSCRIBE; PUNSUBSCRIBE p*; SUNSUBSCRIBE; SUNSUBSCRIBE; PUNSUBSCRIBE; GET k',
    ),
  },
  'subscriptions in a transaction': {
    client: lines('HELLO 3', 'MULTI', 'SUBSCRIBE c', 'GET k', 'EXEC', 'UNSUBSCRIBE'),
  },
  'what a subscriber may not': {
    client: lines(
      'SUBSCRIBE c; MULTI; EXEC; DISCARD; AUTH admin secret; HELLO 3; SELECT 1; CLIENT GETNAME; RESET',
      'GET k',
    ),
  },
  monitoring: { client: lines('MONITOR', 'PING', 'SET k v', 'RESET', 'PING') },
  'lines of words': {
    client: 'PING\r\nSET k inline\r\nGET k\n\r\n   \r\nECHO "a b"\r\n*0\r\n*-1\r\nEXEC\r\n'.replace(
      '"a b"',
      '"ab"',
    ),
  },
  'unknown commands': {
    client:
      lines('NOSUCH', 'nosuch a b', `NO ${'x'.repeat(100)} ${'y'.repeat(100)} z`, `${'N'.repeat(200)} a`) +
      cmd('NO\r\nSUCH', 'a\r\nb', 'c\0d'),
  },
  'too few arguments': {
    client: lines(
      'GET; SET k; SETEX k 1; INCR; HSET h; SUBSCRIBE; ECHO; GETEX; DEL; PEXPIRE k; MULTI x; DISCARD x',
      'CLIENT',
    ),
  },
  'a wrong length': { client: `${lines('PING')}*1\r\n$-1\r\n${lines('PING')}` },
  'no length': { client: `${lines('PING')}*1\r\nPING\r\n${lines('PING')}` },
  quitting: { client: lines('QUIT') },
};

for (const [what, conversation] of Object.entries(CONVERSATIONS)) {
  t.test(what, NEEDS_7_0, () => compare(conversation));
}

t.test('a server that is full', NEEDS_7_0, async () => {
  const client = lines(
    'SET low:k v; MSET a 1 b 2; INCR n; RPUSH l a; HSET h f v; GET k; DEL k; MULTI; SETNX k v; EXEC',
  );
  await admin.call('CONFIG', 'SET', 'maxmemory', 1);
  try {
    await compare({ client, options: { full: () => true } });
  } finally {
    await admin.call('CONFIG', 'SET', 'maxmemory', 0);
  }
});

t.test('a follow-up by script', async () => {
  const script = EXPIRE_BY_SCRIPT.head.toString('latin1').split('\r\n')[4];
  const follow = (key: string): string => cmd('EVAL', script, 1, key, 50_000);
  const client =
    lines('SET k v') +
    follow('k') +
    follow('k') +
    follow('none') +
    lines('MULTI') +
    follow('k') +
    lines('EXEC');
  await compare({ client });
  const before7 = String(await admin.call('PEXPIRE', 'none', 1, 'NX')).startsWith('-');
  if (!before7) return;
  await compare({ client: lines('SET k v', 'PEXPIRE k 50000 NX'), options: { before7 } });
  for (const right of ['eval', 'pttl', 'pexpire'])
    await compare({
      client: lines('SET k v') + follow('k') + follow('none'),
      options: { before7, denied: [right] },
    });
});

t.test('pushes that a server sends unasked', NEEDS_7_0, async (t) => {
  await prepare(admin, {});
  const cases = [
    ['SUBSCRIBE c', 'PUBLISH c text'],
    ['PSUBSCRIBE c', 'PUBLISH c text'],
    ['SSUBSCRIBE c', 'SPUBLISH c text'],
    ['CLIENT TRACKING ON', 'SET text v'],
  ] as const;
  for (const protocol of ['HELLO 2', 'HELLO 3']) {
    for (const [how, event] of cases) {
      const tracking = how.startsWith('CLIENT');
      if (tracking && protocol === 'HELLO 2') continue;
      const script = new ScriptedRedis({});
      const client = await withRaw(t, redis.port);
      const asked = commands(protocol, how, ...(tracking ? ['GET text'] : []));
      const said = String(script.receive(asked));
      void client.write(asked);
      const replies = Buffer.concat(await client.readReplies(tracking ? 3 : 2));
      t.equal(asScripted(String(replies)), said, `${protocol}, ${how}`);
      await admin.call(...event.split(' '));
      const [message] = await client.readReplies(1);
      t.equal(String(message), script.tell('text', 0), `${protocol}, ${how}, ${event}`);
    }
  }
});

/** Of Redis 7.2, which is what the script answers to it. */
const SETINFO = cmd('CLIENT', 'SETINFO', 'LIB-NAME', 'lab');
/** Of several subscriptions that end at once a server ends any first. */
const endsSeveral = (client: string): boolean =>
  /SUBSCRIBE/.test(client) && /\r\nc\*?\r\n/.test(client) && /\r\nd\r\n/.test(client);

/** Commands of which half are in transactions, which may change whose they are, and what is answered. */
const transactions = fc
  .array(
    fc.oneof(
      pipeline.map(([first]) => first),
      pipeline.map(([first]) => first),
      fc.constantFrom(...REPLY),
      carried,
    ),
    { maxLength: 12 },
  )
  .chain((parts) =>
    fc.nat(parts.length).map((at) => [...parts.slice(0, at), lines('MULTI'), ...parts.slice(at)]),
  )
  .map((parts) => parts.join('') + lines('EXEC', 'ECHO a', 'ECHO b'));

t.test('random pipelines', { ...NEEDS_7_0, timeout: 60_000 }, async () => {
  const option = fc.record({
    password: fc.boolean(),
    denied: fc.constantFrom([], [], ['multi'], ['setnx'], ['subscribe'], ['pexpire']),
  });
  const clients = fc.oneof(
    pipeline.map((parts) => parts.join('')),
    fc
      .array(
        fc.oneof(
          carried,
          carried,
          pipeline.map(([first]) => first),
        ),
        { maxLength: 25 },
      )
      .map((parts) => parts.join('')),
    transactions,
    // A client that tracks what it reads, and then writes it.
    pipeline.map(
      (parts) => lines('HELLO 3', 'CLIENT TRACKING ON', 'GET ttl:a', 'GET str:a') + parts.join(''),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      clients.filter((client) => !endsSeveral(client)),
      option,
      async (client, options) => {
        await compare({ client: client.replaceAll(SETINFO, ''), options });
      },
    ),
    { numRuns: FULL ? 3000 : 600 },
  );
});
