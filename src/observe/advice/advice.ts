// One advice about the eviction policy of a server. Field names are an API (docs/API.md, docs/TOOLS.md).
import type { Step } from './steps.js';

export const ADVICE_IDS = [
  'jobs-evictable',
  'locks-evictable',
  'volatile-without-ttl',
  'eviction-order',
  'noeviction-cache',
] as const;
export type AdviceId = (typeof ADVICE_IDS)[number];

export interface Advice {
  readonly id: AdviceId;
  readonly severity: 'critical' | 'warning' | 'notice';
  readonly title: string;
  /** The figures that show it. */
  readonly evidence: string;
  readonly reason: string;
  readonly steps: readonly Step[];
}
