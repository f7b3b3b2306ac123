// `npm run bench:throughput`: redis-benchmark straight at Redis, through Spillway and through its peers, one Redis for
// all, in turn, round by round. Behind Spillway clients send a plain SET and the proxy gives the TTL; everywhere else
// they send `… EX 3600`, so that the work done in the end is the same.
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/demo/redis-server.js';
import { ensureServerBinary } from '../../src/demo/server-binary.js';
import { wholeNumber } from '../../test/support/options.js';
import { startProxyProcess } from '../../test/support/proxy-process.js';
import { cpuSeconds } from './cpu.js';
import { startPeers } from './peer.js';
import { commandFor, load } from './redis-benchmark.js';
import { drawTable, type Sample, summarize } from './results.js';

const CONNECTIONS = 50;
const PIPELINES = [1, 16, 64];
/** Pipelined runs are shorter by far: they get more requests for as steady a figure. */
const MORE_WHEN_PIPELINED = 5;
const WARM_UP_REQUESTS = 200_000;

interface Target {
  readonly name: string;
  readonly port: number;
  readonly pid: number | undefined;
  readonly clientGivesTtl: boolean;
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    requests: { type: 'string', default: '200000' },
    test: { type: 'string', default: 'set' },
    save: { type: 'boolean', default: false },
  },
});
const rounds = wholeNumber('rounds', options.rounds);
const requests = wholeNumber('requests', options.requests);
const { test } = options;
if (test !== 'set' && test !== 'get') throw new Error(`--test ${test}: must be set or get`);

const endings: (() => unknown)[] = [];
try {
  const redis = await startRedis({ binary: await ensureServerBinary(console.error) });
  endings.push(() => redis.stop());
  const proxy = await startProxyProcess({
    entry: 'dist',
    config: {
      upstream: { url: `redis://127.0.0.1:${redis.port}` },
      rules: [{ name: 'bench', match: 'key:*', ttl: '1h' }],
    },
  });
  endings.push(() => proxy.stop());
  const peers = await startPeers(redis.port, console.error);
  for (const peer of peers) endings.push(() => peer.stop());
  const control = new Redis({ host: '127.0.0.1', port: redis.port });
  endings.push(() => control.disconnect());

  const targets: Target[] = [
    { name: 'direct', port: redis.port, pid: undefined, clientGivesTtl: true },
    { name: 'spillway', port: proxy.port, pid: proxy.pid, clientGivesTtl: false },
    ...peers.map(({ name, port, pid }) => ({ name, port, pid, clientGivesTtl: true })),
  ];
  for (const target of targets) await warmUp(target);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const pipeline of PIPELINES) {
      // Each round starts with another target, so that none always follows the same one.
      for (let i = 0; i < targets.length; i++) {
        const target = targets[(i + round) % targets.length] as Target;
        console.error(`round ${round + 1} of ${rounds}, P = ${pipeline}, ${target.name}`);
        samples.push(await measure(target, pipeline, redis.pid, control));
      }
    }
  }
  samples.sort((a, b) => a.pipeline - b.pipeline || order(targets, a) - order(targets, b));
  const rows = summarize(samples);
  console.log(`${test.toUpperCase()}, ${CONNECTIONS} connections, 64 bytes, medians of ${rounds} rounds`);
  console.log(drawTable(rows));
  if (options.save) await save(rows);
} finally {
  for (const end of endings.reverse()) await end();
}

async function measure(target: Target, pipeline: number, redisPid: number, control: Redis): Promise<Sample> {
  const count = pipeline === 1 ? requests : requests * MORE_WHEN_PIPELINED;
  const common = { connections: CONNECTIONS, pipeline, requests: count };
  await control.flushall();
  if (test === 'get') {
    const fill = {
      ...common,
      pipeline: 64,
      port: control.options.port ?? 0,
      command: commandFor('set', true),
    };
    await load(fill);
  }
  const before = { proxy: cpuOf(target.pid), redis: cpuOf(redisPid) };
  const command = commandFor(test as 'set' | 'get', target.clientGivesTtl);
  const result = await load({ ...common, port: target.port, command });
  const perCommand = (start: number | undefined, end: number | undefined): number | undefined =>
    start === undefined || end === undefined ? undefined : ((end - start) / count) * 1e6;
  const sample = {
    target: target.name,
    pipeline,
    ...result,
    proxyCpuUs: perCommand(before.proxy, cpuOf(target.pid)),
    redisCpuUs: perCommand(before.redis, cpuOf(redisPid)),
  };
  await proveTtls(target, control);
  return sample;
}

/** Compilers and allocators settle before anything counts. */
async function warmUp(target: Target): Promise<void> {
  const command = commandFor('set', target.clientGivesTtl);
  await load({
    port: target.port,
    connections: CONNECTIONS,
    pipeline: 16,
    requests: WARM_UP_REQUESTS,
    command,
  });
}

/** A target that did not give every key its TTL has done less work: its figure must not stand. */
async function proveTtls(target: Target, control: Redis): Promise<void> {
  const [, keys = '0', expires = '0'] =
    /db0:keys=(\d+),expires=(\d+)/.exec(await control.info('keyspace')) ?? [];
  if (keys === '0' || keys !== expires) {
    throw new Error(`${target.name}: of ${keys} keys written, ${expires} have a TTL; expected all`);
  }
}

async function save(rows: ReturnType<typeof summarize>): Promise<void> {
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const machine = {
    cpu: os.cpus()[0]?.model,
    cpus: os.cpus().length,
    node: process.version,
    platform: process.platform,
  };
  const file = new URL(`throughput-${date}.json`, folder);
  await writeFile(file, `${JSON.stringify({ date, machine, test, requests, rounds, rows }, null, 2)}\n`);
  console.log(`saved: ${file.pathname}`);
}

function cpuOf(pid: number | undefined): number | undefined {
  return pid === undefined ? undefined : cpuSeconds(pid);
}

function order(targets: readonly Target[], sample: Sample): number {
  return targets.findIndex(({ name }) => name === sample.target);
}
