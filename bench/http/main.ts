// `npm run bench:http`: what the proxy costs an HTTP application. The same application runs twice, straight at Redis
// and through Spillway, and autocannon loads them in turn, round by round; the table shows medians.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import Table from 'cli-table3';
import { startRedis } from '../../src/demo/redis-server.js';
import { ensureServerBinary } from '../../src/demo/server-binary.js';
import { median } from '../../test/support/median.js';
import { wholeNumber } from '../../test/support/options.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';

const ROUTES = ['/get', '/set', '/mixed'] as const;
const WARM_UP_SECONDS = 2;

interface Measurement {
  requestsPerSecond: number;
  p50: number;
  p99: number;
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '50' },
  },
});
const seconds = wholeNumber('seconds', options.seconds);
const rounds = wholeNumber('rounds', options.rounds);
const connections = wholeNumber('connections', options.connections);

const endings: (() => unknown)[] = [];
try {
  const redis = await startRedis({ binary: await ensureServerBinary(console.error) });
  endings.push(() => redis.stop());
  const proxy = await startProxyProcess({
    entry: 'dist',
    config: {
      upstream: { url: `redis://127.0.0.1:${redis.port}` },
      rules: [{ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' }],
    },
  });
  endings.push(() => proxy.stop());
  const apps = { direct: await startApp(redis.port), spillway: await startApp(proxy.port) };
  const results = new Map<string, Measurement[]>();
  for (const url of Object.values(apps)) for (const route of ROUTES) await load(url + route, WARM_UP_SECONDS);
  for (let round = 0; round < rounds; round++) {
    console.error(`round ${round + 1} of ${rounds}`);
    // The order changes from round to round, so that neither side always runs on the warmer machine.
    const order = round % 2 === 0 ? (['direct', 'spillway'] as const) : (['spillway', 'direct'] as const);
    for (const route of ROUTES) {
      for (const side of order) {
        const id = `${side} ${route}`;
        results.set(id, [...(results.get(id) ?? []), await load(apps[side] + route, seconds)]);
      }
    }
  }
  print(results);
} finally {
  for (const end of endings.reverse()) await end();
}

async function startApp(redisPort: number): Promise<string> {
  const child = fork(new URL('app.ts', import.meta.url), {
    env: { ...process.env, REDIS_PORT: String(redisPort) },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  endings.push(async () => {
    const exited = once(child, 'exit');
    child.kill();
    await exited;
  });
  if (child.stdout === null) throw new Error('the application has no standard output');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${(JSON.parse(String(line)) as { port: number }).port}`;
}

async function load(url: string, duration: number): Promise<Measurement> {
  const result = await autocannon({ url, connections, duration });
  const failed = result.errors + result.timeouts + result.non2xx;
  if (failed > 0) throw new Error(`${url}: ${failed} requests failed; their figures would mean nothing`);
  return { requestsPerSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

function print(results: ReadonlyMap<string, readonly Measurement[]>): void {
  const table = new Table({
    head: ['route', 'target', 'requests/s', 'p50 ms', 'p99 ms', 'overhead'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const route of ROUTES) {
    const direct = summary(results.get(`direct ${route}`) ?? []);
    const spillway = summary(results.get(`spillway ${route}`) ?? []);
    const overhead = (1 - spillway.requestsPerSecond / direct.requestsPerSecond) * 100;
    table.push(
      [route, 'direct', ...cells(direct), ''],
      ['', 'spillway', ...cells(spillway), `${overhead.toFixed(1)} %`],
    );
  }
  console.log(
    `${connections} connections, ${seconds} s each, medians of ${rounds} rounds; overhead: fewer requests/s`,
  );
  console.log(table.toString());
}

function summary(rows: readonly Measurement[]): Measurement {
  return {
    requestsPerSecond: median(rows.map((row) => row.requestsPerSecond)),
    p50: median(rows.map((row) => row.p50)),
    p99: median(rows.map((row) => row.p99)),
  };
}

function cells({ requestsPerSecond, p50, p99 }: Measurement): string[] {
  return [Math.round(requestsPerSecond).toLocaleString('en-US'), String(p50), String(p99)];
}
