// What rules cost: as many as there are, all but the last are of other keys.
import { median } from '../../test/support/median.js';
import { inTurn } from '../report/rounds.js';
import type { CostsResults } from '../report/types.js';
import { privateRedis, privateSpillway, withEndings } from '../throughput/targets.js';
import { FINE, type PartOptions, setsPerSecond, warmUp } from './part.js';

const COUNTS = [4, 100, 1000];
const VALUE = 'x'.repeat(64);

/** A literal prefix is looked up; a glob that is none is tried, one after the other. */
const KINDS = {
  prefix: (number: string) => `p${number}:*`,
  glob: (number: string) => `*x${number}*y`,
} as const;

interface Variant {
  readonly rules: number;
  readonly kind: keyof typeof KINDS;
}

export function measureRules({ rounds, quick, report }: PartOptions): Promise<CostsResults['rules']> {
  return withEndings(async (endings) => {
    const redis = await privateRedis(endings);
    const variants: Variant[] = (['prefix', 'glob'] as const).flatMap((kind) =>
      COUNTS.map((rules) => ({ rules, kind })),
    );
    const runs = [];
    for (const variant of variants) {
      const proxy = await privateSpillway(endings, redis.port, { pool: 'command', rules: rulesOf(variant) });
      const command = commandOf(variant);
      const expected = await warmUp(proxy.port, command, quick);
      runs.push({ variant, port: proxy.port, command, expected });
    }
    const samples = await inTurn(rounds * FINE, runs, async ({ variant, port, command, expected }) => {
      const perSecond = await setsPerSecond(port, command, quick, expected);
      report(`${variant.rules} rules, ${variant.kind}: ${Math.round(perSecond)} a second`);
      return perSecond;
    });
    return variants.map((variant, i) => ({ ...variant, perSecond: median(samples[i] as number[]) }));
  });
}

function rulesOf({ rules, kind }: Variant): Record<string, unknown>[] {
  return Array.from({ length: rules }, (_, i) => ({
    name: `rule-${i + 1}`,
    match: KINDS[kind](numbered(i + 1)),
    ttl: '1h',
  }));
}

/** Writes what the last rule matches. */
function commandOf({ rules, kind }: Variant): string[] {
  const last = numbered(rules);
  const key = kind === 'prefix' ? `p${last}:__rand_int__` : `x${last}:__rand_int__:y`;
  return ['SET', key, VALUE];
}

function numbered(rule: number): string {
  return String(rule).padStart(4, '0');
}
