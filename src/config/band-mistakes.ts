// Warns about bands of `memory.shed` in which a priority is refused while a lower one still fills memory. Only warns, because
// that may be intended. Pure.
import { PRIORITY_NAMES, type PriorityName } from '../core/policy/rule.js';
import type { Band } from './effective.js';
import { formatPercent } from './units.js';

/** One line for each pair of neighboring bands that overlap. `bands`: by Priority. */
export function bandMistakes(bands: readonly Band[]): string[] {
  const found: string[] = [];
  let lower: { readonly name: PriorityName; readonly full: number } | undefined;
  for (const [priority, band] of bands.entries()) {
    const name = PRIORITY_NAMES[priority];
    if (band !== null && lower !== undefined && band[0] < lower.full) {
      found.push(
        Number.isFinite(lower.full)
          ? `memory.shed: "${name}" is refused from ${formatPercent(band[0])} on, while "${lower.name}" still grows up to ${formatPercent(lower.full)}: let "${name}" begin at ${formatPercent(lower.full)} or later`
          : `memory.shed: "${name}" is refused from ${formatPercent(band[0])} on, while "${lower.name}" is never refused: give "${lower.name}" a band that ends there`,
      );
    }
    const full = band === null ? Number.POSITIVE_INFINITY : band[1];
    if (lower === undefined || full > lower.full) lower = { name, full };
  }
  return found;
}
