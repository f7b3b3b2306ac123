// Scripts before a real server: rules with scripts "refuse" refuse them as a whole while their keys are refused, those that
// free memory pass, and scriptTtl gives the keys that they name their TTL. In both kinds of pooling, beside plain writes.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import type { LoggedEvent } from '../../src/observe/history/event-log.js';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import { startProxy } from '../../src/runtime/proxy.js';
import type { Explanation } from '../../src/surfaces/explain/types.js';
import { POOLS } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-of-this-test';
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const RULES = [
  { name: 'jobs', match: 'bq:*', durable: true, priority: 'low', scripts: 'refuse' },
  { name: 'watched', match: 'watched:*', durable: true, priority: 'low', scripts: 'refuse', mode: 'observe' },
  { name: 'plain', match: 'plain:*', durable: true, priority: 'low' },
  { name: 'cart', match: 'cart:*', ttl: '1h', applyTo: 'all', scriptTtl: true, priority: 'critical' },
  { name: 'seen', match: 'seen:*', ttl: '1h', applyTo: 'all', scriptTtl: true, mode: 'observe' },
];

/** As bee-queue adds a job. */
const ADD = `local id = redis.call("incr", KEYS[1])
redis.call("hset", KEYS[2], id, ARGV[1])
redis.call("lpush", KEYS[3], id)
return id`;
/** As BullMQ writes: by a local name. */
const BULL_ADD = `local rcall = redis.call
-- adds it
local id = rcall("INCR", KEYS[1])
rcall("HSET", KEYS[2] .. id, "data", ARGV[1])
return id`;
/** Releases what a job holds. */
const FINISH = `local rcall = redis.call
if rcall("LREM", KEYS[1], 0, ARGV[1]) > 0 then
  rcall("HDEL", KEYS[2], ARGV[1])
end
return rcall("DEL", KEYS[3])`;
const ALLOWED = '#!lua flags=allow-oom\nreturn redis.call("SET", KEYS[1], "x")';
const LIBRARY = `#!lua name=jobs
redis.register_function('add_job', function(keys, args) return redis.call('LPUSH', keys[1], args[1]) end)
redis.register_function('drop_jobs', function(keys) return redis.call('DEL', keys[1]) end)
redis.register_function{function_name='count_jobs', flags={'no-writes'}, callback=function(keys) return redis.call('LLEN', keys[1]) end}`;

