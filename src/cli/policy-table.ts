// Prints the policy advisor's results: its advice, and a table of what each eviction policy would do. Draws; reads nothing.
import { bytesText, countText, printable, timeText } from '../core/words.js';
import type { PolicyOutlook } from '../observe/advice/outlook.js';
import type { AdviceSnapshot } from '../observe/advice/snapshot.js';
import { stepText } from '../observe/advice/steps.js';
import { Columns } from './terminal/columns.js';
import type { Paint } from './terminal/paint.js';
import { SEVERITY_COLORS } from './terminal/paint.js';

/** A paragraph for each advice, and the table; nothing if there is no advice. */
export function drawAdvice({ advice, policies }: AdviceSnapshot, paint: Paint): string[] {
  if (advice.length === 0) return [];
  const paragraphs = advice.map(({ severity, title, evidence, reason, steps }) =>
    [
      `${paint(SEVERITY_COLORS[severity], severity.toUpperCase())}  ${paint('bold', title)}`,
      `  ${printable(evidence)}`,
      `  ${reason}`,
      ...steps.map((step) => `    ${printable(stepText(step))}`),
    ].join('\n'),
  );
  return policies.length === 0 ? paragraphs : [...paragraphs, drawPolicies(policies, paint)];
}

const NONE = '-';
const UNKNOWN = 'unknown';

/** The present policy is marked with a star. */
export function drawPolicies(policies: readonly PolicyOutlook[], paint: Paint): string {
  const lasting = policies.some(({ lastsSeconds }) => lastsSeconds !== null);
  const refusing = policies.some(({ refusedLastHour }) => (refusedLastHour ?? 0) > 0);
  const table = new Columns(
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
      evictableBytes === null ? UNKNOWN : bytesText(evictableBytes),
      ...(lasting ? [lastsSeconds === null ? NONE : timeText(lastsSeconds)] : []),
      ...(refusing ? [refusedLastHour === null ? UNKNOWN : countText(refusedLastHour)] : []),
      list(whose),
      paint('yellow', list(takes)),
      paint('red', list(loses)),
    ]);
  }
  return `${paint('bold', 'What each policy could evict here')} (* now; evict: "evict": true on the rules of caches)\n${table.toString()}`;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? NONE : names.map(printable).join(', ');
}
