// The ways in which Spillway stands between, and the configuration of each.
// `plain` is three at once: no rules, rules that touch nothing, observed rules. In each of them a client sees what
// it sees without Spillway; in `ttl` too, and in `shed` all but the refusals.

export const MODES = ['plain', 'ttl', 'shed'] as const;
export type Mode = (typeof MODES)[number];

export function isMode(name: string): name is Mode {
  return (MODES as readonly string[]).includes(name);
}

/** Read rarely, and never too old: readings have no part in what is tested here. */
const CALM = { pollInterval: '1m', staleAfter: '1h' };
/**
 * Every low key is refused, and no other. Of so small a limit nothing is left for small, short-lived writes, which pass
 * otherwise.
 */
const FULL = {
  ...{ ...CALM, limit: '1kb', shedWhen: 'always' },
  shed: { low: ['0%', '0%'], normal: 'never', high: 'never', critical: 'never' },
};

export const TTL_MS = 3_600_000;
export const MAX_TTL_MS = 7_200_000;
export const JITTERED_TTL_MS = 1_000_000;
/** Share by which a jittered TTL may differ. */
export const JITTER = 0.1;

const TTL_RULES = [
  { name: 'strings', match: 's:*', ttl: '1h', maxTtl: '2h' },
  { name: 'all', match: 'a:*', ttl: '1h', maxTtl: '2h', applyTo: 'all' },
  { name: 'durable', match: 'd:*', durable: true },
  { name: 'observed', match: 'o:*', ttl: '1h', maxTtl: '2h', applyTo: 'all', mode: 'observe' },
  { name: 'jittered', match: 'j:*', ttl: '1000s', jitter: '10%' },
];

const EVERYTHING = { name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'low' };

export interface Setting {
  readonly name: string;
  readonly mode: Mode;
  readonly config: Record<string, unknown>;
  /** Wait until low keys are refused, or would be. */
  readonly full: boolean;
}

export const SETTINGS: readonly Setting[] = [
  { name: 'no rules', mode: 'plain', config: { memory: CALM }, full: false },
  {
    name: 'rules that touch nothing',
    mode: 'plain',
    config: { memory: FULL, rules: [{ ...EVERYTHING, match: 'elsewhere:*' }] },
    full: true,
  },
  {
    name: 'observed rules',
    mode: 'plain',
    config: { memory: FULL, mode: 'observe', rules: [EVERYTHING] },
    full: true,
  },
  { name: 'TTL rules', mode: 'ttl', config: { memory: CALM, rules: TTL_RULES }, full: false },
  {
    name: 'shedding',
    mode: 'shed',
    // Durable, so that nothing but the refusal is done to them.
    config: { memory: FULL, rules: [{ name: 'low', match: 'a:*', durable: true, priority: 'low' }] },
    full: true,
  },
];
