// The snapshot of alerts. Field names are an API. Types only.
import type { PriorityName } from '../../core/policy/rule.js';
import type { Level } from '../../memory/levels.js';

/** The state that alerts report. */
export interface AlertSituation {
  readonly levels: Readonly<Record<PriorityName, Level>>;
  /** The priorities, lowest first, of which nothing is really refused although their level is not open: all their rules observe. */
  readonly observed: readonly PriorityName[];
  /** Memory is full within alerts.timeToFull. */
  readonly fullSoon: boolean;
  /** A rehearsal is on: Spillway refuses writes as if memory were fuller. */
  readonly rehearsal: boolean;
}

/** GET /api/alerts. */
export interface AlertsSnapshot {
  /** Whether a webhook is set. Without one the other fields do not change. */
  readonly webhook: boolean;
  /** The state now, and the last delivered state. If they differ, an alert is on its way. */
  readonly now: AlertSituation;
  readonly told: AlertSituation;
  /** Attempts. */
  readonly delivered: number;
  readonly failed: number;
  /** Why the last attempt failed; null: it did not. */
  readonly problem: string | null;
}
