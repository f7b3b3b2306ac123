// The columns of a rule's row of counters (counters.ts): which number is in which cell.
import { REFUSAL_NAMES, Refusal } from '../../core/policy/refusal.js';
import { SPARED_NAMES, Spared } from '../../core/policy/spared.js';

const AFTER_REASONS = 20 + 2 * REFUSAL_NAMES.length + SPARED_NAMES.length;

/**
 * Columns of a slot's row. Eight outcomes from OUTCOMES on, in TtlOutcome's order; four replies from FOLLOW_UP_REPLIES; a column
 * for each reason of refusal from SHED and from WOULD_SHED on, and for each reason of sparing from SPARED on.
 */
export const Column = {
  WRITES: 0,
  BYTES: 1,
  LAST_SEEN: 2,
  SHED_BYTES: 3,
  FOLLOW_UP_REPLIES: 4,
  OUTCOMES: 8,
  TTL_DROPPED: 16,
  OWN_TTL_CHANGES: 17,
  SHED: 20,
  WOULD_SHED: 20 + REFUSAL_NAMES.length,
  SPARED: 20 + 2 * REFUSAL_NAMES.length,
  EVICTED: AFTER_REASONS,
  EVICTED_BYTES: AFTER_REASONS + 1,
  EVICTED_LIVED_MS: AFTER_REASONS + 2,
  WOULD_EVICT: AFTER_REASONS + 3,
  WOULD_EVICT_BYTES: AFTER_REASONS + 4,
} as const;
/** Cells of a row. */
export const WIDTH = Column.WOULD_EVICT_BYTES + 1;
/** The reason whose column is SHED, or WOULD_SHED. */
export const FIRST_REFUSAL = Refusal.BAND;
/** The reason whose column is SPARED. */
export const FIRST_SPARED = Spared.REWRITE;
