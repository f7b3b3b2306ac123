// What the upstream is, said everywhere: a server that a failover makes a replica, a node of a Cluster, a Sentinel.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { withIoredis } from '../support/ioredis.js';
import { POOL, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';

interface Line {
  readonly level: number;
  readonly msg: string;
}

interface Options {
  readonly expect?: string;
  readonly workers?: number;
}

async function start(t: Test, port: number, { expect = 'primary', workers = 1 }: Options = {}) {
  const lines: Line[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)) as Line);
      done();
    },
  });
  const config = { upstream: { expect, pool: POOL }, workers, memory: { pollInterval: '100ms' } };
  const proxy = await withProxy(t, { redis: { port }, config, log: pino({ level: 'info' }, sink) });
  const url = `http://127.0.0.1:${proxy.adminPort}`;
  return {
    proxy,
    warnings: () =>
      lines.filter(({ level, msg }) => level === 40 && /upstream/.test(msg)).map(({ msg }) => msg),
    ready: async () => {
      const response = await fetch(`${url}/readyz`);
      return {
        status: response.status,
        ...((await response.json()) as { reasons: string[]; state: string }),
      };
    },
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
  };
}

t.test('a server that becomes a replica, and a primary again', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const other = await withRedis(t);
  const direct = withIoredis(t, redis.port);
  const { proxy, ready, warnings, metrics } = await start(t, redis.port, { workers: 2 });
  t.match(await ready(), { status: 200, reasons: [], state: 'ok' });
  t.match(
    await metrics(),
    /^spillway_upstream_info\{mode="standalone",role="primary",version="[\d.]+"\} 1$/m,
  );

  await direct.replicaof('127.0.0.1', other.port);
  const replica = new RegExp(`a replica of 127.0.0.1:${other.port}: it refuses writes`);
  await until(async () => (await ready()).reasons.some((reason) => replica.test(reason)), {
    timeoutMs: 20_000,
    describe: 'the replica to be seen',
  });
  t.match(await ready(), { status: 200, state: 'limited' }, 'reads are served, so it is ready');
  t.match(warnings(), [replica]);
  t.match(await metrics(), /^spillway_upstream_info\{mode="standalone",role="replica",/m);
  const client = await withRaw(t, proxy.port);
  const info = String(await client.call('PROXY', 'INFO'));
  t.match(info, /\r\nupstream_mode:standalone\r\nupstream_role:replica\r\n/);
  t.match(info, /\r\nstate:limited\r\nstate_text:the server is a replica of /);

  await direct.replicaof('NO', 'ONE');
  await until(async () => (await ready()).reasons.length === 0, {
    timeoutMs: 20_000,
    describe: 'the primary',
  });
  t.equal(warnings().length, 1, 'said once');
});

t.test('a node of a Cluster', { timeout: 60_000 }, async (t) => {
  const node = await withRedis(t, ['--maxmemory', '100mb', '--cluster-enabled', 'yes']);
  const { ready, warnings, metrics } = await start(t, node.port);
  t.match(await ready(), {
    status: 200,
    reasons: [/^the server is a node of a Cluster/],
    state: 'limited',
  });
  t.match(warnings(), [/go around Spillway.*docs\/CLUSTER\.md/]);
  t.match(await metrics(), /^spillway_upstream_info\{mode="cluster",role="primary",/m);
  const expected = await start(t, node.port, { expect: 'cluster' });
  t.match(await expected.ready(), { status: 200, reasons: [], state: 'ok' });
  t.same(expected.warnings(), []);
});

t.test('a Sentinel', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const sentinel = await withSentinel(t, redis.port);
  const { ready, warnings } = await start(t, sentinel.port, { expect: 'any' });
  t.match(await ready(), { reasons: [/^the server is a Sentinel, which holds no keys/], state: 'blind' });
  t.match(warnings(), [/^the server is a Sentinel/]);
});
