// What the API says of alerts: field names are an API. Owns shapes only.
import type { PriorityName } from '../../core/policy/rule.js';
import type { Level } from '../../memory/levels.js';

/** What somebody should know of. */
export interface AlertSituation {
  readonly levels: Readonly<Record<PriorityName, Level>>;
  /** Memory is full within alerts.timeToFull. */
  readonly fullSoon: boolean;
  /** Writes are refused as if memory were fuller than it is. */
  readonly rehearsal: boolean;
}

/** GET /api/alerts. */
export interface AlertsSnapshot {
  /** There is one; without it nothing is watched for, and the rest stays as it was. */
  readonly webhook: boolean;
  /** What is so, and what the receiver was told last: where they differ, an alert is on its way. */
  readonly now: AlertSituation;
  readonly told: AlertSituation;
  /** Attempts. */
  readonly delivered: number;
  readonly failed: number;
  /** Why the last attempt failed; null: it did not. */
  readonly problem: string | null;
}
