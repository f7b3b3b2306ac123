// TTLs that a rule gave: they give way to the application's, stay behind when their key gets another name, and are renewed.
// Each sequence runs on a server by itself, too: what clients get must be the same there, and so must the TTLs that the
// application set. And keys that are written again pass where new ones are refused. Both kinds of pooling.
import t, { type Test } from 'tap';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { commands, integer, wipe } from '../support/twins.js';
import { until } from '../support/wait.js';

/** Changes by the admin server need one. */
const TOKEN = 'a-token-for-these-tests';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;
const RULES = [
  { name: 'all', match: 'a:*', ttl: '1h', applyTo: 'all' },
  { name: 'renewed', match: 'r:*', ttl: '1h', applyTo: 'all', renew: true },
  { name: 'strings', match: 's:*', ttl: '1d' },
  { name: 'jittered', match: 'j:*', ttl: '1h', jitter: '20%', applyTo: 'all' },
  { name: 'durable', match: 'd:*', durable: true },
  { name: 'observed', match: 'o:*', ttl: '1h', applyTo: 'all', mode: 'observe' },
  { name: 'fresh', match: 'fresh:*', ttl: '1h' },
];

interface Row {
  readonly name: string;
  readonly ttlYielded: number;
  readonly ttlRenewed: number;
  readonly ttlLeftBehind: number;
  readonly followUpsFailed: number;
  readonly followUpsDenied: number;
  readonly spared: number;
  readonly shed: number;
}

async function row(proxy: TestProxy, name: string): Promise<Row> {
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/api/stats`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { rules } = (await response.json()) as { rules: Row[] };
  const found = rules.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no rule ${name}`);
  return found;
}

/** 'none', 'app' (as the server without a proxy has it), or that of a rule, in milliseconds. */
type Expected = 'none' | 'app' | 'gone' | number;

interface Sequence {
  readonly lines: readonly string[];
  /** By key; of every other key nothing is asked. */
  readonly ttls: Readonly<Record<string, Expected>>;
  /** Behind a SELECT nothing is known until it is answered. */
  readonly waits?: boolean;
}

