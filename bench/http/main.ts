// `npm run bench:http`: what the proxy costs an HTTP application. The same application runs straight at Redis and behind
// Spillway of each pooling, and autocannon loads them in turn, round by round; the table shows medians.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { wholeNumber } from '../../test/support/options.js';
import { circumstances } from '../report/circumstances.js';
import { keepResults } from '../report/keep.js';
import { inTurn } from '../report/rounds.js';
import type { HttpResults, Target } from '../report/types.js';
import { type Endings, privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { drawTable, type Measurement, summarize } from './results.js';

const ROUTES = ['/get', '/set', '/mixed'] as const;

/** The application's keys: `cache:` has the last one, `count:` stays as it is. */
const RULES = [
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'counts', match: 'count:*', durable: true },
  { name: 'users', match: 'user:*', ttl: '12h' },
  { name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' },
];

interface Application {
  readonly target: Target;
  readonly url: string;
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    connections: { type: 'string', default: '50' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const seconds = wholeNumber('seconds', options.seconds ?? (options.quick ? '1' : '4'));
const rounds = wholeNumber('rounds', options.rounds ?? (options.quick ? '1' : '3'));
const connections = wholeNumber('connections', options.connections);

await withEndings(async (endings) => {
  const redis = await privateRedis(endings);
  const applications: Application[] = [
    { target: 'direct', url: await startApplication(endings, redis.port) },
  ];
  for (const pool of ['command', 'session'] as const) {
    const { port } = await privateSpillway(endings, redis.port, { pool, rules: RULES });
    applications.push({ target: `${pool} pooling`, url: await startApplication(endings, port) });
  }
  if (!options.quick) {
    for (const { url } of applications) for (const route of ROUTES) await load(url + route, 1);
  }
  const rows: HttpResults['rows'][number][] = [];
  for (const route of ROUTES) {
    const samples = await inTurn(rounds, applications, async ({ target, url }, round) => {
      console.error(`${route}, round ${round + 1} of ${rounds}, ${target}`);
      return load(url + route, seconds);
    });
    const targets = applications.map(({ target }) => target);
    rows.push(...summarize(route, targets, samples));
  }
  const results: HttpResults = { ...circumstances(rounds), connections, seconds, rows };
  console.log(
    `${connections} connections, ${seconds} s each, medians of ${rounds} rounds; overhead: fewer requests/s`,
  );
  console.log(drawTable(rows));
  if (options.save) keepResults('http', results);
});

async function startApplication(endings: Endings, redisPort: number): Promise<string> {
  const child = fork(new URL('app.ts', import.meta.url), {
    env: { ...process.env, REDIS_PORT: String(redisPort) },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  endings.add(async () => {
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
  return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}
