// What a crowd of clients that work a little costs Redis: its connections, their memory, its CPU for each command.
// Everything is started anew for each, so that no one's leftovers count.
import { Redis } from 'ioredis';
import { median } from '../../test/support/median.js';
import { generate } from '../latency/generator.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { cpuSeconds } from '../throughput/cpu.js';
import { type Pool, privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { clientLimit } from './held-connections.js';
import type { PartOptions } from './part.js';

const CLIENTS = 5000;
const PER_SECOND = 5000;
const WARM_UP_SECONDS = 1;
const KEYS = Array.from({ length: 1024 }, (_, i) => `key:${String(i).padStart(12, '0')}`);
const VALUE = 'x'.repeat(64);
const POOLS: readonly (Pool | undefined)[] = [undefined, 'session', 'command'];

type Figures = Omit<CostsResults['crowd'][number], 'clients' | 'target'>;

export async function measureCrowd({ rounds, quick, report }: PartOptions): Promise<CostsResults['crowd']> {
  const clients = Math.min(quick ? 1000 : CLIENTS, clientLimit());
  const seconds = quick ? 1 : 5;
  const samples = await inTurn(rounds, POOLS, async (pool) => {
    const figures = await measure(pool, clients, seconds);
    const { connectedClients, redisCpu } = figures;
    report(
      `crowd, ${pool ?? 'direct'}: ${connectedClients} connections, ${redisCpu.toFixed(1)} µs of Redis a command`,
    );
    return figures;
  });
  return POOLS.map((pool, i) => {
    const middle = (read: (figures: Figures) => number): number =>
      median((samples[i] as Figures[]).map(read));
    return {
      clients,
      target: pool === undefined ? 'direct' : `${pool} pooling`,
      connectedClients: middle((figures) => figures.connectedClients),
      redisClientMemory: middle((figures) => figures.redisClientMemory),
      redisCpu: middle((figures) => figures.redisCpu),
      perSecond: middle((figures) => figures.perSecond),
    };
  });
}

function measure(pool: Pool | undefined, clients: number, seconds: number): Promise<Figures> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const control = new Redis({ host: redis.host, port: redis.port });
    endings.add(() => control.disconnect());
    await control.mset(Object.fromEntries(KEYS.map((key) => [key, VALUE])));
    const proxy = pool && (await privateSpillway(endings, redis.port, { pool }));
    let cpuBefore = 0;
    let info: Promise<string> | undefined;
    const { requests, achievedPerSecond } = await generate(
      {
        port: proxy?.port ?? redis.port,
        connections: clients,
        ratePerSecond: PER_SECOND,
        warmUpSeconds: WARM_UP_SECONDS,
        seconds,
        commands: KEYS.map((key) => ['GET', key]),
        linesPerReply: 2,
      },
      {
        begin: () => {
          cpuBefore = cpuSeconds(redis.pid) ?? Number.NaN;
        },
        halfway: () => {
          info = control.info();
        },
      },
    );
    const cpu = (cpuSeconds(redis.pid) ?? Number.NaN) - cpuBefore;
    const text = (await info) ?? '';
    return {
      connectedClients: field(text, 'connected_clients'),
      redisClientMemory: field(text, 'mem_clients_normal'),
      redisCpu: (cpu / requests) * 1e6,
      perSecond: achievedPerSecond,
    };
  });
}

function field(info: string, name: string): number {
  const [, value] = new RegExp(`^${name}:(\\d+)\\r?$`, 'm').exec(info) ?? [];
  if (value === undefined) throw new Error(`no ${name} in INFO`);
  return Number(value);
}
