// spillway init: what it writes is a valid configuration that only observes, and each key falls under the rule that was
// made for its pattern.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { PATTERN_SCRATCH, writePattern } from '../../src/observe/stats/prefix.js';
import type { Analysis, GroupAnalysis } from '../../src/tools/analyze/analysis.js';
import { TTL_BANDS } from '../../src/tools/analyze/bands.js';
import { proposeRules } from '../../src/tools/init/propose.js';
import { leftText, writeConfig } from '../../src/tools/init/write.js';
import { builtMain } from '../support/built.js';
import { loadDataset } from '../support/dataset.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const MAIN = builtMain();
const folder = withFolder(t, 'spillway-init-');

function rulesOf(text: string): RuleSet {
  const file = path.join(folder, 'proxy.config.json');
  writeFileSync(file, text);
  const { config, warnings } = loadConfig({ file, env: {}, flags: {} });
  if (config.rules.length > 0) t.same(warnings, []);
  t.ok(
    config.rules.every(({ observe }) => observe),
    'they only observe',
  );
  return new RuleSet({ rules: config.rules, unregistered: { priority: 1, observe: true } });
}

t.test('a mixed keyspace and a running proxy', async (t) => {
  const redis = await withRedis(t, ['--requirepass', 'secret']);
  await loadDataset(
    { host: '127.0.0.1', port: redis.port, password: 'secret', connectTimeoutMs: 1000 },
    { keys: 3000 },
  );
  const proxy = await withProxy(t, { redis });
  const through = withIoredis(t, proxy.port, { password: 'secret' });
  for (let i = 0; i < 10; i++) await through.set('fresh:1', '1');

  const output = path.join(folder, 'first.json');
  const admin = `http://127.0.0.1:${proxy.adminPort}`;
  const args = ['init', '-u', `redis://:secret@127.0.0.1:${redis.port}`, '--admin', admin, '-o', output];
  // The proxy is in this process: it must go on meanwhile.
  const run = () =>
    new Promise<{ status: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [MAIN, ...args], (error, _, stderr) =>
        resolve({ status: error?.code ?? 0, stderr }),
      );
    });
  const { status, stderr } = await run();
  t.equal(status, 0, stderr);
  const written = readFileSync(output, 'utf8');
  t.notMatch(written, 'secret');
  const rules = rulesOf(written);
  const ruleOf = (key: string) => {
    const rule = rules.find(Buffer.from(key), 0, key.length);
    return { match: rule.globs.map(String), ttl: rule.ttlMs, durable: rule.durable, priority: rule.priority };
  };
  t.match(ruleOf('session:0123456789abcdef'), { match: ['session:*'], durable: false, priority: 2 });
  t.match(ruleOf('cache:product:7'), { match: ['cache:product:*'], durable: false, priority: 0 });
  t.match(ruleOf('queue:amber:7'), { match: ['queue:*'], durable: true, priority: 3 });
  t.match(ruleOf('user:1000007'), { match: ['user:*'], durable: true, ttl: 0 });
  t.match(ruleOf('fresh:2'), { match: ['fresh:*'] }, 'what only the proxy has seen');
  t.match(
    ruleOf('order:1'),
    { match: [] },
    'binary names, ????*, make no rule for whatever has four letters',
  );
  t.match(written, /would match the keys of others.*\n.*\n.*\?{4}\* \(/);
  t.match(written, /\/\/ 900 keys .*without a TTL; string/);
  t.match(await run(), { status: 1, stderr: /already exists/ });
  t.equal(readFileSync(output, 'utf8'), written);
  t.equal(spawnSync(process.execPath, [MAIN, 'check', '--config', output]).status, 0);
});