async function rig(t: Test, pool: string, workers = 1) {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  let passScripts = ['drop_jobs'];
  const compile = () =>
    compileConfig(
      configSchema.parse({
        listen: '127.0.0.1:0',
        admin: { listen: '127.0.0.1:0' },
        upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
        memory: { pollInterval: '20ms', shed: { low: ['80%', '90%'] }, passScripts },
        rules: RULES,
        workers,
      }),
      { adminToken: TOKEN },
    );
  const load = async () => ({ config: compile(), warnings: [] });
  const running = await startProxy(compile(), pino({ level: 'silent' }), {
    source: { file: undefined, text: undefined, load },
  });
  t.teardown(() => running.stop(0));
  const ask = async (path: string, method = 'GET', body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${running.adminAddress?.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return response.status === 204 ? undefined : ((await response.json()) as unknown);
  };
  const client = await withRaw(t, running.address.port);
  const direct = await withRaw(t, redis.port);
  const call = async (...words: (string | number)[]) => String(await client.call(...words));
  return {
    ...{ client, direct, call, ask, port: running.address.port },
    async rehearse(pressure: number) {
      await ask('/api/simulate', 'POST', { pressure, seconds: 600 });
      const refused = pressure > 0.9;
      await until(async () => ((await call('SET', 'plain:probe', 'x')) === OOM) === refused, {
        describe: 'the pressure to be acted upon',
      });
    },
    async pass(names: string[]) {
      passScripts = names;
      await ask('/api/reload', 'POST');
    },
    rule: async (name: string) => {
      const stats = (await ask('/api/stats')) as StatsSnapshot;
      const found = stats.rules.find((rule) => rule.name === name);
      if (found === undefined) throw new Error(`no rule ${name}`);
      return found;
    },
    explained: async (key: string, ...words: string[]) => {
      const query = new URLSearchParams({ key });
      for (const word of words) query.append('command', word);
      return (await ask(`/api/explain?${query}`)) as Explanation;
    },
  };
}

const shaOf = async (client: RawClient, source: string) =>
  String(await client.call('SCRIPT', 'LOAD', source)).split('\r\n')[1] as string;
const JOB = ['bq:{q}:id', 'bq:{q}:jobs', 'bq:{q}:waiting'] as const;

for (const pool of POOLS) {
  t.test(`refused as a whole, or not at all: pool ${pool}`, async (t) => {
    const { client, direct, call, ask, rehearse, pass, rule, explained } = await rig(t, pool);
    await call('FUNCTION', 'LOAD', LIBRARY);
    const [add, finish] = [await shaOf(client, ADD), await shaOf(client, FINISH)];
    t.equal(await call('EVALSHA', add, 3, ...JOB, 'x'), ':1\r\n', 'without pressure all pass');
    t.equal(await call('EVAL', BULL_ADD, 2, 'bq:id', 'bq:', 'x'), ':1\r\n');
    t.equal(await call('FCALL', 'add_job', 1, 'bq:list', 'x'), ':1\r\n');

    await rehearse(0.95);
    const before = String(await direct.call('INFO', 'commandstats'));
    const refused: [what: string, ...words: (string | number)[]][] = [
      ['EVALSHA', 'EVALSHA', add, 3, ...JOB, 'y'],
      ['in upper case', 'EVALSHA', add.toUpperCase(), 3, ...JOB, 'y'],
      ['EVAL', 'EVAL', ADD, 3, ...JOB, 'y'],
      ["by a local name, as Bull's", 'EVAL', BULL_ADD, 2, 'bq:id', 'bq:', 'y'],
      ['one of its keys', 'EVAL', ADD, 3, 'other:id', 'plain:x', 'bq:waiting', 'y'],
      ['FCALL', 'FCALL', 'add_job', 1, 'bq:list', 'y'],
      ['a script that was never seen', 'EVALSHA', 'f'.repeat(40), 1, 'bq:list'],
      ['with a large value behind its keys', 'EVAL', ADD, 3, ...JOB, 'y'.repeat(100_000)],
      ['with a long source', 'EVAL', `${ADD}\n--${'x'.repeat(100_000)}`, 3, ...JOB, 'y'],
    ];
    for (const [what, ...words] of refused) {
      t.equal(await call(...words), OOM, what);
      const short = words.map(String).filter((word) => word.length < 1000);
      if (short.length < words.length) continue;
      const explanation = await explained(
        'bq:list',
        ...short.map((word) => word.replace('bq:waiting', 'bq:list')),
      );
      t.match(explanation, { kind: 'write', now: { shed: true, refused: { reason: 'script' } } }, what);
    }
    const calls = (text: string) => /cmdstat_(eval|evalsha|fcall):calls=\d+/g[Symbol.match](text);
    t.same(
      calls(String(await direct.call('INFO', 'commandstats'))),
      calls(before),
      'no server has seen them',
    );
    t.match(await rule('jobs'), { shed: refused.length, shedBy: { script: refused.length } });
    await until(
      async () =>
        ((await ask('/api/events')) as LoggedEvent[]).some(({ text }) =>
          /rule jobs are refused \(script\)/.test(text),
        ),
      { describe: 'the event that says so' },
    );
    t.equal(String(await direct.call('GET', 'bq:{q}:id')), '$1\r\n1\r\n', 'nothing in part');

    t.equal(
      await call('EVALSHA', finish, 3, 'bq:{q}:waiting', 'bq:{q}:jobs', 'bq:lock', '1'),
      ':0\r\n',
      'it frees',
    );
    t.match(await explained('bq:lock', 'EVAL', FINISH, '3', 'a', 'b', 'bq:lock'), {
      kind: 'passed',
      now: { shed: false },
    });
    t.equal(await call('EVAL', FINISH, 3, 'bq:list', 'bq:jobs', 'bq:lock', 'x'), ':0\r\n');
    t.equal(await call('EVAL', ALLOWED, 1, 'bq:allowed'), '+OK\r\n', 'its flags allow it');
    t.equal(await call('EVAL_RO', 'return redis.call("GET", KEYS[1])', 1, 'bq:allowed'), '$1\r\nx\r\n');
    t.equal(await call('FCALL_RO', 'count_jobs', 1, 'bq:list'), ':0\r\n');
    t.equal(await call('FCALL', 'drop_jobs', 1, 'bq:list'), ':0\r\n', 'the operator lets it pass');
    t.equal(
      await call('EVAL', ADD, 3, 'plain:id', 'plain:jobs', 'plain:waiting', 'x'),
      ':1\r\n',
      'its rule lets it pass',
    );
    t.equal(await call('EVAL', 'return redis.call("SET", "bq:hidden", 1)', 0), '+OK\r\n', 'it names no key');
    t.match(await call('EVAL', ADD, 9, ...JOB), /^-ERR Number of keys/, 'what Redis refuses');
    t.equal(
      await call('EVAL', ADD, 3, 'watched:id', 'watched:jobs', 'watched:waiting', 'x'),
      ':1\r\n',
      'observed',
    );
    t.match(await rule('watched'), { shed: 0, wouldShedBy: { script: 1 } });

    t.equal(await call('MULTI'), '+OK\r\n');
    t.equal(await call('SET', 'cart:held', 'x'), '+QUEUED\r\n');
    t.equal(await call('EVALSHA', add, 3, ...JOB, 'y'), OOM);
    t.match(await call('EXEC'), /^-EXECABORT/, 'it poisons its transaction');
    t.equal(String(await direct.call('EXISTS', 'cart:held')), ':0\r\n');

    await pass([add.toUpperCase()]);
    t.equal(await call('EVALSHA', add, 3, ...JOB, 'y'), ':2\r\n', 'named while it runs');
    t.equal(await call('FCALL', 'drop_jobs', 1, 'bq:list'), OOM, 'no longer named');
  });

  t.test(`the keys that a script names get their TTL: pool ${pool}`, async (t) => {
    const { client, direct, call, rule } = await rig(t, pool);
    const ttl = async (key: string) => Number(String(await direct.call('PTTL', key)).slice(1));
    const fill = 'for _, key in ipairs(KEYS) do redis.call("HSET", key, "f", ARGV[1]) end return 1';
    const within = async (key: string) => {
      const left = await ttl(key);
      return left > 3_500_000 && left <= 3_600_000;
    };
    t.equal(await call('EVAL', fill, 3, 'cart:1', 'none:1', 'cart:2', 'x'), ':1\r\n');
    await call('PING');
    t.ok((await within('cart:1')) && (await within('cart:2')));
    t.equal(await ttl('none:1'), -1);
    t.match(await rule('cart'), { writes: 2, followUps: 2, followUpsSet: 2 });

    await direct.call('PEXPIRE', 'cart:1', 50_000);
    await call('EVALSHA', await shaOf(client, fill), 1, 'cart:1', 'y');
    await call('PING');
    t.ok((await ttl('cart:1')) <= 50_000, 'an own TTL stays');

    t.equal(await call('EVAL', 'return redis.call("DEL", KEYS[1])', 1, 'cart:2'), ':1\r\n');
    t.match(await rule('cart'), { writes: 3 }, 'one that cannot grow creates nothing');

    await call('MULTI');
    await call('EVAL', fill, 1, 'cart:3', 'x');
    t.equal(await call('EXEC'), '*1\r\n:1\r\n');
    await call('PING');
    t.ok(await within('cart:3'), 'behind EXEC');

    await call('EVAL', fill, 1, 'seen:1', 'x');
    await call('PING');
    t.equal(await ttl('seen:1'), -1);
    t.match(await rule('seen'), { writes: 1, wouldInject: 1 }, 'observed');
  });
}

t.test('both workers refuse scripts and know the sources that passed', async (t) => {
  const { port, rehearse, rule } = await rig(t, 'session', 2);
  const clients = await Promise.all(Array.from({ length: 4 }, () => withRaw(t, port)));
  let [add, finish] = ['', ''];
  for (const client of clients) {
    add = await shaOf(client, ADD);
    finish = await shaOf(client, FINISH);
  }
  await rehearse(0.95);
  const all = (...words: (string | number)[]) =>
    Promise.all(clients.map(async (client) => String(await client.call(...words))));
  await until(async () => (await all('SET', 'plain:probe', 'x')).every((reply) => reply === OOM), {
    describe: 'both workers to act upon the pressure',
  });
  t.same(new Set(await all('EVALSHA', add, 3, ...JOB, 'x')), new Set([OOM]));
  t.same(new Set(await all('EVAL', ADD, 3, ...JOB, 'x')), new Set([OOM]));
  t.same(new Set(await all('EVALSHA', finish, 3, 'bq:w', 'bq:j', 'bq:l', '1')), new Set([':0\r\n']));
  t.match(await rule('jobs'), { shedBy: { script: 2 * clients.length } });
});
