// The tables of `spillway stats` and `spillway top`, and the line about memory above them. Draws; reads nothing.

import { FAMILY_PREFIX } from '../core/policy/family-rules.js';
import { PRIORITY_NAMES, type PriorityName } from '../core/policy/rule.js';
import { bytesText, countText, percentText, printable, quoted, timeText } from '../core/words.js';
import { wouldEvictText } from '../memory/rehearsal-words.js';
import { refusedShares, sheddingText } from '../memory/shedding-words.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { Report } from '../observe/history/report.js';
import type { Holding } from '../observe/holders/snapshot.js';
import { discoveredWithoutTtl, leftWithoutTtl } from '../observe/stats/left-without-ttl.js';
import { evictionLines } from './eviction-line.js';
import { lifetimeLines } from './lifetime-lines.js';
import { type Picked, type Rates, type Sort, ttlsOf } from './rows.js';
import { Columns } from './terminal/columns.js';
import type { Paint } from './terminal/paint.js';

/** `memory 61.3 MB of 64.0 MB, pressure 95.8% …`, and the current refusals: those of `observed` priorities are only counted. */
export function drawMemory(
  memory: MemorySnapshot,
  observed: readonly PriorityName[],
  paint: Paint,
): string[] {
  const { pressure, usedBytes, limitBytes, reason, stale, serverEvicts } = memory;
  const used = usedBytes === null ? 'unknown' : bytesText(usedBytes);
  const limit = limitBytes === null ? '' : ` of ${bytesText(limitBytes)}`;
  const share = pressure === null ? '' : `, pressure ${percentText(pressure)}`;
  const refused = refusedShares(memory, (name) => !observed.includes(name));
  const would = refusedShares(memory, (name) => observed.includes(name));
  const { rehearsal } = memory;
  const acted =
    rehearsal && `REHEARSAL: as if memory were ${percentText(rehearsal.pressure)} full, for another`;
  return [
    ...(rehearsal === null
      ? []
      : [paint('yellow', `${acted} ${rehearsal.secondsLeft} s${wouldEvictText(rehearsal.wouldEvict)}`)]),
    `memory ${used}${limit}${share}${stale ? paint('red', ' (the reading is stale)') : ''}`,
    ...(serverEvicts === 'none' ? [] : [drawEviction(memory)]),
    `refusing: ${refused.length === 0 ? paint('green', 'nothing') : paint('yellow', refused.join(', '))}` +
      (would.length === 0 ? '' : `; in observe mode, so only counted: ${paint('yellow', would.join(', '))}`) +
      `; shedding ${printable(sheddingText(reason, refused.length > 0))}`,
    ...kept(memory),
    ...evictionLines(memory, paint),
  ];
}

/** `committed 12.4 MB: volatile-lru can evict 48.1 MB (± 1.2 MB); evicts 310 keys a second, which lived 4 min`. */
function drawEviction(memory: MemorySnapshot): string {
  const { policy, committedBytes, evictableBytes, evictableErrorBytes, serverEvicts } = memory;
  const { evictedKeysPerSecond, evictedAfterSeconds, hitsPerSecond, missesPerSecond } = memory;
  const sure = evictableErrorBytes === null ? 'roughly' : `± ${bytesText(evictableErrorBytes)}`;
  const can = `${printable(policy ?? '')} can evict ${bytesText(evictableBytes ?? 0)}${serverEvicts === 'all' ? '' : ` (${sure})`}`;
  const lived = evictedAfterSeconds === null ? '' : `, which lived ${timeText(evictedAfterSeconds)}`;
  const reads = hitsPerSecond + missesPerSecond;
  const hits =
    serverEvicts === 'all' && reads > 0
      ? `; ${percentText(hitsPerSecond / reads)} of reads find their key`
      : '';
  const evicts =
    evictedKeysPerSecond > 0 ? `; evicts ${countText(evictedKeysPerSecond)} keys a second${lived}` : '';
  return `committed ${bytesText(committedBytes ?? 0)}: ${can}${evicts}${hits}`;
}

/** `kept for higher priorities: 6.4 MB from low …`, where anything is. */
function kept({ level }: MemorySnapshot): string[] {
  const rooms = PRIORITY_NAMES.filter((name) => level[name].reservedBytes > 0).map(
    (name) => `${bytesText(level[name].reservedBytes)} from ${name}`,
  );
  return rooms.length === 0 ? [] : [`kept for higher priorities: ${rooms.join(', ')}`];
}

