// Which alerts fire before real servers: full ones that evict as configured, a node of a Cluster, a replica, and one that is
// really about to answer OOM. Each proxy is scraped twice; promtool plays on what was measured for two hours, counters at
// the pace between the two scrapes, and says which alerts fire then.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { parse, stringify } from 'yaml';
import { readPromql } from '../../test/support/promql.js';
import { withProxy } from '../../test/support/proxy.js';
import { type TestScope, withRedis } from '../../test/support/redis.js';
import { until } from '../../test/support/wait.js';
import { inScope } from './scope.js';

const MEGABYTE = 1024 * 1024;
const LIMIT = 100 * MEGABYTE;
const LIMITED = ['--maxmemory', `${LIMIT}`];
const APART_MS = 3000;
const PLAYED = 120;
const VALUE = 'x'.repeat(20_000);

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** upstream.expect. */
  readonly expect?: string;
  /** So full the server is before the proxy starts, of its limit; above 1: it evicts. */
  readonly fill: number;
  /** Whether its keys have a TTL. */
  readonly ttl?: boolean;
  readonly replica?: boolean;
  readonly fires: readonly string[];
}

/** All but critical writes are refused there. */
const FULL = [
  'SpillwayMemoryCritical',
  'SpillwayMemoryPressure',
  'SpillwayShedding',
  'SpillwaySheddingImportant',
];
/** Judges the machine that the proxies run on here, which may be busy. */
const OF_THE_MACHINE = 'SpillwayEventLoopSlow';
const CLUSTER = ['--cluster-enabled', 'yes'];
const CASES: readonly Case[] = [
  {
    name: 'a full allkeys-lru server',
    args: [...LIMITED, '--maxmemory-policy', 'allkeys-lru'],
    fill: 1.2,
    fires: [],
  },
  {
    name: 'a full volatile-lru server',
    args: [...LIMITED, '--maxmemory-policy', 'volatile-lru'],
    fill: 1.2,
    ttl: true,
    fires: [],
  },
  {
    name: 'a volatile-lru server with nothing left to evict',
    args: [...LIMITED, '--maxmemory-policy', 'volatile-lru'],
    fill: 0.99,
    fires: FULL,
  },
  {
    name: 'a full noeviction server',
    args: LIMITED,
    fill: 0.99,
    fires: FULL,
  },
  {
    name: 'a node of a Cluster, as expected',
    args: [...LIMITED, ...CLUSTER],
    expect: 'cluster',
    fill: 0.2,
    fires: [],
  },
  { name: 'a node of a Cluster', args: [...LIMITED, ...CLUSTER], fill: 0.2, fires: ['SpillwayLimited'] },
  { name: 'a replica, as may be', args: LIMITED, expect: 'any', fill: 0.2, replica: true, fires: [] },
  { name: 'a replica', args: LIMITED, fill: 0.2, replica: true, fires: ['SpillwayLimited'] },
];

/** The tests for promtool, about the rules in `rulesFile`. */
export async function alertsOnServers(rulesFile: string, rules: string): Promise<string> {
  const { groups } = parse(rules) as { groups: { rules: { expr: string }[] }[] };
  const exprs = groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  const wanted = new Set(exprs.flatMap((expr) => readPromql(expr).selectors.map(({ metric }) => metric)));
  const tests: object[] = [];
  for (const each of CASES) {
    console.log(`scraped before ${each.name}`);
    const [before, after, seconds] = await inScope((scope) => scrapes(scope, each));
    tests.push({
      name: each.name,
      interval: '1m',
      input_series: series(before, after, seconds).filter(({ series }) => {
        return wanted.has(series.slice(0, series.indexOf('{')));
      }),
      promql_expr_test: [
        {
          expr: `count by (alertname) (ALERTS{alertstate="firing", alertname!="${OF_THE_MACHINE}"})`,
          eval_time: `${PLAYED - 1}m`,
          exp_samples: each.fires.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
        },
      ],
    });
  }
  return stringify({ rule_files: [rulesFile], evaluation_interval: '1m', tests });
}

async function scrapes(scope: TestScope, each: Case): Promise<[string, string, number]> {
  const redis = await withRedis(scope, each.args);
  const direct = new Redis(redis.port, '127.0.0.1');
  scope.teardown(() => direct.disconnect());
  if (each.args.includes('--cluster-enabled')) await direct.cluster('ADDSLOTSRANGE', 0, 16383);
  await fill(direct, each);
  if (each.replica) {
    const primary = await withRedis(scope);
    await direct.replicaof('127.0.0.1', primary.port);
  }
  const proxy = await withProxy(scope, {
    redis,
    config: {
      upstream: { ...(each.expect && { expect: each.expect }) },
      memory: { pollInterval: '200ms' },
      rules: [{ name: 'cache', match: 'cache:*', ttl: '1m', priority: 'low' }],
    },
  });
  const read = async () => (await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`)).text();
  const client = new Redis(proxy.port, '127.0.0.1', { maxRetriesPerRequest: 0 });
  scope.teardown(() => client.disconnect());
  let writing = true;
  const writer = (async () => {
    // What is refused, moved or read-only is what the metrics are asked about.
    for (let n = 0; writing; n++)
      await Promise.all([delay(20), client.set(`cache:w:${n}`, VALUE).catch(() => {})]);
  })();
  scope.teardown(() => {
    writing = false;
    return writer;
  });
  await until(async () => (await read()).includes('spillway_upstream_info{'), { describe: 'a reading' });
  await delay(APART_MS);
  const begun = performance.now();
  const before = await read();
  await delay(APART_MS);
  return [before, await read(), (performance.now() - begun) / 1000];
}

async function fill(direct: Redis, { fill, ttl }: Case): Promise<void> {
  const target = fill * LIMIT;
  const used = async () => Number(/used_memory:(\d+)/.exec(await direct.info('memory'))?.[1]);
  for (let written = 0; written < target; ) {
    const room = fill > 1 ? target - written : target - (await used());
    if (room < VALUE.length) break;
    const batch = direct.pipeline();
    const count = Math.max(1, Math.min(100, Math.floor(room / (VALUE.length + 1000))));
    for (let i = 0; i < count; i++, written += VALUE.length) {
      const key = `filled:${written}`;
      if (ttl) batch.set(key, VALUE, 'EX', 7200);
      else batch.set(key, VALUE);
    }
    await batch.exec();
  }
}

/** promtool's series: each value as it was last, counters going on at their pace. */
function series(before: string, after: string, seconds: number): { series: string; values: string }[] {
  const first = samples(before);
  const counters = new Set(
    [...after.matchAll(/^# TYPE (\w+) (?:counter|histogram)$/gm)].map(([, name]) => name),
  );
  return [...samples(after)].map(([id, value]) => {
    const brace = id.indexOf('{');
    const name = brace < 0 ? id : id.slice(0, brace);
    const labels = [brace < 0 ? '' : id.slice(brace + 1, -1), 'instance="a"', 'job="spillway"'];
    const counts = counters.has(name.replace(/_(?:bucket|sum|count)$/, '')) || counters.has(name);
    const pace = counts ? ((value - (first.get(id) ?? 0)) / seconds) * 60 : 0;
    return {
      series: `${name}{${labels.filter((label) => label !== '').join(', ')}}`,
      values: `${value}+${pace.toFixed(3)}x${PLAYED}`,
    };
  });
}

function samples(exposition: string): Map<string, number> {
  const lines = exposition.matchAll(/^(\w+(?:\{.*\})?) ([-+.\de]+)$/gm);
  return new Map([...lines].map(([, id = '', value]) => [id, Number(value)]));
}
