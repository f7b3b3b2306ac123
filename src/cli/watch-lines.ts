// The lines that watch prints and writes to its log: one for each reading, one for each change. Draws; reads nothing.
// Invariant: no text from the network reaches a terminal as control characters.

import { bytesText, percentText, printable, timeText } from '../core/words.js';
import { isCalm, isWorse, type WatchChange } from '../tools/watch/changes.js';
import type { Seen, Situation } from '../tools/watch/server-state.js';
import type { Paint } from './terminal/paint.js';

/** `12:45:01  127.0.0.1:6379  84.2% of 100.0 MB, full in 12 min` */
export function readingLine(seen: Seen, at: Date, paint: Paint): string {
  return `${paint('dim', clock(at))}  ${printable(seen.server)}  ${stateText(seen, paint)}`;
}

/** `12:45:01  ALERT  …`: worse than before; `better`: one problem has ended and others remain; `ok`: no problem is left. */
export function changeLine(change: WatchChange, now: Situation, at: Date, paint: Paint): string {
  const good = isCalm(now) ? 'ok' : 'better';
  const mark = isWorse(change) ? paint('yellow', 'ALERT') : paint('green', good);
  return `${paint('dim', clock(at))}  ${mark}  ${printable(change.text)}`;
}

/** Field names are an API: docs/TOOLS.md. */
export function readingFields({ server, situation, problem, look, ...seen }: Seen, at: Date): object {
  return {
    type: 'reading',
    at: at.toISOString(),
    server,
    reach: situation.reach,
    problem: problem ?? null,
    pressure: seen.pressure,
    usedBytes: look?.memory.usedBytes ?? null,
    limitBytes: seen.limitBytes,
    policy: look?.memory.policy ?? null,
    mayFill: seen.mayFill,
    timeToFullSeconds: seen.timeToFull?.seconds ?? null,
    fragmentation: look?.fragmentation ?? null,
    evictedKeys: look?.evictedKeys ?? null,
    oomErrors: look?.oomErrors ?? null,
  };
}

export function changeFields(change: WatchChange, at: Date): object {
  return { type: 'change', at: at.toISOString(), ...change };
}

function stateText(seen: Seen, paint: Paint): string {
  const { situation, problem, look, limitBytes, pressure, timeToFull, mayFill } = seen;
  if (situation.reach === 'away') return paint('red', `away: ${printable(problem ?? 'no answer')}`);
  if (situation.reach === 'gone') return 'no longer a primary';
  if (look === undefined) return 'no reading yet';
  const used = bytesText(look.memory.usedBytes);
  if (limitBytes === null || pressure === null) return `${used} in use, no limit is set`;
  const parts = [`${paint(mark(seen), percentText(pressure))} of ${bytesText(limitBytes)}`];
  if (!mayFill) parts.push(look.keyspace.replica ? 'a replica' : `${printable(look.memory.policy)} evicts`);
  else if (timeToFull?.seconds) parts.push(`full in ${timeText(timeToFull.seconds)}`);
  if (situation.refusing) parts.push(paint('red', 'refuses writes'));
  return parts.join(', ');
}

function mark({ situation: { level, fullSoon, refusing } }: Seen): 'red' | 'yellow' | 'green' {
  if (refusing || level > 1) return 'red';
  return level > 0 || fullSoon ? 'yellow' : 'green';
}

/** Of the day, local time. */
function clock(at: Date): string {
  return at.toTimeString().slice(0, 8);
}
