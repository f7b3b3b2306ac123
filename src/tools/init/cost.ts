// How much memory the TTLs of a proposed rule take, in words. Pure.
import { bytesText } from '../../core/words.js';
import { DEAR_SHARE } from '../../memory/ttl-cost.js';
import type { GroupAnalysis } from '../analyze/analysis.js';
import { percent } from './words.js';

/** From this share of the keys' memory on, the cost is reported. */
const LEAST_COST = 0.02;

/** For TTLs of the keys of a group without one, at `ttlBytes` each; nothing if that is little. */
export function costOf({ withoutTtl, withoutTtlBytes }: GroupAnalysis, ttlBytes: number): string[] {
  const taken = withoutTtl.estimate * ttlBytes;
  const share = taken / Math.max(1, withoutTtlBytes);
  if (!(share >= LEAST_COST)) return [];
  const dear = share >= DEAR_SHARE ? ' Such small keys are cheaper in hashes.' : '';
  return [
    `TTLs for its keys without one take up to ${bytesText(taken)} more (${Math.ceil(ttlBytes)} bytes a key, ${percent(share)} of what they hold).${dear}`,
  ];
}
