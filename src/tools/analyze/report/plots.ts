// The plots of a report: where the memory is, and when it will be free again. Pure.
import type { Analysis, GroupAnalysis } from '../analysis.js';
import { bytes, column, percent, ratio, type Slice, stacked, text } from './elements.js';

/** How many groups have a color of their own. */
const COLORS = 8;
const OTHERS = 'others';

interface Colored {
  readonly name: string;
  readonly color: string;
  readonly groups: readonly GroupAnalysis[];
}

/** The groups with the most memory, and the others as one. */
function colored({ groups }: Analysis): Colored[] {
  const own = groups.slice(0, COLORS).map((group, i) => ({
    name: group.name,
    color: `c${i}`,
    groups: [group],
  }));
  const rest = groups.slice(COLORS);
  return rest.length === 0 ? own : [...own, { name: `${rest.length} more`, color: OTHERS, groups: rest }];
}

/** The whole memory as one bar: groups, the server itself, and free memory. */
export function memoryPlot(analysis: Analysis): string {
  const { keyBytes, otherBytes, limitBytes } = analysis.memory;
  const used = keyBytes.estimate + otherBytes;
  const whole = Math.max(limitBytes, used);
  const part = (name: string, value: number, color: string) => ({ name, value, color });
  const parts = [
    ...colored(analysis).map(({ name, color, groups }) =>
      part(
        name,
        groups.reduce((sum, group) => sum + group.bytes.estimate, 0),
        color,
      ),
    ),
    part('tables, buffers, the server itself', otherBytes, 'server'),
    ...(limitBytes > used ? [part('free, up to maxmemory', limitBytes - used, 'free')] : []),
  ];
  const named = ({ name, value }: (typeof parts)[number]) =>
    `${name} ${bytes(value)} (${percent(ratio(value, whole))})`;
  const slices = parts.map(
    (each): Slice => ({
      name: named(each),
      share: ratio(each.value, whole),
      color: each.color,
    }),
  );
  const legend = parts.map((each) => `<li><i class="${each.color}"></i>${text(named(each))}</li>`).join('');
  return `${stacked(slices, 'wide-bar')}\n<ul class="legend">${legend}</ul>`;
}

/** A column for each band of TTLs: how much of the keys' memory has expired by its end, by group. */
export function freedPlot(analysis: Analysis): string {
  const whole = analysis.memory.keyBytes.estimate;
  const shown = colored(analysis);
  const columns = (analysis.groups[0]?.ttl ?? []).map(({ band }, last) => {
    const slices = shown.map(({ name, color, groups }): Slice => {
      const freed = groups.reduce(
        (sum, { ttl }) => sum + ttl.slice(0, last + 1).reduce((total, each) => total + each.bytes, 0),
        0,
      );
      return { name: `${name} ${bytes(freed)}`, share: ratio(freed, whole), color };
    });
    const share = slices.reduce((sum, slice) => sum + slice.share, 0);
    const label = `${band}: ${percent(share)} of the keys' memory, ${bytes(share * whole)}`;
    return `<li><b>${percent(share)}</b>${column(slices, label)}<span>${text(band)}</span><small>${bytes(share * whole)}</small></li>`;
  });
  return `<ol class="columns">${columns.join('')}</ol>`;
}
