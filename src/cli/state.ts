// The state of the service, printed above `spillway stats` and `spillway top`: a line for the main condition, and one for each
// other condition. Draws; reads nothing.

import { printable, timeText } from '../core/words.js';
import type { ServiceStateSnapshot, StateSnapshot } from '../observe/state/service-state.js';
import type { Paint } from './terminal/paint.js';

const COLORS = { ok: 'green', warn: 'yellow', bad: 'red' } as const;

/** @param now milliseconds since 1970, by the proxy's clock */
export function drawState({ also, ...first }: ServiceStateSnapshot, paint: Paint, now: number): string[] {
  return [first, ...also].map((one, i) => line(one, i === 0 ? 'state: ' : '   also: ', paint, now));
}

function line(
  { state, severity, since, text }: StateSnapshot,
  label: string,
  paint: Paint,
  now: number,
): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  const lasting = seconds === 0 ? '' : ` for ${timeText(seconds)}`;
  return `${label}${paint(COLORS[severity], state.toUpperCase())}${lasting}: ${printable(text)}`;
}
