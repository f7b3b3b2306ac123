// What the statistics cost: the same proxy with them and without, both run from source.
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { commandFor } from '../throughput/redis-benchmark.js';
import { privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { FINE, type PartOptions, setsPerSecond, warmUp } from './part.js';

const WITHOUT = new URL('without-statistics.ts', import.meta.url);

export function measureStatistics({
  rounds,
  quick,
  report,
}: PartOptions): Promise<CostsResults['statistics']> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const on = await privateSpillway(endings, redis.port, { pool: 'command', entry: 'source' });
    const off = await privateSpillway(endings, redis.port, { pool: 'command', entry: WITHOUT });
    const command = commandFor('set', false);
    await warmUp(on.port, command, quick);
    const expected = await warmUp(off.port, command, quick);
    const [onSamples = [], offSamples = []] = await inTurn(rounds * FINE, [on, off], async (proxy) => {
      const perSecond = await setsPerSecond(proxy.port, command, quick, expected);
      report(`statistics ${proxy === on ? 'on' : 'off'}: ${Math.round(perSecond)} a second`);
      return perSecond;
    });
    return { onPerSecond: median(onSamples), offPerSecond: median(offSamples) };
  });
}
