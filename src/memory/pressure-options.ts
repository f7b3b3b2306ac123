// The options of Pressure, and the changes that it reports. Types only.
import type { Priority } from '../core/policy/rule.js';
import type { Band } from './bands.js';
import type { Cause, Level } from './levels.js';
import type { Reading } from './reading.js';
import type { ReserveOptions } from './reserve.js';

export interface PressureOptions {
  /** By Priority. */
  readonly bands: readonly Band[];
  readonly reserve: ReserveOptions;
  /** Share of the limit. */
  readonly hysteresis: number;
  readonly limitBytes: number | undefined;
  readonly shedWhen: 'auto' | 'always' | 'never';
  readonly staleAfterMs: number;
  readonly onStale: 'admit' | 'hold';
}

export interface LevelChange {
  readonly priority: Priority;
  readonly from: Level;
  readonly to: Level;
  /** The pressure that Spillway acts on, and what it comes from. */
  readonly pressure: number;
  readonly cause: Cause;
  readonly reading: Reading | undefined;
  /** Only writes that leave their key without a TTL are refused: the server can evict the others. */
  readonly sparesExpiring: boolean;
}
