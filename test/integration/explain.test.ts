// What an explanation says is what the proxy does: each command is explained, then sent through a real proxy to a real
// Redis, and what reached Redis, what the client was told and what was counted are compared.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { errorReply } from '../../src/core/resp/client-errors.js';
import { RequestScanner, Scan } from '../../src/core/resp/request-scanner.js';
import type { StatsSnapshot } from '../../src/observe/stats/snapshot.js';
import type { Explanation } from '../../src/surfaces/explain/types.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { linesOf } from '../support/twins.js';
import { until } from '../support/wait.js';

const RULES = [
  { name: 'exact', match: 'cache:pinned', durable: true, priority: 'critical' },
  { name: 'cache', match: ['cache:*', 'c?che:*'], ttl: '1h', maxTtl: '2h', priority: 'low' },
  { name: 'spread', match: 'spread:*', ttl: '10m', jitter: '20%', maxTtl: '11m', priority: 'low' },
  { name: 'all', match: 'all:*', ttl: '1d', applyTo: 'all', priority: 'high' },
  { name: 'capped', match: 'capped:*', ttl: '10s', maxTtl: '30s' },
  { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
  { name: 'staged', match: 'staged:*', ttl: '5m', maxTtl: '6m', mode: 'observe', priority: 'low' },
];
const KEYS = 'cache:pinned cache: cäche:1 spread:1 all:1 capped:1 queue:1 staged:1 none'.split(' ');

/** `K` is the key, `L` another one. */
const COMMANDS = linesOf(
  'SET K v; set K v ex 60; SET K v EX 9999999; SET K v PX 9999999999; SET K v PXAT 99999999999999',
  'SET K v EXAT 99999999999; SET K v KEEPTTL; SET K v NX GET; SET K v EX 60 KEEPTTL; SET K v EX',
  'SET K v EX -1; SET K v BOGUS; SET K; SETEX K 60 v; SETEX K 99999999 v; SETEX K x v',
  'PSETEX K 99999999999 v; SETNX K v; GETSET K v; GETEX K; GETEX K EX 9999999; GETEX K PERSIST',
  'MSET K v L w; MSET L w K v none:2 x; MSET K v L; MSETNX K v L w; MSETEX 2 K v L w',
  'MSETEX 1 K v EX 99999999; APPEND K x; SETRANGE K 0 x; INCR K; DEL K; HSET K f v; DEL K; LPUSH K a b',
  'LMOVE K L LEFT RIGHT; DEL K L; SADD K m; SMOVE K L m; SUNIONSTORE K L; SORT L ALPHA STORE K; DEL K L',
  'ZADD K 1 m; GEOADD L 13 38 m; GEORADIUS L 13 38 1 km STORE K; COPY L K; XADD K * f v; DEL K L',
  'XGROUP CREATE K g $ MKSTREAM; BITOP AND K L; PFADD L x; EXPIRE K 100; PERSIST K; GET K; EXISTS K',
  'EVAL return(1) 1 K; NO.SUCH K; DEL K L',
);

interface Rig {
  readonly proxy: TestProxy;
  readonly client: RawClient;
  /** What reached the server on the client's connection since it was asked last. */
  sent(): Promise<string[][]>;
}

/** A proxy whose server is behind a wire that notes what goes up. */
async function rig(t: Test, redis: { port: number }, config: Record<string, unknown>): Promise<Rig> {
  const wires: Buffer[][] = [];
  const relay = createServer((down) => {
    const bytes: Buffer[] = [];
    wires.push(bytes);
    const up = connect(redis.port, '127.0.0.1');
    down.on('data', (chunk: Buffer) => bytes.push(chunk));
    down.pipe(up).pipe(down);
    for (const socket of [down, up]) socket.on('error', () => down.destroy());
    t.teardown(() => down.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  const { port } = relay.address() as AddressInfo;
  const upstream = { pool: 'session' };
  const proxy = await withProxy(t, { redis: { port }, config: { ...config, upstream } });
  const client = await withRaw(t, proxy.port);
  await client.call('PING', 'who');
  const own = wires.find((bytes) => Buffer.concat(bytes).includes('$3\r\nwho\r\n'));
  if (own === undefined) throw new Error("the client's connection is not there");
  own.length = 0;
  return {
    proxy,
    client,
    async sent() {
      await client.call('PING', 'mark');
      const commands = decode(Buffer.concat(own.splice(0)));
      t.same(commands.pop(), ['PING', 'mark']);
      return commands;
    },
  };
}

function decode(bytes: Buffer): string[][] {
  const scanner = new RequestScanner();
  const commands: string[][] = [];
  for (let at = 0; at < bytes.length; at = scanner.next) {
    if (scanner.scan(bytes, at, bytes.length) !== Scan.COMPLETE) throw new Error(`half a command: ${bytes}`);
    const words = Array.from({ length: scanner.argc }, (_, i) =>
      bytes.toString('utf8', scanner.starts[i], scanner.ends[i]),
    );
    commands.push(words);
  }
  return commands;
}

async function explained(proxy: TestProxy, key: string, words: readonly string[]): Promise<Explanation> {
  const query = new URLSearchParams({ key });
  for (const word of words) query.append('command', word);
  return (await proxy.admin(`/api/explain?${query}`)) as Explanation;
}

const OUTCOMES = [
  'ttlInjected',
  'ttlClamped',
  'hadTtl',
  'withoutTtl',
  'kept',
  'wouldInject',
  'wouldClamp',
] as const;

/** What each rule counts: by rule, by counter. */
function counts(stats: StatsSnapshot): Record<string, number> {
  const into: Record<string, number> = {};
  for (const rule of [...stats.rules, stats.unregistered]) {
    for (const name of OUTCOMES) into[`${rule.name} ${name}`] = rule[name];
    into[`${rule.name} followUp`] = rule.followUps;
    into.shed = (into.shed ?? 0) + rule.shed;
    into.wouldShed = (into.wouldShed ?? 0) + rule.wouldShed;
    for (const [reason, refused] of [...Object.entries(rule.shedBy), ...Object.entries(rule.wouldShedBy)])
      into[`${rule.name} refused by ${reason}`] = (into[`${rule.name} refused by ${reason}`] ?? 0) + refused;
  }
  return into;
}

/** The counters that the explanation says will be one more, each as often. */
function expectedCounts({ keys, now }: Explanation): Record<string, number> {
  const into: Record<string, number> = {};
  const add = (name: string) => {
    into[name] = (into[name] ?? 0) + 1;
  };
  if (now?.shed) add('shed');
  if (now?.wouldShed) add('wouldShed');
  const { refused } = now ?? {};
  const deciding = keys.find(({ key }) => key === refused?.key);
  if (refused) add(`${deciding?.rule?.name ?? 'unregistered'} refused by ${refused.reason}`);
  for (const { rule, ttl } of now?.shed ? [] : keys)
    if (ttl) add(`${rule?.name ?? 'unregistered'} ${ttl.outcome}`);
  return into;
}

function difference(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  const entries = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== 0));
}

/** Alike but for jitter, within the bounds that are said, and for what depends on the clock. */
function sameCommands(t: Test, actual: string[][], explanation: Explanation): void {
  const { sends, keys } = explanation;
  const bounds = keys.flatMap(({ ttl }) => (ttl?.givesMs ? [ttl.givesMs] : []));
  const close = (word: string, said: string): boolean => {
    const [value, expected] = [Number(word), Number(said)];
    if (
      bounds.some(([least, most]) => value >= least && value <= most && expected >= least && expected <= most)
    )
      return true;
    return expected > 1e9 && Math.abs(value - expected) < 60_000;
  };
  const settled = actual.map((words, i) =>
    words.map((word, j) => {
      const said = sends[i]?.[j];
      return said !== undefined && said !== word && close(word, said) ? said : word;
    }),
  );
  t.same(settled, sends, explanation.command.join(' '));
}

/** Explains, does, and compares; returns the explanation, or undefined where pressure changed meanwhile. */
async function compare(
  t: Test,
  { proxy, client, sent }: Rig,
  key: string,
  words: string[],
  anew: readonly string[] = [],
) {
  const before = counts(await proxy.running.stats());
  const explanation = await explained(proxy, key, words);
  const reply = await client.call(...words);
  const reached = await sent();
  // A key that is known may be written again: what is asked again is asked of new ones.
  if (anew.length > 0) await client.call('DEL', ...anew);
  await sent();
  const again = await explained(proxy, key, words);
  if (again.now?.shed !== explanation.now?.shed || again.now?.wouldShed !== explanation.now?.wouldShed)
    return;
  const what = `${words.join(' ')}`;
  t.same(explanation.command, words, what);
  t.equal(reply.equals(errorReply('OOM')), explanation.now?.shed, `${what}: refused`);
  if (explanation.now?.shed) t.same(reached, [], `${what}: nothing goes up`);
  else sameCommands(t, reached, explanation);
  t.equal(explanation.changed, !isSame(explanation.sends, words), `${what}: changed`);
  const after = counts(await proxy.running.stats());
  t.same(difference(after, before), expectedCounts(explanation), `${what}: counted`);
  if (explanation.kind === 'refused') t.match(String(reply), /^-/, `${what}: Redis refuses it`);
  return explanation;
}

function isSame(sends: string[][], words: string[]): boolean {
  return sends.length === 1 && command(...(sends[0] as string[])).equals(command(...words));
}

t.test('at rest: every command, for keys of every kind of rule', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '200mb']);
  const it = await rig(t, redis, { rules: RULES });
  for (const key of KEYS) {
    for (const line of COMMANDS) {
      const words = line.split(' ').map((word) => (word === 'K' ? key : word === 'L' ? 'all:other' : word));
      // Behind a copy of a key with a rule's TTL comes what the key's own past decides, which no explanation knows.
      if (words[0] === 'COPY') await it.client.call('DEL', 'all:other');
      await it.sent();
      const explanation = await compare(t, it, words.includes(key) ? key : 'all:other', words);
      t.equal(explanation?.now?.shed, false);
    }
  }
});