const SEQUENCES: Readonly<Record<string, Sequence>> = {
  'EXPIRE NX behind INCR': { lines: ['INCR a:1', 'EXPIRE a:1 60 NX'], ttls: { 'a:1': 'app' } },
  'the same twice: the first one stays': {
    lines: ['INCR a:1', 'EXPIRE a:1 60 NX', 'INCR a:1', 'EXPIRE a:1 90 NX'],
    ttls: { 'a:1': 'app' },
  },
  'PEXPIRE NX behind SET, longer than the rule': {
    lines: ['SET s:1 v', 'PEXPIRE s:1 200000000 NX'],
    ttls: { 's:1': 'app' },
  },
  'EXPIREAT NX': { lines: ['SET j:1 v', 'EXPIREAT j:1 4000000000 NX'], ttls: { 'j:1': 'app' } },
  'EXPIRE LT, longer than the rule': {
    lines: ['HSET a:1 f v', 'EXPIRE a:1 7200 LT'],
    ttls: { 'a:1': 'app' },
  },
  'EXPIRE GT: a key without a TTL lives for ever': {
    lines: ['HSET a:1 f v', 'EXPIRE a:1 7200 GT', 'EXPIRE a:1 60 GT'],
    ttls: { 'a:1': HOUR },
  },
  'EXPIRE XX': { lines: ['INCR a:1', 'EXPIRE a:1 60 XX', 'EXPIRE a:1 60 XX LT'], ttls: { 'a:1': HOUR } },
  'options that contradict each other': {
    lines: ['INCR a:1', 'EXPIRE a:1 60 NX GT', 'EXPIRE a:1 60 GT LT', 'EXPIRE a:1 60 NO'],
    ttls: { 'a:1': HOUR },
  },
  'a number that Redis refuses': {
    lines: ['INCR a:1', 'EXPIRE a:1 x NX', 'EXPIRE a:1 99999999999999999 NX'],
    ttls: { 'a:1': HOUR },
  },
  'EXPIRE NX into the past': {
    lines: ['INCR a:1', 'EXPIRE a:1 -1 NX', 'EXISTS a:1'],
    ttls: { 'a:1': 'gone' },
  },
  'a TTL that the application gave stays': {
    lines: ['SET a:1 v EX 50', 'EXPIRE a:1 60 NX', 'EXPIRE a:1 40 GT', 'EXPIRE a:1 45 LT'],
    ttls: { 'a:1': 'app' },
  },
  'in a transaction': {
    lines: ['INCR a:1', 'MULTI', 'INCR a:1', 'EXPIRE a:1 60 NX', 'EXEC'],
    ttls: { 'a:1': 'app' },
  },
  'in a transaction that begins the key': {
    lines: ['MULTI', 'INCR a:1', 'EXPIRE a:1 60 NX', 'EXEC'],
    ttls: { 'a:1': 'app' },
  },
  'behind CLIENT REPLY SKIP': {
    lines: ['INCR a:1', 'CLIENT REPLY SKIP', 'EXPIRE a:1 60 NX', 'EXISTS a:1'],
    ttls: {},
  },
  'in another database': {
    lines: ['INCR a:1', 'SELECT 1', 'SET a:1 v EX 50', 'EXPIRE a:1 60 NX', 'SELECT 0', 'EXPIRE a:1 60 NX'],
    ttls: { 'a:1': 'app' },
    waits: true,
  },
  'RENAME to a durable name': { lines: ['SET a:1 v', 'RENAME a:1 d:1'], ttls: { 'd:1': 'none' } },
  'RENAME to a name of no rule': { lines: ['SET a:1 v', 'RENAME a:1 other'], ttls: { other: 'none' } },
  'RENAME to a longer TTL': { lines: ['SET a:1 v', 'RENAME a:1 s:1'], ttls: { 's:1': DAY } },
  'RENAME to a shorter TTL': { lines: ['SET s:1 v', 'RENAME s:1 a:1'], ttls: { 'a:1': HOUR } },
  'RENAME within a rule': { lines: ['SET a:1 v', 'RENAME a:1 a:2'], ttls: { 'a:2': HOUR } },
  'RENAME of a TTL of the application': {
    lines: ['SET a:1 v EX 50', 'RENAME a:1 d:1'],
    ttls: { 'd:1': 'app' },
  },
  'RENAME, then EXPIRE': {
    lines: ['SET a:1 v', 'RENAME a:1 d:1', 'EXPIRE d:1 60', 'EXPIRE d:1 70 NX'],
    ttls: { 'd:1': 'app' },
  },
  'RENAME to an observed name': { lines: ['SET a:1 v', 'RENAME a:1 o:1'], ttls: { 'o:1': HOUR } },
  'RENAME of a key that is not there': {
    lines: ['SET d:1 v EX 3600', 'RENAME a:1 d:1'],
    ttls: { 'd:1': 'app' },
  },
  RENAMENX: { lines: ['SET a:1 v', 'RENAMENX a:1 d:1'], ttls: { 'd:1': 'none' } },
  'RENAMENX to a name that is taken': {
    lines: ['SET d:1 v EX 3600', 'SET a:1 v', 'RENAMENX a:1 d:1', 'RENAMENX a:1 d:1'],
    ttls: { 'd:1': 'app', 'a:1': HOUR },
  },
  COPY: { lines: ['SET a:1 v', 'COPY a:1 d:1'], ttls: { 'd:1': 'none', 'a:1': HOUR } },
  'COPY to a name that is taken': {
    lines: ['SET d:1 v EX 3600', 'SET a:1 v', 'COPY a:1 d:1', 'COPY a:1 d:1 REPLACE'],
    ttls: { 'd:1': 'none', 'a:1': HOUR },
  },
  'COPY to a name that is taken, only': {
    lines: ['SET d:1 v EX 3600', 'SET a:1 v', 'COPY a:1 d:1'],
    ttls: { 'd:1': 'app', 'a:1': HOUR },
  },
  'COPY to another database': {
    lines: ['SET a:1 v', 'COPY a:1 d:1 DB 1', 'SELECT 1', 'PERSIST d:1', 'SELECT 0'],
    ttls: { 'a:1': HOUR },
  },
  'RENAME in a transaction': {
    lines: ['SET a:1 v', 'MULTI', 'RENAME a:1 d:1', 'GET d:1', 'EXEC'],
    ttls: { 'd:1': 'none' },
  },
  'RENAME in a transaction that is discarded': {
    lines: ['SET a:1 v', 'SET d:1 v EX 3600', 'MULTI', 'RENAME a:1 d:1', 'DISCARD', 'EXISTS d:1'],
    ttls: { 'd:1': 'app', 'a:1': HOUR },
  },
  'a write in a transaction that is discarded gives nothing': {
    lines: ['SET d:1 v EX 50', 'RENAME d:1 a:1', 'MULTI', 'SET a:1 w', 'DISCARD', 'EXPIRE a:1 60 NX'],
    ttls: { 'a:1': 'app' },
  },
};

