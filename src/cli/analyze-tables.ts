// The tables of `spillway analyze`. Draws; reads nothing.
import { bytesText, countText, percentText, printable, quoted } from '../core/words.js';
import type { Analysis } from '../tools/analyze/analysis.js';
import { spanText } from '../tools/analyze/bands.js';
import type { Estimate } from '../tools/analyze/estimate.js';
import { type Bundle, bundlesOf } from '../tools/init/bundles.js';
import { Columns } from './terminal/columns.js';
import type { Paint } from './terminal/paint.js';

export function drawAnalysis(analysis: Analysis, top: number, paint: Paint): string {
  const { groups } = analysis;
  const bundles = bundlesOf(groups);
  const shown = bundles.slice(0, top);
  const more = bundles.length - shown.length;
  const notes = analysis.notes.map((note) => paint('yellow', printable(note)));
  if (groups.length === 0) return [...head(analysis, paint), 'There are no keys.', ...notes].join('\n');
  return [
    ...head(analysis, paint),
    '',
    groupTable(shown, analysis, paint),
    ...(more > 0 ? [`… and ${countText(more)} more (--top)`] : []),
    '',
    ttlTable(analysis, paint),
    ttlCostText(analysis),
    ...(shown.some(({ group: { types } }) => Object.keys(types).length > 0)
      ? ['', detailTable(shown, paint)]
      : []),
    ...(Object.keys(analysis.biggest).length > 0 ? ['', biggestTable(analysis, paint)] : []),
    ...notes,
  ].join('\n');
}

function head({ keys, memory, seconds, partial, sampled, servers }: Analysis, paint: Paint): string[] {
  const { keyBytes, usedBytes, limitBytes, otherBytes } = memory;
  const limit = limitBytes > 0 ? ` of ${bytesText(limitBytes)}` : ', no maxmemory';
  const bounds = sampled || partial ? ` (${bytesBetween(keyBytes)})` : '';
  const how = `${countText(keys.looked)} of ${countText(keys.total)} keys in ${seconds.toFixed(1)} s`;
  return [
    `${servers.join(', ')}: ${how}${sampled && keys.looked < keys.total ? ', the rest is estimated' : ''}`,
    ...(partial
      ? [paint('yellow', 'Ended early: all figures are estimates from the keys seen until then.')]
      : []),
    `used ${bytesText(usedBytes)}${limit}: keys ${bytesText(keyBytes.estimate)}${bounds}, tables, buffers and the server itself ${bytesText(otherBytes)}`,
    ...(keys.gone > 0 ? [`${countText(keys.gone)} keys were gone before analyze looked at them`] : []),
  ];
}

function groupTable(bundles: readonly Bundle[], { sampled, partial }: Analysis, paint: Paint): string {
  const bounded = sampled || partial;
  const table = new Columns(
    ['group', 'keys', 'bytes', ...(bounded ? ['between'] : []), 'share', 'average', 'largest', 'no TTL'],
    paint,
  );
  for (const bundle of bundles) {
    const { keys, bytes, share, averageBytes, largestBytes, withoutTtl } = bundle.group;
    table.push([
      nameOf(bundle),
      countText(keys.estimate),
      bytesText(bytes.estimate),
      ...(bounded ? [bytesBetween(bytes)] : []),
      percentText(share),
      bytesText(averageBytes),
      bytesText(largestBytes),
      percentText(keys.estimate === 0 ? 0 : withoutTtl.estimate / keys.estimate),
    ]);
  }
  return table.toString();
}

function nameOf({ group: { name, by }, members }: Bundle): string {
  if (by === 'rule') return `${shortName(name)} (rule)`;
  return members.length > 1 ? `${shortName(name)} (${countText(members.length)} patterns)` : shortName(name);
}

/** How much memory becomes free, and when. */
function ttlTable({ groups, memory }: Analysis, paint: Paint): string {
  const table = new Columns(['expires within', 'keys', 'bytes', 'freed by then'], paint);
  const all = memory.keyBytes.estimate;
  let freed = 0;
  for (const [i, { band }] of (groups[0]?.ttl ?? []).entries()) {
    const keys = groups.reduce((sum, { ttl }) => sum + (ttl[i]?.keys ?? 0), 0);
    const bytes = groups.reduce((sum, { ttl }) => sum + (ttl[i]?.bytes ?? 0), 0);
    freed += bytes;
    table.push([band, countText(keys), bytesText(bytes), percentText(all === 0 ? 0 : freed / all)]);
  }
  const never = groups.reduce((sum, { withoutTtlBytes }) => sum + withoutTtlBytes, 0);
  const keys = groups.reduce((sum, { withoutTtl }) => sum + withoutTtl.estimate, 0);
  table.push(['no TTL', countText(keys), bytesText(never), '']);
  return table.toString();
}

/** The memory that TTLs for keys without one would take. */
export function ttlCostText({
  memory: { ttlBytes, usedBytes, limitBytes },
}: Pick<Analysis, 'memory'>): string {
  const after =
    limitBytes > 0 ? `: ${percentText((usedBytes + ttlBytes) / limitBytes)} of maxmemory then` : '';
  return `TTLs for all keys without one would themselves take up to ${bytesText(ttlBytes)} of memory${after}.`;
}

function detailTable(bundles: readonly Bundle[], paint: Paint): string {
  const table = new Columns(['group (from a part of the keys)', 'types', 'encodings', 'idle'], paint);
  for (const bundle of bundles) {
    const { types, encodings, idle } = bundle.group;
    const longest = idle
      .filter(({ share }) => share > 0)
      .map(({ band, share }) => `${band} ${percentText(share)}`);
    table.push([nameOf(bundle), shares(types), shares(encodings), longest.join(', ')]);
  }
  return table.toString();
}

function biggestTable({ biggest }: Analysis, paint: Paint): string {
  const table = new Columns(['biggest keys', 'type', 'encoding', 'bytes', 'db', 'TTL'], paint);
  for (const [type, list] of Object.entries(biggest)) {
    for (const { key, encoding, bytes, db, ttlSeconds } of list) {
      const ttl = ttlSeconds === null ? 'none' : spanText(ttlSeconds);
      table.push([shortKey(key), type, encoding, bytesText(bytes), String(db), ttl]);
    }
  }
  return table.toString();
}

const SHOWN_KEY = 80;

/** The name of a group, shortened. The JSON has the whole name. */
const SHOWN_NAME = 40;

function shortName(name: string): string {
  const text = name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME - 1)}…` : name;
  return text.trim() === '' ? JSON.stringify(text) : printable(text);
}

function shortKey(key: string): string {
  return quoted(key.length > SHOWN_KEY ? `${key.slice(0, SHOWN_KEY)}…` : key);
}

function shares(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  if (entries.length === 1) return printable((entries[0] as [string, number])[0]);
  return entries.map(([name, share]) => `${printable(name)} ${percentText(share)}`).join(', ');
}

function bytesBetween({ low, high }: Estimate): string {
  return `${bytesText(low)} – ${bytesText(high)}`;
}
