// The output of `spillway sweep`: tables, the cost of the TTLs, how to continue. Pure.
import { bytesText, countText, percentText, printable, quoted, timeText } from '../core/words.js';
import { programName, shellQuoted, spillwayFlags } from '../tools/keyspace/shell.js';
import type { ServerMemory, SweepResult, SweptRule } from '../tools/sweep/result.js';
import type { UndoResult } from '../tools/sweep/undo.js';
import type { SweepCommandOptions } from './sweep-options.js';
import { Columns } from './terminal/columns.js';
import type { Paint } from './terminal/paint.js';

/** The result of a sweep, for people. */
export function drawSweep(
  { applied, ended, looked, rules, memory, seconds, journal, notes }: SweepResult,
  options: SweepCommandOptions,
  paint: Paint,
): string {
  const idle = options.idle !== undefined;
  const table = new Columns(
    [
      ...['rule', 'keys', 'with a TTL', 'other type', ...(idle ? ['in use'] : []), idle ? 'idle' : 'without'],
      ...(applied ? ['given', 'changed'] : ['they hold', 'expire after']),
    ],
    paint,
  );
  for (const each of rules) {
    const { rule, observe, matching, withTtl, otherType, inUse, due, given, changed } = each;
    table.push([
      `${quoted(rule)}${observe ? ' (observes)' : ''}`,
      ...[
        matching,
        withTtl,
        otherType,
        ...(idle ? [inUse] : []),
        due,
        ...(applied ? [given, changed] : []),
      ].map(countText),
      ...(applied ? [] : [bytesOrNone(each.dueBytes), lifetimeText(each.expireAfterSeconds)]),
    ]);
  }
  const due = rules.reduce((sum, count) => sum + (count.observe ? 0 : count.due), 0);
  const given = rules.reduce((sum, count) => sum + count.given, 0);
  const observed = rules.reduce((sum, count) => sum + (count.observe ? count.due : 0), 0);
  return [
    `Looked at ${countText(looked)} keys in ${seconds.toFixed(1)} s`,
    '',
    table.toString(),
    '',
    applied
      ? paint('bold', `${countText(given)} keys got a TTL.`) +
        (given > 0 ? ` To take them back:\n  ${again(options, '--undo', journal)}` : '')
      : `${paint('bold', `${countText(due)} keys would get a TTL.`)} Nothing has changed; --apply gives the TTLs.`,
    ...(observed > 0
      ? [
          `${countText(observed)} more keys would get one if the observing rules were enforced ("mode": "enforce").`,
        ]
      : []),
    ...(applied ? [] : freedText(rules)),
    ...(applied ? [] : memory.flatMap((each) => costText(each, paint))),
    ...(ended === null ? [] : [paint('yellow', endedText(ended, memory, options, journal))]),
    ...notes.map((note) => paint('yellow', printable(note))),
  ].join('\n');
}

function bytesOrNone(bytes: number | null): string {
  return bytes === null ? '-' : bytesText(bytes);
}

/** `1h to 1h6m`. */
function lifetimeText(seconds: SweptRule['expireAfterSeconds']): string {
  return seconds === null ? '-' : [...new Set(seconds.map(timeText))].join(' to ');
}

/** What comes free, and when the last of it does. */
function freedText(rules: readonly SweptRule[]): string[] {
  const due = rules.filter((rule) => !rule.observe && rule.due > 0);
  if (due.length === 0 || due.some(({ dueBytes }) => dueBytes === null)) return [];
  const bytes = due.reduce((sum, { dueBytes }) => sum + (dueBytes ?? 0), 0);
  const last = Math.max(...due.map(({ expireAfterSeconds }) => expireAfterSeconds?.[1] ?? 0));
  return [
    `These keys hold about ${bytesText(bytes)}, all of which is free ${timeText(last)} after --apply, if nobody writes them again.`,
  ];
}

const ENDED = {
  interrupted: 'Interrupted',
  maxKeys: '--max-keys is reached',
  moved: 'Keys moved to another server meanwhile (slots, or a failover)',
} as const;

function endedText(
  ended: NonNullable<SweepResult['ended']>,
  memory: readonly ServerMemory[],
  options: SweepCommandOptions,
  journal: string | null,
): string {
  const full = memory.filter(({ stopped }) => stopped);
  const reason =
    ended === 'memory'
      ? `More TTLs would fill ${full.map(({ server, ...each }) => `${server} beyond ${markOf(each)}`).join(', ')}`
      : ENDED[ended];
  const why = `${reason}. Not all keys were looked at.`;
  if (journal === null) return why;
  const rules = (options.rule ?? []).map((name) => `--rule ${shellQuoted(name)} `).join('');
  const idle = options.idle === undefined ? '' : `--idle ${shellQuoted(options.idle)} `;
  const goOn = again(options, `${rules}${idle}--apply --resume`, journal);
  if (ended !== 'memory') return `${why} To continue:\n  ${goOn}`;
  return `${why} To continue when memory has fallen:\n  ${goOn}\n${WAYS_OUT}`;
}

/** What to do if the server has no memory for the TTLs. */
const WAYS_OUT = [
  'Memory falls when keys expire. Any of these helps sooner:',
  '  a slice of keys with a short TTL, the next slice after these have expired: --max-keys 10000 --ttl 1m',
  '  keys that nobody has used for long, with a short TTL: --idle 7d --ttl 1m',
  '  a higher bound, if writers can wait: --until 95%',
  '  a higher maxmemory',
].join('\n');

/** How much of a server's memory the TTLs of a dry run would take. */
function costText(each: ServerMemory, paint: Paint): string[] {
  const { server, usedBytes, limitBytes, untilBytes, due, costBytes } = each;
  if (due === 0) return [];
  const takes = `${server}: ${countText(due)} TTLs take up to ${bytesText(costBytes)} (${Math.ceil(costBytes / due)} bytes a key)`;
  if (limitBytes === null) return [`${takes}. It has no maxmemory.`];
  const after = percentText((usedBytes + costBytes) / limitBytes);
  const lines = [
    `${takes}: memory goes from ${percentText(usedBytes / limitBytes)} to ${after} of ${bytesText(limitBytes)}.`,
  ];
  if (untilBytes === null || usedBytes + costBytes <= untilBytes) return lines;
  const when = usedBytes >= untilBytes ? 'at once' : 'before it is done';
  return [paint('yellow', [...lines, `--apply ends ${when}, at ${markOf(each)}.`].join(' ')), WAYS_OUT];
}

function markOf({ untilBytes, limitBytes }: Pick<ServerMemory, 'untilBytes' | 'limitBytes'>): string {
  return `${percentText((untilBytes ?? 0) / (limitBytes ?? 1))} of ${bytesText(limitBytes ?? 0)}`;
}

/** The command for the same server and the same rules. */
function again(options: SweepCommandOptions, what: string, journal: string | null): string {
  return [`${programName()} sweep`, spillwayFlags(options), what, shellQuoted(journal ?? '')]
    .filter((part) => part !== '')
    .join(' ');
}

/** The output of --undo. */
export function drawUndone({ entries, undone, left, damaged, interrupted }: UndoResult): string {
  const unread =
    damaged > 0
      ? `\n${countText(damaged)} lines of the journal are damaged: the keys in them keep their TTLs.`
      : '';
  const counts = `${countText(undone)} of ${countText(entries)} keys no longer have a TTL; ${countText(left)} were gone or had changed, and stay as they are.${unread}`;
  return interrupted ? `${counts}\nInterrupted: run it again for the rest.` : counts;
}