for (const pool of POOLS) {
  t.test(
    `a TTL of a rule, and what clients do with keys; ${pool} pooling`,
    { timeout: 60_000 },
    async (t) => {
      const { proxy, direct, behind, through } = await twins(t, pool);
      for (const [name, { lines, ttls, waits }] of Object.entries(SEQUENCES)) {
        for (const pipelined of waits === true ? [false] : [true, false]) {
          for (const client of [direct, through]) await wipe(client);
          const silent = lines.filter((line) => /REPLY SKIP/.test(line)).length * 2;
          const expected = await play(direct, lines, pipelined || silent > 0, silent);
          const found = await play(through, lines, pipelined || silent > 0, silent);
          const title = `${name}${pipelined ? ', in a pipeline' : ''}`;
          t.equal(found, expected, `${title}: replies`);
          await through.call('PING');
          for (const [key, ttl] of Object.entries(ttls)) {
            const [is, without] = [await integer(behind, 'PTTL', key), await integer(direct, 'PTTL', key)];
            if (ttl === 'gone') t.equal(is, -2, `${title}: ${key}`);
            else if (ttl === 'none') t.equal(is, -1, `${title}: ${key}`);
            else near(t, is, ttl === 'app' ? without : ttl, `${title}: ${key}`);
          }
        }
      }
      const { ttlYielded } = await row(proxy, 'all');
      t.ok(ttlYielded >= 6, `${ttlYielded} gave way`);
      const { ttlLeftBehind } = await row(proxy, 'durable');
      t.ok(ttlLeftBehind >= 8, `${ttlLeftBehind} stayed behind`);
      for (const { name } of RULES) {
        const { followUpsFailed, followUpsDenied } = await row(proxy, name);
        t.equal(followUpsFailed + followUpsDenied, 0, name);
      }
    },
  );

  t.test(`COPY to another database leaves the TTL behind; ${pool} pooling`, async (t) => {
    const { behind, through } = await twins(t, pool);
    await play(through, ['SET a:1 v', 'COPY a:1 d:1 DB 1'], true);
    await through.call('PING');
    await behind.call('SELECT', '1');
    t.equal(await integer(behind, 'PTTL', 'd:1'), -1);
  });

  t.test(`a TTL that another client set meanwhile stays; ${pool} pooling`, async (t) => {
    const { behind, through } = await twins(t, pool);
    for (const write of ['SET a:1 v', 'HSET a:1 f v']) {
      await wipe(through);
      await play(through, [write], true);
      await behind.call('EXPIRE', 'a:1', '500');
      t.equal(String(await through.call('EXPIRE', 'a:1', '60', 'NX')), ':0\r\n');
      near(t, await integer(behind, 'PTTL', 'a:1'), 500_000, 'EXPIRE NX');
      await play(through, ['RENAME a:1 d:1'], true);
      near(t, await integer(behind, 'PTTL', 'd:1'), 500_000, 'RENAME');
    }
    await wipe(through);
    await play(through, ['RPUSH r:1 v'], true);
    await behind.call('EXPIRE', 'r:1', '500');
    await play(through, ['RPUSH r:1 w', 'PING'], true);
    near(t, await integer(behind, 'PTTL', 'r:1'), 500_000, 'renew');
  });

  t.test(`renew: each write begins the rule's TTL anew; ${pool} pooling`, async (t) => {
    const { proxy, behind, through } = await twins(t, pool, '20s');
    const WRITES = [
      'HSET r:1 f v',
      'RPUSH r:2 v',
      'INCR r:3',
      'APPEND r:4 v',
      'SADD r:5 v',
      'XADD r:6 * f v',
    ];
    const KEEPERS = ['RPUSHX r:2 v', 'SETRANGE r:4 0 w', 'SET r:3 7 KEEPTTL'];
    const keys = [1, 2, 3, 4, 5, 6].map((i) => `r:${i}`);
    const first = 'HSET a:1 f v';
    await play(through, [...WRITES, first, 'SET r:7 v EX 1000'], true);
    /** How much longer it lives than the key that got the same TTL at first and keeps it. */
    const later = async (key: string): Promise<number> =>
      (await integer(behind, 'PTTL', key)) - (await integer(behind, 'PTTL', 'a:1'));
    await until(async () => (await integer(behind, 'PTTL', 'a:1')) < 19_000, { describe: 'the TTLs to run' });
    await play(through, [...WRITES, ...KEEPERS, first, 'APPEND r:7 v', 'PING'], true);
    for (const key of keys) t.ok((await later(key)) > 700, `${key} lives ${await later(key)} ms longer`);
    near(t, await integer(behind, 'PTTL', 'r:7'), 1_000_000, "the application's stays");
    t.ok((await row(proxy, 'renewed')).ttlRenewed >= 6);
    t.equal((await row(proxy, 'all')).ttlRenewed, 0);
    const before = await later('r:1');
    await until(async () => (await integer(behind, 'PTTL', 'r:1')) < 19_500, { describe: 'the TTLs to run' });
    await play(through, ['MULTI', 'HSET r:1 f v', 'EXEC', 'PING'], true);
    t.ok((await later('r:1')) > before + 200, 'behind EXEC');
  });

  t.test(
    `renew: a reload keeps what is known of TTLs, and gives them the new length; ${pool} pooling`,
    async (t) => {
      const redis = await withRedis(t);
      const rules = (ttl: string) => [{ name: 'renewed', match: 'r:*', ttl, applyTo: 'all', renew: true }];
      const config = { rules: rules('20s'), upstream: { pool } };
      const proxy = await withProxy(t, { redis, config, reloaded: () => ({ rules: rules('40s') }) });
      const [behind, through] = [await withRaw(t, redis.port), await withRaw(t, proxy.port)];
      await play(through, ['RPUSH r:1 v', 'SET r:2 v EX 1000', 'PING'], true);
      t.match(await proxy.running.reload('SIGHUP'), { ok: true, applied: ['rules'] });
      await play(through, ['RPUSH r:1 w', 'APPEND r:2 w', 'PING'], true);
      near(t, await integer(behind, 'PTTL', 'r:1'), 40_000, "the rule's");
      near(t, await integer(behind, 'PTTL', 'r:2'), 1_000_000, "the application's stays");
    },
  );

  t.test(`renew: two workers, of which each renews its own; ${pool} pooling`, async (t) => {
    const redis = await withRedis(t);
    const rules = [{ name: 'renewed', match: 'r:*', ttl: '20s', applyTo: 'all', renew: true }];
    const proxy = await withProxy(t, { redis, config: { rules, workers: 2, upstream: { pool } } });
    const [behind, one, other] = [
      await withRaw(t, redis.port),
      await withRaw(t, proxy.port),
      await withRaw(t, proxy.port),
    ];
    await play(one, ['RPUSH r:1 v', 'RPUSH r:2 v', 'SET r:3 v EX 1000', 'PING'], true);
    await play(other, ['RPUSH r:1 w', 'APPEND r:3 w', 'PING'], true);
    await until(async () => (await integer(behind, 'PTTL', 'r:2')) < 19_000, { describe: 'the TTLs to run' });
    await play(other, ['RPUSH r:2 w', 'APPEND r:3 w', 'PING'], true);
    t.ok((await integer(behind, 'PTTL', 'r:2')) < 19_000, 'not what the other one gave');
    await play(one, ['RPUSH r:1 x', 'RPUSH r:2 x', 'APPEND r:3 x', 'PING'], true);
    near(t, await integer(behind, 'PTTL', 'r:1'), 20_000, 'what it gave itself');
    near(t, await integer(behind, 'PTTL', 'r:2'), 20_000, 'also behind a write by the other one');
    near(t, await integer(behind, 'PTTL', 'r:3'), 1_000_000, "the application's stays");
  });

  t.test(`a user who may run no scripts keeps the rule's TTLs; ${pool} pooling`, async (t) => {
    const { proxy, behind, through } = await twins(t, pool);
    await behind.call('ACL', 'SETUSER', 'plain', 'on', '>secret', '~*', '+@all', '-@scripting');
    await play(
      through,
      ['AUTH plain secret', 'INCR a:1', 'EXPIRE a:1 60 NX', 'SET a:2 v', 'RENAME a:2 d:2'],
      false,
    );
    await behind.call('ACL', 'SETUSER', 'half', 'on', '>secret', '~*', '+@all', '-persist');
    t.equal(
      await play(through, ['AUTH half secret', 'INCR a:3', 'EXPIRE a:3 60 NX', 'PING'], false),
      '+OK\r\n:1\r\n:0\r\n+PONG\r\n',
    );
    near(t, await integer(behind, 'PTTL', 'a:1'), HOUR, 'EXPIRE NX');
    near(t, await integer(behind, 'PTTL', 'd:2'), HOUR, 'RENAME');
    t.equal((await row(proxy, 'all')).followUpsDenied, 2);
  });
}

