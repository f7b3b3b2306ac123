// The state of the pressure as plain data, for other processes in front of the same server; and how much of the growth that
// passed a gate a reading contains.
import type { ShedGate } from '../core/policy/shed.js';
import type { Applicability } from './applicability.js';
import type { Evictable } from './evictable.js';
import type { Reading } from './reading.js';

/** What a reading certainly contains, as of the moment when it is asked for. */
export interface Covered {
  /** Growth, as ShedGate.answered. */
  readonly growth: number;
  /** Commands that may free memory or change its limit, as ShedGate.reliefsAnswered. */
  readonly reliefs: number;
}

/** What a reading that is asked for now certainly contains of the growth that passed `gate`. */
export function coveredBy({ answered, reliefsAnswered }: ShedGate): Covered {
  return { growth: answered, reliefs: reliefsAnswered };
}

/** What one MemoryEstimate knows, as plain data. */
export interface MemoryState {
  readonly reading: Reading | undefined;
  readonly applicability: Applicability | undefined;
  readonly evictable: Evictable;
  readonly ownEvictable: number;
  readonly readingAgeMs: number;
  readonly covered: Covered;
  readonly blind: boolean;
  readonly othersRate: number;
  readonly measuredRate: number;
  /** The share of admitted growth that stays committed. */
  readonly committedPart: number;
  /** Bytes of growth that are admitted in a second. */
  readonly admittedPerSecond: number;
  /** Proxies that write to the server. */
  readonly proxies: number;
}

/** What one Pressure has made of its readings, as plain data, so that other processes can act on it. */
export interface PressureState extends MemoryState {
  readonly better: boolean;
  readonly latched: number;
  /** The pressure at which an OOM was last contradicted. */
  readonly oomContradictedAt: number;
  /** By Priority: bytes that are kept for higher ones. */
  readonly reserved: readonly number[];
  readonly rehearsal: Rehearsal | undefined;
}

/** A pressure to act on as if it were measured. */
export interface Rehearsal {
  readonly pressure: number;
  readonly leftMs: number;
}
