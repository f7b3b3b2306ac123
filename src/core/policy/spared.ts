// Why a growing write passes although the pressure or a budget refuses its key: each reason with its number on the hot path,
// its name and its sentence. The name is an API: metric label, field of /api/stats and /api/explain.
// Invariant: the numbers are the rows of SPARED_NAMES, from 1 on.

export const Spared = {
  /** It is not refused, or not spared. */
  NONE: 0,
  /** It leaves its key no larger. */
  REWRITE: 1,
  /** The keys of its rule do not grow. */
  STEADY: 2,
  /** It leaves its key with a TTL on a server that evicts such keys. */
  EXPIRING: 3,
  /** It is small and short-lived (policy/brief). */
  BRIEF: 4,
} as const;
export type Spared = (typeof Spared)[keyof typeof Spared];

export const SPARED_NAMES = ['rewrite', 'steady', 'expiring', 'brief'] as const;
export type SparedName = (typeof SPARED_NAMES)[number];

/** Ends a sentence that begins with "spared:". */
const TEXTS: Readonly<Record<SparedName, string>> = {
  rewrite: 'the write leaves its key no larger',
  steady: 'the keys of its rule have not grown lately, so other keys of its priority are refused first',
  expiring: 'the write leaves its key with a TTL, and the server can evict that again',
  brief: 'the write is small and lives a minute at most, as locks and rate limits do',
};

/** undefined: it is not spared. */
export function sparedName(spared: Spared): SparedName | undefined {
  return spared === Spared.NONE ? undefined : SPARED_NAMES[spared - 1];
}

export function sparedText(name: SparedName): string {
  return TEXTS[name];
}
