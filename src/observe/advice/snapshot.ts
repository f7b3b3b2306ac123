// The API's shape of the policy advice. Field names are an API. Types only.
import type { Advice } from './advice.js';
import type { PolicyOutlook } from './outlook.js';

/** GET /api/advice. Both are empty before the first reading, and without a limit. */
export interface AdviceSnapshot {
  /** The most serious first. */
  advice: Advice[];
  /** What each eviction policy would do here. */
  policies: PolicyOutlook[];
}
