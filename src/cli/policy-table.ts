// What each eviction policy would do, as a table. Draws; reads nothing.
import type { PolicyOutlook } from '../observe/advice/outlook.js';
import { spanText } from '../observe/advice/words.js';
import { plainTable } from './tables.js';
import { grouped, type Paint } from './terminal/paint.js';
import { byteText, printable } from './words.js';

/** The present policy is marked with a star. */
export function drawPolicies(policies: readonly PolicyOutlook[], paint: Paint): string {
  const lasting = policies.some(({ lastsSeconds }) => lastsSeconds !== null);
  const refusing = policies.some(({ refusedLastHour }) => (refusedLastHour ?? 0) > 0);
  const table = plainTable(
    [
      'policy',
      'can evict',
      ...(lasting ? ['lasts'] : []),
      ...(refusing ? ['would have refused'] : []),
      'mostly',
      'also short-lived',
      'also keys that must stay',
    ],
    paint,
  );
  for (const { policy, current, evictableBytes, lastsSeconds, refusedLastHour, ...names } of policies) {
    const { whose, takes, loses } = names;
    table.push([
      `${policy}${current ? ' *' : ''}`,
      evictableBytes === null ? '?' : byteText(evictableBytes),
      ...(lasting ? [lastsSeconds === null ? '' : spanText(lastsSeconds)] : []),
      ...(refusing ? [refusedLastHour === null ? '?' : grouped(refusedLastHour)] : []),
      list(whose),
      paint('yellow', list(takes)),
      paint('red', list(loses)),
    ]);
  }
  return `${paint('bold', 'What each policy could evict here')} (* now; evict: "evict": true on the rules of caches)\n${table.toString()}`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? '-' : names.map(printable).join(', ');
}