for (const pool of POOLS) {
  t.test(`keys that are written again pass where new ones are refused; ${pool} pooling`, async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '1gb']);
    const memory = { shed: { normal: ['90%', '97%'] }, reserve: 'off' };
    const proxy = await withProxy(t, {
      redis,
      config: { rules: RULES, upstream: { pool }, memory },
      secrets: { adminToken: TOKEN },
    });
    const through = await withRaw(t, proxy.port, 20_000);
    const set = (prefix: string, bytes: number) => (i: number) =>
      command('SET', `${prefix}:${i}`, 'v'.repeat(bytes));
    const refused = async (make: (i: number) => Buffer, count = 300): Promise<number> => {
      void through.write(Buffer.concat(Array.from({ length: count }, (_, i) => make(i))));
      const replies = await through.readReplies(count);
      return replies.filter((reply) => reply[0] === 0x2d).length;
    };
    await refused(set('a:old', 200));
    await refused((i) => command('XADD', `a:stream:${i}`, '*', 'f', 'v'));
    await refused((i) => command('INCR', `a:count:${i}`));
    await simulate(proxy, 0.935);
    const nothingBetween = [
      await refused(set('a:old', 200)),
      await refused((i) => command('INCR', `a:count:${i}`)),
      await refused((i) => command('XADD', `a:stream:${i}`, 'MAXLEN', '~', '10', '*', 'f', 'v')),
    ];
    t.same(nothingBetween, [0, 0, 0], 'with nothing written between: each of 300 passes');
    await simulate(proxy, 0.01);
    await refused(set('fresh:other', 20), 131_072);
    await simulate(proxy, 0.935);
    const share = await refused(set('fresh:new', 200));
    t.ok(share > 60 && share < 300, `${share} of 300 new ones are refused`);
    t.ok((await refused(set('a:old', 200))) <= 5, 'rewritten');
    t.ok((await refused(set('a:old', 150))) <= 5, 'made smaller');
    const larger = await refused(set('a:old', 2000));
    t.ok(larger > 60 && larger < 300, `${larger} of 300 that grow are refused`);
    t.ok(
      (await refused((i) => command('XADD', `a:stream:${i}`, 'MAXLEN', '~', '10', '*', 'f', 'v'))) <= 5,
      'trimmed',
    );
    t.ok((await refused((i) => command('XADD', `a:stream:${i}`, '*', 'f', 'v'))) > 60, 'not trimmed');
    t.ok((await refused((i) => command('INCR', `a:count:${i}`))) <= 5, 'counted up');
    t.ok((await refused((i) => command('APPEND', `a:old:${i}`, 'v'))) > 60, 'appended to');
    const { spared, shed } = await row(proxy, 'all');
    t.ok(spared > 500, `${spared} were spared`);
    await refused((i) => command('DEL', `a:old:${i}`));
    const anew = await refused(set('a:old', 150));
    t.ok(anew > 60, `${anew} of 300 are new again`);
    await simulate(proxy, 0.98);
    t.equal(await refused(set('a:count', 1)), 300, 'where all is refused nothing is spared');
    t.ok((await row(proxy, 'all')).shed > shed + 300);
  });
}

