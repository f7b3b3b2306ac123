// Keys of one {tag} are refused together: by the rule of a real Redis Cluster, and in pairs of keys as libraries write them,
// with both kinds of pooling and several workers.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { tagOf } from '../../src/core/policy/hash.js';
import { startProxy } from '../../src/runtime/proxy.js';
import { POOLS } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-of-this-test';
const PAIRS = 200;
const RULES = [{ name: 'all', match: '*', ttl: '1h', priority: 'low' }];
const MEMORY = { pollInterval: '20ms', shed: { low: ['80%', '90%'] }, reserve: 'off' };

/** The two keys of a pair, in the forms of Redisson and of hand-written Cluster keys. */
const FORMS: Readonly<Record<string, (i: number) => readonly [hash: string, sorted: string]>> = {
  'a map of Redisson': (i) => [`map${i}`, `redisson__timeout__set:{map${i}}`],
  'a map of Redisson whose name has a tag': (i) => [`map:{${i}}`, `redisson__timeout__set:map:{${i}}`],
  'keys with a tag': (i) => [`{u${i}}:data`, `{u${i}}:index`],
};

/** How the two are written; both names are of keys that are read afterwards. */
const WAYS: Readonly<Record<string, (one: string, other: string) => Buffer[]>> = {
  'one after the other': (one, other) => [command('HSET', one, 'f', 'v'), command('ZADD', other, 1, 'm')],
  'in a transaction': (one, other) => [
    ...[command('MULTI'), command('HSET', one, 'f', 'v'), command('ZADD', other, 1, 'm'), command('EXEC')],
  ],
  'by one command': (one, other) => [command('MSET', one, 'v', other, 'v')],
};

async function rehearsing(t: Test, redis: { port: number }, pool: string, workers: number) {
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    upstream: { url: `redis://127.0.0.1:${redis.port}`, pool },
    ...{ memory: MEMORY, rules: RULES, workers },
  });
  const running = await startProxy(compileConfig(config, { adminToken: TOKEN }), pino({ level: 'silent' }));
  t.teardown(() => running.stop(0));
  const rehearse = async (pressure: number) => {
    const response = await fetch(`http://127.0.0.1:${running.adminAddress?.port}/api/simulate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ pressure, seconds: 600 }),
    });
    t.equal(response.status, 200);
  };
  return { port: running.address.port, rehearse };
}

async function exists(direct: RawClient, keys: readonly string[]): Promise<boolean[]> {
  void direct.write(Buffer.concat(keys.map((key) => command('EXISTS', key))));
  return (await direct.readReplies(keys.length)).map((reply) => String(reply) === ':1\r\n');
}

for (const pool of POOLS) {
  for (const workers of pool === 'command' ? [1, 2] : [1]) {
    t.test(`pairs are written whole or not at all: pool ${pool}, ${workers} worker(s)`, async (t) => {
      const redis = await withRedis(t, ['--maxmemory', '100mb']);
      const direct = await withRaw(t, redis.port);
      const { port, rehearse } = await rehearsing(t, redis, pool, workers);
      const clients = await Promise.all(Array.from({ length: 2 * workers }, () => withRaw(t, port)));
      const fates = new Map<string, Set<string>>();
      for (const pressure of [0.82, 0.855, 0.89]) {
        await rehearse(pressure);
        for (const client of clients) {
          let share = 0;
          await until(
            async () => {
              share = await refusedShare(client);
              return Math.abs(share - (pressure - 0.8) * 10) < 0.1;
            },
            { describe: () => `the share of ${pressure} to be refused, not ${share}` },
          );
        }
        for (const [form, keysOf] of Object.entries(FORMS)) {
          for (const [way, commandsOf] of Object.entries(WAYS)) {
            const pairs = Array.from({ length: PAIRS }, (_, i) => keysOf(i));
            await Promise.all(
              clients.map(async (client, n) => {
                const own = pairs
                  .filter((_, i) => i % clients.length === n)
                  .map(([one, other]) => commandsOf(one, other));
                void client.write(Buffer.concat(own.flat()));
                await client.readReplies(own.flat().length);
              }),
            );
            const found = await exists(direct, pairs.flat());
            const whole = pairs.map((_, i) => found[2 * i] && found[2 * i + 1]);
            const halves = pairs.filter((_, i) => found[2 * i] !== found[2 * i + 1]);
            t.same(halves, [], `${form}, ${way}, at ${pressure}`);
            const written = whole.filter(Boolean).length;
            t.ok(written > 0 && written < PAIRS, `${written} of ${PAIRS} pairs are written`);
            const fate = `${form} ${pressure}`;
            fates.set(fate, (fates.get(fate) ?? new Set()).add(whole.map(Number).join('')));
            // Through the proxy, too: strings that it takes for alive would be spared.
            for (const client of clients) await client.call('DEL', ...pairs.flat());
            await direct.call('FLUSHALL');
          }
        }
      }
      for (const [fate, ways] of fates) t.equal(ways.size, 1, `${fate}: the same pairs whichever way`);
    });
  }
}

/** The share of some keys that is refused now. Strings that were written before would be spared. */
async function refusedShare(client: RawClient): Promise<number> {
  const keys = Array.from({ length: 400 }, (_, i) => `probe:${i}`);
  void client.write(Buffer.concat(keys.map((key) => command('HSET', key, 'f', 'x'))));
  const replies = await client.readReplies(keys.length);
  return replies.filter((reply) => String(reply).startsWith('-OOM')).length / keys.length;
}

t.test('a tag is what a Redis Cluster takes for one', async (t) => {
  const clusterPort = String(await findFreePort());
  const redis = await withRedis(t, ['--cluster-enabled', 'yes', '--cluster-port', clusterPort]);
  const client = await withRaw(t, redis.port);
  const parts = ['{', '}', 'a', 'b'];
  const keys: string[] = [];
  for (let n = 0; n < parts.length ** 6; n++) {
    keys.push(
      Array.from({ length: 6 }, (_, i) => parts[Math.floor(n / parts.length ** i) % parts.length]).join(''),
    );
  }
  const slots = async (names: readonly (string | Buffer)[]) => {
    void client.write(Buffer.concat(names.map((name) => command('CLUSTER', 'KEYSLOT', name))));
    return (await client.readReplies(names.length)).map(String);
  };
  const tags = keys.map((key) => Buffer.from(tagOf(Buffer.from(key)) ?? key));
  const tagged = tags.filter((tag, i) => tag.toString() !== keys[i]);
  t.ok(tagged.length > 500 && tagged.length < keys.length / 2);
  t.same(await slots(tags), await slots(keys));
});
