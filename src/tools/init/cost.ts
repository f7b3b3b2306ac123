// How much memory the TTLs of a proposed rule take, in words. Pure.
import { bytesText } from '../../core/words.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { percent } from './words.js';

/** Shares of the keys' memory: from the first on the cost is reported, from the second on it counts as high. */
const LEAST_COST = 0.02;
const DEAR = 0.15;

/** For TTLs of the keys of a group without one, at `ttlBytes` each; nothing if that is little. */
export function costOf({ withoutTtl, withoutTtlBytes }: GroupAnalysis, ttlBytes: number): string[] {
  const taken = withoutTtl.estimate * ttlBytes;
  const share = taken / Math.max(1, withoutTtlBytes);
  if (!(share >= LEAST_COST)) return [];
  const dear = share >= DEAR ? ' Such small keys are cheaper in hashes.' : '';
  return [
    `TTLs for its keys without one take up to ${bytesText(taken)} more (${Math.ceil(ttlBytes)} bytes a key, ${percent(share)} of what they hold).${dear}`,
  ];
}