/** Everything counted since the start. */
export function drawTotals({ rules, discovered }: Picked, paint: Paint): string {
  // Where no rule observes, two columns of zeros only take room.
  const would = rules.some(
    ({ wouldInject, wouldClamp, wouldShed }) => wouldInject + wouldClamp + wouldShed > 0,
  );
  const [wouldGive, wouldShed] = would ? [['would give'], ['would shed']] : [[], []];
  const table = new Columns(
    ['rule', 'writes', 'bytes', 'holds', 'TTLs', ...wouldGive, 'no TTL', 'keys', 'shed', ...wouldShed],
    paint,
  );
  for (const row of rules) {
    table.push([
      quoted(row.name),
      countText(row.writes),
      bytesText(row.bytes),
      holdsText(row.holds),
      countText(ttlsOf(row)),
      ...(would ? [countText(row.wouldInject + row.wouldClamp)] : []),
      countOrNone(leftWithoutTtl(row)),
      countText(row.distinctKeys),
      countText(row.shed),
      ...(would ? [countText(row.wouldShed)] : []),
    ]);
  }
  const text = [table.toString(), ...lifetimeLines(rules)].join('\n');
  if (discovered.length === 0) return text;
  const found = new Columns(['keys without a rule', 'writes', 'bytes', 'holds', 'no TTL'], paint);
  for (const row of discovered)
    found.push([
      printable(row.pattern) + (row.db === null ? '' : ` (db ${row.db})`),
      countText(row.writes),
      bytesText(row.bytes),
      holdsText(row.holds),
      countOrNone(discoveredWithoutTtl(row)),
    ]);
  return `${text}\n\n${found.toString()}`;
}

/** null: not counted. */
function countOrNone(count: number | null): string {
  return count === null ? '-' : countText(count);
}

/** What keys hold now, whoever wrote them. */
function holdsText(holds: Holding | null | undefined): string {
  return holds === null || holds === undefined ? '-' : bytesText(holds.bytes);
}

/** The sentence, and a line for each rule. */
export function drawReport({ since, text, total, rules }: Report, paint: Paint): string {
  const table = new Columns(
    ['rule', 'mode', 'writes', 'TTLs', 'would give', 'sheds', 'would shed', 'no TTL'],
    paint,
  );
  for (const { name, mode, writes, ttls, wouldTtls, shed, wouldShed, withoutTtl } of rules) {
    // A job system that is not here.
    if (name.startsWith(FAMILY_PREFIX) && writes + shed + wouldShed === 0) continue;
    const counts = [writes, ttls, wouldTtls, shed, wouldShed, withoutTtl].map(countText);
    table.push([quoted(name), mode ?? 'gone', ...counts]);
  }
  const reasons = [refusedBy('refused', total.shedBy), refusedBy('would refuse', total.wouldShedBy)];
  if (total.spared > 0)
    reasons.push([`passed although their key is among those refused: ${countText(total.spared)}`]);
  reasons.push(evictedOf('evicted', rules, 'evicted', 'evictedBytes'));
  reasons.push(evictedOf('would evict', rules, 'wouldEvict', 'wouldEvictBytes'));
  return [text, `since ${since}`, ...reasons.flat(), '', table.toString()].join('\n');
}

/** `evicted, by rule: pages 12 keys (4.0 KB)`; nothing if no key went. */
function evictedOf(
  verb: string,
  rules: Report['rules'],
  keys: 'evicted' | 'wouldEvict',
  bytes: 'evictedBytes' | 'wouldEvictBytes',
): string[] {
  const parts = rules
    .filter((rule) => rule[keys] > 0)
    .map((rule) => `${quoted(rule.name)} ${countText(rule[keys])} keys (${bytesText(rule[bytes])})`);
  return parts.length === 0 ? [] : [`${verb}, by rule: ${parts.join(', ')}`];
}

/** `refused by band 12, headroom 1`; nothing where nothing was. */
function refusedBy(verb: string, counts: Report['total']['shedBy']): string[] {
  const parts = Object.entries(counts).map(([reason, count]) => `${reason} ${countText(count)}`);
  return parts.length === 0 ? [] : [`${verb}, by reason: ${parts.join(', ')}`];
}

/** Rates by rule; the column by which the rows are sorted is marked. */
export function drawRates(rates: readonly Rates[], sort: Sort, paint: Paint): string {
  const would = rates.some(({ wouldShed }) => wouldShed > 0);
  const mark = (column: Sort, text: string) => (column === sort ? `${text} v` : text);
  const head = [
    'rule',
    mark('writes', 'writes/s'),
    mark('bytes', 'bytes/s'),
    mark('sheds', 'sheds/s'),
    ...(would ? ['would shed/s'] : []),
    'TTLs/s',
    'holds',
    'writes',
    'shed',
  ];
  const table = new Columns(head, paint);
  for (const { name, writes, bytes, sheds, wouldShed, ttls, total } of rates) {
    table.push([
      quoted(name),
      rateText(writes),
      bytesText(bytes),
      sheds > 0 ? paint('yellow', rateText(sheds)) : rateText(sheds),
      ...(would ? [rateText(wouldShed)] : []),
      rateText(ttls),
      holdsText(total.holds),
      countText(total.writes),
      countText(total.shed),
    ]);
  }
  return table.toString();
}

function rateText(value: number): string {
  return value >= 10 || value === 0 ? countText(value) : value.toFixed(1);
}
