// `npm run bench:trace`: where does a slow request spend its time? 50 clients send pipelines of SETs; the sender and a
// traced Spillway note when each passes where. Prints the stages of the usual request beside those of the slowest
// hundredth, of both poolings, and the totals of direct Redis and of the peers for comparison.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { encodeCommand } from '../../src/core/resp/encode.js';
import { wholeNumber } from '../../test/support/options.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import { CONNECTIONS } from '../throughput/measure.js';
import { startPeers } from '../throughput/peer.js';
import { type Endings, type Pool, privateRedis, RULES, withEndings } from '../throughput/targets.js';
import { type SendersOptions, send } from './senders.js';
import { type Events, meanStages, type Request, STAGES, type Staged, stagesOf } from './stages.js';

const REPLY_BYTES = '+OK\r\n'.length;
const POOLS = ['session', 'command'] as const;
const PLAIN = { head: [], border: [], compact: true };

const { values: options } = parseArgs({
  options: {
    pipeline: { type: 'string', default: '64' },
    size: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
  },
});
const pipeline = wholeNumber('pipeline', options.pipeline);
const size = wholeNumber('size', options.size);
const seconds = options.quick ? 1 : wholeNumber('seconds', options.seconds);

await withEndings(async (endings) => {
  const redis = await privateRedis(endings);
  const value = 'x'.repeat(size);
  const plain = encodeCommand('SET', 'key:1', value);
  const withTtl = encodeCommand('SET', 'key:1', value, 'EX', '3600');
  console.log(`${CONNECTIONS} clients, SETs of ${size} bytes, ${pipeline} in flight each; milliseconds\n`);
  const run = { connections: CONNECTIONS, pipeline, replyBytes: REPLY_BYTES, seconds };
  const totals: [string, Request[]][] = [
    ['direct', await warmAndSend({ ...run, command: withTtl, port: redis.port })],
  ];
  for (const peer of await startPeers(redis.port, console.error)) {
    endings.add(() => peer.stop());
    totals.push([peer.name, await warmAndSend({ ...run, command: withTtl, port: peer.port })]);
  }
  for (const pool of POOLS) {
    const { requests, staged } = await trace(endings, pool, redis.port, { ...run, command: plain });
    totals.push([`${pool} pooling, traced`, requests]);
    console.log(drawStages(pool, staged));
  }
  console.log(drawTotals(totals));
});

async function warmAndSend(options: SendersOptions): Promise<Request[]> {
  await send({ ...options, seconds: 1 });
  return send(options);
}

async function trace(endings: Endings, pool: Pool, redisPort: number, run: Omit<SendersOptions, 'port'>) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-trace-'));
  endings.add(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'events.json');
  const proxy = await startProxyProcess({
    config: { upstream: { url: `redis://127.0.0.1:${redisPort}`, pool }, rules: RULES },
    nodeArgs: ['--import', new URL('hook.mjs', import.meta.url).href],
    env: { ...process.env, TRACE_FILE: file },
  });
  endings.add(() => proxy.stop());
  const requests = await warmAndSend({ ...run, port: proxy.port });
  await proxy.stop();
  const events = new Map(JSON.parse(await readFile(file, 'utf8')) as [number, Events][]);
  return { requests, staged: stageAll(requests, events) };
}

function stageAll(requests: readonly Request[], events: ReadonlyMap<number, Events>): Staged[] {
  const staged: Staged[] = [];
  /** By client: events before this one are of earlier requests, which come in order. */
  const begun = new Map<number, number>();
  for (const request of requests) {
    const all = events.get(request.port) ?? [];
    let from = begun.get(request.port) ?? 0;
    while (from < all.length && all[from + 1] < request.sentAt) from += 2;
    begun.set(request.port, from);
    const one = stagesOf(request, all, from);
    if (one !== undefined) staged.push(one);
  }
  return staged;
}

function drawStages(pool: Pool, staged: readonly Staged[]): string {
  const usual = meanStages(staged, 0.4, 0.6);
  const slow = meanStages(staged, 0.99, 1);
  const table = new Table({ head: [`${pool} pooling`, 'usual', 'slowest 1%'], style: PLAIN });
  STAGES.forEach((stage, i) => {
    table.push([stage, usual.stages[i].toFixed(2), slow.stages[i].toFixed(2)]);
  });
  table.push(['in all', usual.total.toFixed(2), slow.total.toFixed(2)]);
  return `${table.toString()}\n`;
}

function drawTotals(totals: readonly [string, readonly Request[]][]): string {
  const table = new Table({ head: ['', 'commands/s', 'p50', 'p99', 'p99.9'], style: PLAIN });
  for (const [name, requests] of totals) {
    const times = requests.map(({ sentAt, doneAt }) => doneAt - sentAt).sort((a, b) => a - b);
    const at = (share: number): string => times[Math.floor(share * (times.length - 1))].toFixed(2);
    const rate = Math.round((requests.length * pipeline) / seconds);
    table.push([name, rate, at(0.5), at(0.99), at(0.999)]);
  }
  return table.toString();
}
