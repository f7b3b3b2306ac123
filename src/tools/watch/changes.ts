// The changes of a server in words and as fields, and the body of an alert about them. Pure.
// Invariants: it contains no key, no client and no secret; it is bounded, however many servers there are.
import { percentText, timeText } from '../../core/words.js';
import type { Seen, Situation } from './server-state.js';

export interface WatchChange {
  readonly server: string;
  readonly event: 'reach' | 'threshold' | 'timeToFull' | 'refused';
  /** For "threshold" a share, null: below all; for "reach" here, away, gone; for the others later, soon; no, yes. */
  readonly from: string | number | null;
  readonly to: string | number | null;
  readonly text: string;
}

export interface WatchAlert {
  readonly version: 1;
  readonly source: 'watch';
  /** 1 and up since the start; of several with the same number, the last counts. */
  readonly number: number;
  /** "ok": every server is there, below all thresholds, not full before long, and refuses nothing. */
  readonly status: 'alert' | 'ok';
  readonly text: string;
  /** The name of the machine that watches. */
  readonly instance: string;
  /** ISO 8601. */
  readonly at: string;
  /** At least one; `more` are left out. */
  readonly changes: readonly WatchChange[];
  readonly more: number;
}

const MOST_CHANGES = 100;
const MOST_TOLD = 5;

export function changesBetween(from: Situation, seen: Seen, thresholds: readonly number[]): WatchChange[] {
  const { server, situation: to } = seen;
  const share = (level: number) => (level === 0 ? null : thresholds[level - 1]);
  const all: WatchChange[] = [];
  const add = (
    event: WatchChange['event'],
    values: readonly [string | number | null, string | number | null],
    text: string,
  ) => {
    if (values[0] !== values[1])
      all.push({ server, event, from: values[0], to: values[1], text: `${server}: ${text}` });
  };
  add('reach', [from.reach, to.reach], reachText(seen));
  // The conditions of a server that is no longer a primary end without a message.
  if (to.reach === 'gone') return all;
  add('threshold', [share(from.level), share(to.level)], levelText(from.level < to.level, seen, thresholds));
  const soon = (is: boolean) => (is ? 'soon' : 'later');
  add('timeToFull', [soon(from.fullSoon), soon(to.fullSoon)], soonText(seen));
  const refused = (is: boolean) => (is ? 'yes' : 'no');
  add(
    'refused',
    [refused(from.refusing), refused(to.refusing)],
    to.refusing ? 'Redis refuses writes for lack of memory (OOM)' : 'Redis no longer refuses writes',
  );
  return all;
}

export function alertOf(
  changes: readonly WatchChange[],
  now: readonly Situation[],
  about: Pick<WatchAlert, 'number' | 'instance' | 'at'>,
): WatchAlert {
  const told = changes.slice(0, MOST_TOLD).map(({ text }) => text);
  const untold = changes.length - told.length;
  const text = `Spillway watch: ${told.join('; ')}${untold > 0 ? `; and ${untold} more` : ''}`;
  const status = now.every(isCalm) ? 'ok' : 'alert';
  const kept = changes.slice(0, MOST_CHANGES);
  return {
    version: 1,
    source: 'watch',
    status,
    text,
    ...about,
    changes: kept,
    more: changes.length - kept.length,
  };
}

/** Whether somebody should know of it; otherwise the change is for the better, although other problems may remain. */
export function isWorse({ event, from, to }: WatchChange): boolean {
  if (event === 'threshold') return to !== null && (from === null || to > from);
  return to === 'away' || to === 'soon' || to === 'yes';
}

/** Whether nobody need act; also true for a server that is no longer a primary. */
export function isCalm({ reach, level, fullSoon, refusing }: Situation): boolean {
  return reach !== 'away' && level === 0 && !fullSoon && !refusing;
}

function reachText({ situation, problem }: Seen): string {
  if (situation.reach === 'gone') return 'no longer a primary, so no longer watched';
  return situation.reach === 'here' ? 'there again' : `away: ${problem ?? 'no answer'}`;
}

function levelText(
  rises: boolean,
  { pressure, situation, mayFill }: Seen,
  thresholds: readonly number[],
): string {
  if (pressure === null) return 'memory no longer has a limit';
  const is = `memory is at ${percentText(pressure)} of its limit`;
  if (rises) return `${is}, above ${percentText(thresholds[situation.level - 1])}`;
  if (!mayFill) return `${is}, and keys are evicted now`;
  const below = thresholds[situation.level];
  return `${is}, below ${percentText(below)} again`;
}

function soonText({ situation, timeToFull }: Seen): string {
  if (!situation.fullSoon) return 'memory is no longer about to be full';
  if (timeToFull?.seconds == null) return 'memory will be full soon';
  return timeToFull.seconds === 0
    ? 'memory is full'
    : `memory will be full in ${timeText(timeToFull.seconds)}`;
}
