// The answers of PROXY for people: each as lines of a table. Draws; reads nothing.
// Invariant: names of keys and clients are shown without control characters.

import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import { bytesText, countText, percentText, printable, quoted, timeText } from '../../core/words.js';
import { wouldEvictText } from '../../memory/rehearsal-words.js';
import { sheddingText } from '../../memory/shedding-words.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { TimeTo } from '../../observe/history/forecast.js';
import type { GrowthReport } from '../../observe/history/history.js';
import type { ClientSnapshot } from '../../observe/snapshots/connections.js';
import type { ServiceStateSnapshot } from '../../observe/state/service-state.js';
import { discoveredWithoutTtl, leftWithoutTtl } from '../../observe/stats/left-without-ttl.js';
import type { DiscoveredPattern, RuleStats } from '../../observe/stats/snapshot.js';
import { labelled, table, wrap } from './layout.js';

const NONE = '-';

export function statsText(rules: readonly RuleStats[]): string[] {
  if (rules.length === 0) return ['no rule has such a name; PROXY STATS shows all'];
  // Where no rule observes, two columns of zeros only take room.
  const observing = rules.some((row) => row.wouldInject + row.wouldClamp + row.wouldShed > 0);
  const ifObserving = (cell: string): string[] => (observing ? [cell] : []);
  const rows = rules.map((row) => [
    quoted(row.name),
    ...[countText(row.writes), bytesText(row.bytes), row.holds === null ? NONE : bytesText(row.holds.bytes)],
    countText(row.ttlInjected + row.ttlClamped + row.followUpsSet),
    ...ifObserving(countText(row.wouldInject + row.wouldClamp)),
    countOrNone(leftWithoutTtl(row)),
    countText(row.shed),
    ...ifObserving(countText(row.wouldShed)),
  ]);
  const heads = ['RULE', 'WRITES', 'BYTES', 'HOLDS', 'TTLS', ...ifObserving('TTLS?'), 'NO TTL', 'SHED'];
  return [
    ...table([...heads, ...ifObserving('SHED?')], rows),
    ...ifObserving('TTLS? and SHED?: what rules in observe mode would have done.'),
  ];
}

export function prefixesText(patterns: readonly DiscoveredPattern[]): string[] {
  if (patterns.length === 0) return ['every key that was written has a rule'];
  const rows = patterns.map(({ pattern, db, writes, bytes, holds, ...ttls }) => {
    const without = discoveredWithoutTtl(ttls);
    return [
      printable(pattern) + inDb(db),
      ...[countText(writes), bytesText(bytes), holds === null ? NONE : bytesText(holds.bytes)],
      ...[without === null ? NONE : countText(ttls.hadTtl), countOrNone(without)],
    ];
  });
  return [
    ...table(['KEYS WITHOUT A RULE', 'WRITES', 'BYTES', 'HOLDS', 'WITH TTL', 'NO TTL'], rows),
    ...wrap('A rule for each, and why: PROXY PREFIXES JSON, or the dashboard.'),
  ];
}

function inDb(db: number | null): string {
  return db === null ? '' : ` (db ${db})`;
}

/** null: not counted. */
function countOrNone(count: number | null): string {
  return count === null ? NONE : countText(count);
}

/** `0 s` would read like a figure that is missing. */
function fullWhen(time: TimeTo | null): string {
  if (time?.seconds == null) return NONE;
  return time.seconds === 0 ? 'now' : `in ${timeText(time.seconds)}`;
}

/** Rules in the configuration's own words, as describeRule() gives them. */
export function rulesText(rules: unknown, mode: string): string[] {
  const all = rules as readonly Readonly<Record<string, unknown>>[];
  if (all.length === 0) return ['no rules: Spillway gives no TTL'];
  const rows = all.map((rule, i) => [
    `${i + 1} ${quoted(String(rule.name ?? NONE))}`,
    printable([rule.match ?? NONE].flat().join(' ')),
    rule.durable === true ? 'durable' : String(rule.ttl ?? NONE),
    String(rule.priority ?? NONE),
    String(rule.mode ?? mode),
    ...['budget', 'evict'].map((name) => shown(rule[name])),
  ]);
  return table(['RULE', 'MATCH', 'TTL', 'PRIORITY', 'MODE', 'BUDGET', 'EVICT'], rows.map(cutMatch), 5);
}

const MATCH_SHOWN = 20;

function cutMatch([rule, match, ...more]: string[]): string[] {
  return [rule, match.length > MATCH_SHOWN ? `${match.slice(0, MATCH_SHOWN - 1)}…` : match, ...more];
}

function shown(value: unknown): string {
  if (value === undefined || value === false) return NONE;
  return value === true ? 'yes' : String(value);
}

export function clientsText(clients: readonly ClientSnapshot[]): string[] {
  const rows = clients.map(({ address, name, bytes }) => [
    printable(address),
    name === '' ? NONE : quoted(name),
    bytesText(bytes),
  ]);
  return table(['CLIENT', 'NAME', 'SENT'], rows, 2);
}

export function memoryText(
  memory: MemorySnapshot,
  { memory: growth, timeToFull }: Pick<GrowthReport, 'memory' | 'timeToFull'>,
  { state, text, also, observed }: ServiceStateSnapshot,
): string[] {
  const { usedBytes, limitBytes, pressure, level, reason, rehearsal, stale } = memory;
  const of = limitBytes === null ? '' : ` of ${bytesText(limitBytes)}`;
  const share = pressure === null ? '' : `, pressure ${percentText(pressure)}`;
  const rate = growth === null ? undefined : Math.round(growth.bytesPerSecond);
  return [
    ...labelled([
      ['state', `${state}: ${printable(text)}`],
      ...also.map((one): [string, string] => ['also', `${one.state}: ${printable(one.text)}`]),
      [
        'memory',
        usedBytes === null ? 'unknown' : `${bytesText(usedBytes)}${of}${share}${stale ? ', stale' : ''}`,
      ],
      ['growth', rate === undefined ? NONE : `${rate < 0 ? '-' : ''}${bytesText(Math.abs(rate))}/s`],
      ['full', fullWhen(timeToFull)],
      [
        'shedding',
        printable(
          sheddingText(
            reason,
            PRIORITY_NAMES.some((name) => level[name].shedShare > 0 && !observed.includes(name)),
          ),
        ),
      ],
      ...(rehearsal === null
        ? []
        : [
            [
              'rehearsal',
              `${percentText(rehearsal.pressure)}, for another ${rehearsal.secondsLeft} s${wouldEvictText(rehearsal.wouldEvict)}`,
            ] as const,
          ]),
    ]),
    '',
    ...table(
      ['PRIORITY', 'REFUSED', 'FROM', 'ALL FROM', 'KEPT FROM IT'],
      PRIORITY_NAMES.map((name) => {
        const { shedShare, band, reservedBytes } = level[name];
        const [from, all] = band === null ? ['never', NONE] : band.map(percentText);
        const share = percentText(shedShare);
        const refused = shedShare > 0 && observed.includes(name) ? `0% (would: ${share})` : share;
        return [name, refused, from, all, bytesText(reservedBytes)];
      }),
    ),
  ];
}