async function twins(t: Test, pool: string, ttl = '1h') {
  const [one, two] = await Promise.all([withRedis(t), withRedis(t)]);
  const rules = RULES.map((rule) => (rule.ttl === '1h' ? { ...rule, ttl } : rule));
  const proxy = await withProxy(t, { redis: two, config: { rules, upstream: { pool } } });
  const [direct, behind, through] = await Promise.all([
    withRaw(t, one.port),
    withRaw(t, two.port),
    withRaw(t, proxy.port),
  ]);
  return { proxy, direct, behind, through };
}

/** What the client gets for the lines, all sent at once or one by one; `silent`: so many get no reply. */
async function play(
  client: RawClient,
  lines: readonly string[],
  pipelined: boolean,
  silent = 0,
): Promise<string> {
  if (pipelined) {
    void client.write(commands(...lines));
    return String(Buffer.concat(await client.readReplies(lines.length - silent)));
  }
  let all = '';
  for (const line of lines) all += String(await client.call(...line.split(' ')));
  return all;
}

function near(t: Test, is: number, expected: number, what: string): void {
  t.ok(
    Math.abs(is - expected) < Math.min(MINUTE / 4, Math.max(1, expected / 4)),
    `${what}: ${is}, and ${expected} is due`,
  );
}

async function simulate(proxy: TestProxy, pressure: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/api/simulate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ pressure, seconds: 600 }),
  });
  if (!response.ok) throw new Error(await response.text());
  await until(async () => {
    const memory = await fetch(`http://127.0.0.1:${proxy.adminPort}/api/memory`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return ((await memory.json()) as { active: boolean }).active;
  });
}
