// What a watch says, to people and to programs. Field names are an API (docs/TOOLS.md).
import type { Seen, WatchEvent } from './watcher.js';

export interface WatchMessage {
  readonly version: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly server: string;
  readonly event: WatchEvent['event'] | 'reading';
  readonly text: string;
  /** null: not known. */
  readonly pressure: number | null;
  readonly usedBytes: number | null;
  readonly limitBytes: number | null;
  readonly timeToFullSeconds: number | null;
}

export function messageOf(
  server: string,
  at: string,
  event: WatchEvent | undefined,
  seen: Seen | undefined,
  thresholds: readonly number[],
): WatchMessage {
  const text = event === undefined ? readingText(seen) : `${eventText(event, seen, thresholds)}`;
  return {
    version: 1,
    at,
    server,
    event: event?.event ?? 'reading',
    text,
    pressure: seen?.pressure ?? null,
    usedBytes: seen?.usedBytes ?? null,
    limitBytes: seen?.limitBytes ?? null,
    timeToFullSeconds: seen?.timeToFullSeconds ?? null,
  };
}

export function readingText(seen: Seen | undefined): string {
  if (seen === undefined) return 'no answer';
  const { pressure, usedBytes, limitBytes, timeToFullSeconds } = seen;
  if (pressure === null) return `memory ${size(usedBytes)}, no maxmemory`;
  const when =
    timeToFullSeconds === null || timeToFullSeconds === 0 ? '' : `, full in ${lasting(timeToFullSeconds)}`;
  return `memory ${size(usedBytes)} of ${size(limitBytes)}, ${percent(pressure)}${when}`;
}

function eventText(event: WatchEvent, seen: Seen | undefined, thresholds: readonly number[]): string {
  switch (event.event) {
    case 'level': {
      const over = thresholds[event.to - 1];
      const what =
        over === undefined ? `below ${percent(thresholds[0] ?? 0)} again` : `over ${percent(over)}`;
      return `${event.to > event.from ? 'ALERT: ' : ''}${what}: ${readingText(seen)}`;
    }
    case 'timeToFull':
      return event.soon
        ? `ALERT: full soon: ${readingText(seen)}`
        : `no longer full soon: ${readingText(seen)}`;
    case 'limit':
      return event.limited
        ? `there is a maxmemory now: ${readingText(seen)}`
        : 'ALERT: there is no maxmemory';
    case 'lost':
      return `ALERT: the server does not answer: ${event.reason}`;
    case 'back':
      return `it answers again: ${readingText(seen)}`;
  }
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

function size(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function lasting(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
