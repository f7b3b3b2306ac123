// Why a growing write is refused: each reason with its number on the hot path, its name and its sentence. The name is an API:
// metric label, field of /api/stats and /api/explain, log field. Only Policy.refusalOf() decides on a reason.
// Invariant: the numbers are the rows of REFUSAL_NAMES, from 1 on.

export const Refusal = {
  /** Not refused. */
  NONE: 0,
  /** The key is in the share of its priority that is refused at this pressure. */
  BAND: 1,
  /** A large write that does not fit. */
  HEADROOM: 2,
  /** By its band alone it would pass, but the room kept for higher priorities stops it. */
  RESERVE: 3,
  BUDGET: 4,
  RATE: 5,
  VALUE: 6,
  /** A script that a rule with `scripts: "refuse"` refuses, because of the pressure. */
  SCRIPT: 7,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

export const REFUSAL_NAMES = ['band', 'headroom', 'reserve', 'budget', 'rate', 'value', 'script'] as const;
export type RefusalName = (typeof REFUSAL_NAMES)[number];

/** Ends a sentence that begins with "refused:". */
const TEXTS: Readonly<Record<RefusalName, string>> = {
  band: 'the key is among those of its priority that are refused at this pressure',
  headroom: 'the write is large, and twice its size does not fit below the limit',
  reserve: 'the memory that is left is kept for writes of a higher priority',
  budget: 'the keys of the rule hold as much memory as its budget allows',
  rate: 'the rule has reached its limit of writes or bytes a second',
  value: 'the write is larger than the rule allows',
  script:
    'the rule refuses scripts, and the key is among those of its priority that are refused at this pressure',
};

/** Reasons that do not follow the pressure of a priority: no change of a level reports when one begins. */
export const OWN_REASONS = REFUSAL_NAMES.filter((name) => name !== 'band' && name !== 'reserve');

/** undefined: it is not refused. */
export function refusalName(refusal: Refusal): RefusalName | undefined {
  return refusal === Refusal.NONE ? undefined : REFUSAL_NAMES[refusal - 1];
}

export function refusalText(name: RefusalName): string {
  return TEXTS[name];
}
