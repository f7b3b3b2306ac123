// The demo's live view as text: a screen for a terminal, or a line for a log. Draws; reads and writes nothing.

import { PRIORITY_NAMES } from '../../core/policy/rule.js';
import { bytesText, countText, percentText } from '../../core/words.js';
import { refusedShares } from '../../memory/shedding-words.js';
import type { Paint } from '../terminal/paint.js';
import { evictedOf, type Frame, type Side, shedOf, total, ttlsGiven } from './frame.js';
import { PATTERNS } from './patterns.js';

const BAR_CELLS = 50;
const INDENT = 18;

/** Lines for one screen, not wider than 100 columns. */
export function drawScreen(frame: Frame, paint: Paint): string[] {
  const { elapsedSeconds, totalSeconds } = frame;
  const time =
    totalSeconds === undefined
      ? `${Math.floor(elapsedSeconds)} s`
      : `${Math.floor(elapsedSeconds)} of ${totalSeconds} s`;
  return [
    `${paint('bold', 'Spillway demo')}  ${time}   one workload, two Redis with 64 MB and noeviction   ${paint('dim', 'Ctrl-C ends')}`,
    '',
    memoryLine('through Spillway', frame.spillway, paint),
    ' '.repeat(INDENT) + paint('dim', bandMarks(frame)),
    memoryLine('directly to Redis', frame.straight, paint),
    '',
    `refusing: ${sheddingNow(frame, paint)}`,
    '',
    ...patternTable(frame, paint),
    '',
    `TTLs added by Spillway: ${paint('green', countText(ttlsGiven(frame)))}` +
      `   keys without a TTL: ${countText(frame.spillway.server.keysWithoutTtl)}` +
      ` (directly: ${paint('red', countText(frame.straight.server.keysWithoutTtl))})`,
    `OOM errors of Redis itself: ${alarm(frame.spillway.server.ownOom, paint)}` +
      ` (directly: ${alarm(frame.straight.server.ownOom, paint)})`,
    `patterns without a rule: ${discovered(frame)}`,
  ];
}

/** The same in one line, for pipes and logs. */
export function drawLine(frame: Frame): string {
  const { spillway, straight } = frame;
  const shed = byPattern((rule) => shedOf(frame.stats, rule));
  const evicted = byPattern((rule) => evictedOf(frame.stats, rule));
  return [
    `${Math.floor(frame.elapsedSeconds)} s`,
    `Spillway: ${memoryText(spillway)}, ${countText(ttlsGiven(frame))} TTLs added, evicted ${evicted}, refused ${shed}`,
    `directly: ${memoryText(straight)}, ${countText(total(straight, 'oom'))} OOM errors (queue ${countText(straight.tallies.queue.oom)})`,
  ].join(' | ');
}

/** `cache 12, temp 7`: of each pattern that has any. */
function byPattern(read: (rule: string | undefined) => number): string {
  const counts = PATTERNS.map(({ name, rule }) => [name, read(rule)] as const).filter(
    ([, count]) => count > 0,
  );
  return counts.map(([name, count]) => `${name} ${countText(count)}`).join(', ') || 'nothing';
}

function memoryLine(label: string, side: Side, paint: Paint): string {
  const share = side.server.usedBytes / side.server.limitBytes;
  const filled = Math.min(BAR_CELLS, Math.round(share * BAR_CELLS));
  const style = share >= 0.97 ? 'red' : share >= 0.8 ? 'yellow' : 'green';
  const bar = paint(style, '█'.repeat(filled)) + paint('dim', '░'.repeat(BAR_CELLS - filled));
  return `${label.padEnd(INDENT)}${bar} ${memoryText(side)}`;
}

function memoryText({ server }: Side): string {
  return `${bytesText(server.usedBytes)} (${percentText(server.usedBytes / server.limitBytes)})`;
}

/** A line below the bar that marks the band of each priority. */
function bandMarks(frame: Frame): string {
  const cells = Array.from({ length: BAR_CELLS }, () => ' ');
  const legend: string[] = [];
  for (const priority of PRIORITY_NAMES) {
    const { band } = frame.memory.level[priority];
    if (band === null) continue;
    const letter = priority[0] as string;
    for (let cell = Math.floor(band[0] * BAR_CELLS); cell < Math.floor(band[1] * BAR_CELLS); cell++) {
      cells[cell] = cells[cell] === ' ' || cells[cell] === letter ? letter : '+';
    }
    legend.push(`${letter} ${priority}`);
  }
  return `${cells.join('')} ${legend.join(', ')}`;
}

function sheddingNow(frame: Frame, paint: Paint): string {
  const refused = refusedShares(frame.memory);
  return refused.length === 0
    ? paint('green', 'nothing')
    : refused.map((share) => paint('yellow', share)).join(', ');
}

function patternTable(frame: Frame, paint: Paint): string[] {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 3 ? cell.padEnd(10) : cell.padStart(11))).join('');
  const heads = [
    'pattern',
    'priority',
    'TTL',
    'accepted',
    'evicted',
    'refused',
    '  |',
    'directly',
    'OOM errors',
  ];
  return [
    paint('bold', row(heads)),
    ...PATTERNS.map((pattern) => {
      const through = frame.spillway.tallies[pattern.name];
      const straight = frame.straight.tallies[pattern.name];
      const line = row([
        pattern.glob,
        pattern.priority,
        pattern.ttl,
        countText(through.accepted),
        countText(evictedOf(frame.stats, pattern.rule)),
        countText(shedOf(frame.stats, pattern.rule)),
        '  |',
        countText(straight.accepted),
      ]);
      return line + alarm(straight.oom, paint, 11);
    }),
  ];
}

function alarm(count: number, paint: Paint, width = 0): string {
  return paint(count === 0 ? 'green' : 'red', countText(count).padStart(width));
}

function discovered(frame: Frame): string {
  const found = frame.stats.discovered
    .slice(0, 3)
    .map(({ pattern, writes }) => `${pattern} (${countText(writes)} writes)`);
  return found.length === 0 ? 'nothing yet' : found.join(', ');
}
