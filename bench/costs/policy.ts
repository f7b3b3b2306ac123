// What the settings of rules cost a SET that gets a TTL: four rules with a TTL and a priority, then step by step the other
// settings. Limits and budgets are so large that nothing is refused.
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import { type CostsResults, SETTINGS, type Settings } from '../report/types.js';
import { commandFor } from '../throughput/redis-benchmark.js';
import { privateRedis, privateSpillway, RULES, withEndings } from '../throughput/targets.js';
import { FINE, type PartOptions, setsPerSecond, warmUp } from './part.js';

const LIMIT = { writes: '1000000/s', bytes: '10gb/s', value: '1mb' };

/** What each step adds to the one before it. */
const ADDED: Readonly<Record<Settings, Record<string, unknown>>> = {
  'TTL and priority': {},
  'families, limits, scripts and renew': {
    applyTo: 'all',
    renew: true,
    scripts: 'refuse',
    scriptTtl: true,
    limit: LIMIT,
  },
  'budgets too': { budget: '10gb' },
  'evict too': { evict: true },
};

export function measurePolicy({ rounds, quick, report }: PartOptions): Promise<CostsResults['policy']> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const command = commandFor('set', false);
    const runs = [];
    for (const settings of SETTINGS) {
      const config = {
        pool: 'command',
        rules: rulesWith(settings),
        families: familiesWith(settings),
      } as const;
      const { port } = await privateSpillway(endings, redis.port, config);
      runs.push({ settings, port, expected: await warmUp(port, command, quick) });
    }
    const samples = await inTurn(rounds * FINE, runs, async ({ settings, port, expected }) => {
      const perSecond = await setsPerSecond(port, command, quick, expected);
      report(`${settings}: ${Math.round(perSecond)} a second`);
      return perSecond;
    });
    return SETTINGS.map((settings, i) => ({ settings, perSecond: median(samples[i] as number[]) }));
  });
}

function rulesWith(settings: Settings): Record<string, unknown>[] {
  const upToHere = SETTINGS.slice(0, SETTINGS.indexOf(settings) + 1);
  return RULES.map((rule) => Object.assign({ ...rule }, ...upToHere.map((each) => ADDED[each])));
}

function familiesWith(settings: Settings): 'off' | 'auto' {
  return settings === SETTINGS[0] ? 'off' : 'auto';
}