t.test(
  'if the server is lost during the walk, init writes what it has, says that it is partial, and fails',
  async (t) => {
    const redis = await withRedis(t);
    const direct = new Redis(redis.port, '127.0.0.1', { retryStrategy: null });
    direct.on('error', () => {});
    const write = direct.pipeline();
    for (let i = 0; i < 3000; i++) write.set(`cache:${i}`, 'x');
    await write.exec();
    const asked = async () =>
      Number(/cmdstat_memory\|usage:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1] ?? 0);
    const options = { upstream: `redis://127.0.0.1:${redis.port}`, maxRate: 500, patienceMs: 50 };
    const url = new URL('init.js', pathToFileURL(MAIN));
    const script = `const { initCommand } = await import(${JSON.stringify(url.href)});
    process.exitCode = await initCommand(${JSON.stringify(options)}, {});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [out, problems] = [text(child.stdout), text(child.stderr)];
    await until(async () => (await asked()) >= 100, { timeoutMs: 30_000 });
    await redis.kill('SIGKILL');
    const [status] = await once(child, 'close');
    t.equal(status, 1, await problems);
    t.match(await problems, /lost before the end: 127\.0\.0\.1:\d+: [\s\S]*the result is partial/);
    t.match(await out, /"match": "cache:\*"/);
  },
);

t.test('keys of patterns beyond the limit make no rule, and are told', async (t) => {
  const groups = [groupOf('a:*'), { ...groupOf('(others)'), by: 'others' }];
  const { rules, wordless, left } = proposeRules({
    groups,
    keys: { total: 100 },
    memory: { ttlBytes: 0 },
  } as unknown as Analysis);
  t.strictSame(
    rules.map(({ rule }) => rule.match),
    ['a:*'],
  );
  t.strictSame(wordless, []);
  t.strictSame(left, { keys: 10, share: 0.5, beyond: 10 });
  t.match(leftText(left), /^50% of the keys \(10\) have no rule.*10 of them .* beyond the first 10,000/);
});

const word = fc.constantFrom('a', 'b', 'user', 'cart', '42', '77', 'x*y', '[z]', 'q?', '\\', '*/', '\n');
const key = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(':'));

t.test('each key falls under the rule of its own pattern', async (t) => {
  const scratch = Buffer.alloc(PATTERN_SCRATCH);
  const patternOf = (text: string) => {
    const bytes = Buffer.from(text, 'latin1');
    return scratch.toString('latin1', 0, writePattern(bytes, 0, bytes.length, scratch));
  };
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 12 }), (keys) => {
      const patterns = [...new Set(keys.map(patternOf))];
      const proposals = proposeRules({
        groups: patterns.map(groupOf),
        keys: { total: 100 },
        memory: { ttlBytes: 0 },
      } as unknown as Analysis);
      const upstream = {
        secure: false,
        path: undefined,
        host: 'h',
        port: 1,
        username: undefined,
        password: undefined,
        db: undefined,
      };
      const rules = rulesOf(writeConfig({ on: '2026-11-23', upstream, proposals }));
      for (const each of keys) {
        const bytes = Buffer.from(each, 'latin1');
        const found = String(rules.find(bytes, 0, bytes.length).globs[0] ?? '');
        const own = patternOf(each);
        const wanted = proposals.rules.some(({ rule }) => rule.match === own);
        if (wanted && found !== own) return false;
      }
      return true;
    }),
    { numRuns: 200 },
  );
  t.end();
});

function groupOf(name: string): GroupAnalysis {
  const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });
  return {
    name,
    by: 'pattern',
    db: null,
    keys: exactly(10),
    bytes: exactly(1000),
    share: 0.1,
    averageBytes: 100,
    largestBytes: 100,
    withoutTtl: exactly(10),
    withoutTtlBytes: 1000,
    longestTtlSeconds: null,
    ttl: TTL_BANDS.map(() => ({ band: '', seconds: 1, keys: 0, bytes: 0 })),
    // Of its own, so that none are put together.
    types: { [`string${name}`]: 1 },
    encodings: {},
    idle: [],
  };
}
