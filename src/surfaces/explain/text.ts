// An explanation as text, for `spillway explain` and PROXY EXPLAIN. Draws; decides nothing.
import { formatDuration, formatSize } from '../../config/units.js';
import { percentText, printable, quoted } from '../../core/words.js';
import { sheddingText } from '../../memory/shedding-words.js';
import type { BudgetMethod } from '../../memory/snapshot.js';
import type {
  ExplainedBudget,
  ExplainedKey,
  ExplainedLimit,
  ExplainedNow,
  ExplainedOther,
  ExplainedRate,
  ExplainedTtl,
  Explanation,
} from './types.js';

/** Lines, each with its label. */
export function explanationText(explanation: Explanation): string {
  const { command, why, keys, sends, changed, now } = explanation;
  const lines = [line(command), `  ${why}`];
  for (const key of keys) lines.push('', ...drawKey(key));
  lines.push('');
  if (changed)
    for (const [i, sent] of sends.entries()) lines.push(row(i === 0 ? 'sent as' : 'then', line(sent)));
  else lines.push(row('sent', 'unchanged'));
  if (now === null)
    lines.push(
      row('now', 'unknown: this answer comes from the configuration; --admin URL asks a running proxy'),
    );
  else
    lines.push(
      row(
        'now',
        `${verdict(now)} (pressure ${now.pressure === null ? 'unknown' : percentText(now.pressure)}${rehearsed(now)}; shedding ${printable(sheddingText(now.reason, now.refused !== null))})`,
      ),
    );
  return lines.join('\n');
}

function rehearsed({ rehearsal }: ExplainedNow): string {
  return rehearsal === null ? '' : `; a rehearsal sets it to ${percentText(rehearsal)}`;
}

function verdict({ shed, refused }: ExplainedNow): string {
  if (refused === null) return 'passes';
  const why = `${refused.why} (${refused.reason}, key ${quoted(refused.key)})`;
  return shed ? `refused: ${why}` : `passes; if the rule were enforced, it would be refused: ${why}`;
}

function drawKey(key: ExplainedKey): string[] {
  const { rule, priority, mode, ttl, shed, limit, budget, evict } = key;
  const tried = key.passedOver.map(
    ({ name, match, ...scope }) => `${quoted(name)} (${match.map(quoted).join(' ')}${scopeText(scope)})`,
  );
  if (key.passedOverMore > 0) tried.push(`${key.passedOverMore} more`);
  return [
    `key ${quoted(key.key)}`,
    row(
      'rule',
      rule === null
        ? 'none matches'
        : `${quoted(rule.name)}, ${rule.position === null ? 'built-in' : `number ${rule.position}`}: ${quoted(rule.match)} matches`,
    ),
    ...(tried.length > 0 ? [row('no match', tried.join(', '))] : []),
    row('priority', mode === 'observe' ? `${priority}, in observe mode` : priority),
    ...(ttl === null ? [] : [row('TTL', given(ttl) + ttl.why)]),
    row('shedding', shed.why),
    ...(shed.band === null || shed.keyAbove === null
      ? []
      : [
          row(
            '',
            `from ${percentText(shed.band[0])}, this key${shed.tag === null ? '' : `, as all with {${printable(shed.tag)}},`} above ${percentText(shed.keyAbove)}, all from ${percentText(shed.band[1])}`,
          ),
          ...(percentText(shed.reserved) === '0%'
            ? []
            : [
                row(
                  '',
                  `of which ${percentText(shed.reserved)} earlier: room kept for higher priorities to grow`,
                ),
              ]),
        ]),
    ...(shed.spared === null ? [] : [row('', `spared now (${shed.spared.reason}): ${shed.spared.why}`)]),
    ...(limit === null ? [] : [row('limit', limitText(limit))]),
    ...(budget === null ? [] : [row('budget', budgetText(budget))]),
    ...(evict === null ? [] : [row('evict', evict)]),
  ];
}

/** The databases and users to which a rule applies. */
function scopeText({ db, user }: Pick<ExplainedOther, 'db' | 'user'>): string {
  const of = db === null ? '' : `, only in database ${db.join(', ')}`;
  return user === null ? of : `${of}, only for user ${user.map(quoted).join(', ')}`;
}

const METHODS: Readonly<Record<BudgetMethod, string>> = {
  measured: 'estimated from a sample of its keys',
  counting: 'at least: Spillway is still counting the keys that were there before',
  written: 'estimated from writes alone: the monitor may not look at keys',
};

function budgetText({ setting, budgetBytes, heldBytes, refusedShare, method }: ExplainedBudget): string {
  if (heldBytes === null || method === null) return setting;
  if (budgetBytes === null) return `${setting} of a limit that is not known yet; refuses nothing`;
  const share = `${percentText(heldBytes / budgetBytes)} of ${formatSize(Math.round(budgetBytes))} is used`;
  const refused =
    refusedShare === null || refusedShare === 0
      ? ''
      : `; ${percentText(refusedShare)} of its keys are refused`;
  return `${setting}: ${share} (${METHODS[method]})${refused}`;
}

function limitText({ writes, bytes, value, error }: ExplainedLimit): string {
  const left = (rate: ExplainedRate, shown: (count: number) => string): string =>
    rate.left === null ? '' : ` (${shown(Math.max(0, rate.left))} left at this moment)`;
  const parts = [
    writes && `${writes.perSecond} writes a second${left(writes, String)}`,
    bytes && `${formatSize(bytes.perSecond)} a second${left(bytes, (count) => `${count} bytes`)}`,
    value && `${formatSize(value)} a write`,
  ];
  return `${parts.filter(Boolean).join(', ')}; beyond that: ${printable(error)}`;
}

function given({ givesMs }: ExplainedTtl): string {
  if (givesMs === null) return '';
  const [least, most] = givesMs.map(formatDuration);
  return least === most ? `${least}. ` : `${least} to ${most}. `;
}

function line(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(11)} ${text}`;
}
