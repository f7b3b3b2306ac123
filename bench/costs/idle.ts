// What connections cost that do nothing: memory. Everything is started anew for each, since no memory is given back.
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { type Pool, privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { clientLimit, holdConnections } from './held-connections.js';
import type { PartOptions } from './part.js';
import { residentBytes } from './resident.js';

const POOLS: readonly (Pool | undefined)[] = [undefined, 'session', 'command'];

interface Resident {
  readonly proxy: number;
  readonly redis: number;
}

export async function measureIdle({ rounds, quick, report }: PartOptions): Promise<CostsResults['idle']> {
  const levels = quick ? [0, Math.min(1000, clientLimit())] : [0, 1000, clientLimit()];
  const cases = levels.flatMap((connections) => POOLS.map((pool) => ({ connections, pool })));
  const samples = await inTurn(rounds, cases, async ({ connections, pool }) => {
    const resident = await measure(pool, connections);
    report(
      `${connections} idle, ${pool ?? 'direct'}: proxy ${resident.proxy}, Redis ${resident.redis} bytes`,
    );
    return resident;
  });
  return cases.map(({ connections, pool }, i) => ({
    connections,
    target: pool === undefined ? 'direct' : `${pool} pooling`,
    proxyResident: median((samples[i] as Resident[]).map(({ proxy }) => proxy)),
    redisResident: median((samples[i] as Resident[]).map(({ redis }) => redis)),
  }));
}

function measure(pool: Pool | undefined, connections: number): Promise<Resident> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const proxy = pool && (await privateSpillway(endings, redis.port, { pool }));
    endings.add(await holdConnections(proxy?.port ?? redis.port, connections));
    return { proxy: proxy === undefined ? 0 : residentBytes(proxy.pid), redis: residentBytes(redis.pid) };
  });
}