t.test('under pressure: the very keys that it says are refused', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const direct = await withRaw(t, redis.port);
  await direct.call(
    'EVAL',
    "for i = 1, 5000 do redis.call('SET', 'pad:' .. i, string.rep('x', 10000)) end",
    0,
  );
  const shed = { low: ['10%', '90%'], normal: ['20%', '100%'], high: ['50%', '60%'] };
  const it = await rig(t, redis, { rules: RULES, memory: { shed, pollInterval: '50ms' } });
  await until(async () => ((await explained(it.proxy, 'a', [])).now?.pressure ?? 0) > 0.5, {
    describe: () => 'the pressure to be read',
  });
  const answers = new Set<string>();
  const lines = [
    'SET K v',
    'SET K v EX 9999999',
    'MSET K v L w',
    'LPUSH K v',
    'LMOVE K L LEFT LEFT',
    'DEL K',
    'GET K',
  ];
  for (const prefix of ['cache:', 'spread:', 'all:', 'queue:', 'staged:', 'none:']) {
    for (let i = 0; i < 12; i++) {
      const key = i % 2 === 0 ? `${prefix}${i}` : `${prefix}{${i}}:x`;
      for (const line of lines) {
        const words = line
          .split(' ')
          .map((word) => (word === 'K' ? key : word === 'L' ? `queue:${i}` : word));
        let explanation: Explanation | undefined;
        while (explanation === undefined) {
          // Neither is known: a key that is written again may pass.
          await it.client.call('DEL', key, `queue:${i}`);
          await it.sent();
          explanation = await compare(t, it, key, words, [key, `queue:${i}`]);
        }
        answers.add(`${line} ${explanation.now?.shed} ${explanation.now?.wouldShed}`);
        const { keys, now } = explanation;
        const said = keys.filter(({ shed }) => shed.now);
        t.equal(
          now?.shed,
          said.some(({ mode }) => mode === 'enforce'),
          `${words.join(' ')}: as its keys say`,
        );
        t.equal(now?.refused !== null, now?.shed || now?.wouldShed, 'what is refused has a reason');
        for (const { shed } of keys) t.equal(shed.reason, shed.now ? 'band' : null);
        for (const { shed } of keys) {
          const pressure = now?.pressure ?? 0;
          const refused = shed.now || shed.spared !== null;
          if (shed.keyAbove === null) t.equal(refused, false);
          // Growth since the reading counts, too; so only what stands clear of the point.
          else if (Math.abs(pressure - shed.keyAbove) > 0.05) t.equal(refused, pressure > shed.keyAbove);
        }
      }
    }
  }
  for (const one of [
    'SET K v true false',
    'SET K v false false',
    'SET K v false true',
    'LMOVE K L LEFT LEFT false false',
  ])
    t.ok(answers.has(one), one);
  t.notOk(answers.has('GET K true false'));
});
