// The figures of the runs as Markdown tables, so that they can be pasted. Pure.
import { type FirstRefusal, GROWING, type GrowingFigures, rightLooks } from './growing-run.js';
import type { MixedFigures } from './mixed-run.js';

export function drawMixed(rows: readonly (readonly [string, MixedFigures])[]): string {
  return markdown(
    [
      'way',
      'caches written',
      'caches refused',
      'locks still there',
      'rate limits right',
      'jobs refused',
      'memory',
    ],
    rows.map(([name, { caches, locks, limits, jobs, memory }]) => [
      name,
      grouped(caches.written),
      grouped(caches.refused),
      `${grouped(locks.kept)} of ${grouped(locks.asked)}`,
      `${grouped(limits.right)} of ${grouped(limits.asked)}`,
      `${grouped(jobs.refused)} of ${grouped(jobs.asked)}`,
      `${percent(memory.low)} to ${percent(memory.high)}`,
    ]),
  );
}

export function drawGrowing(rows: readonly (readonly [string, GrowingFigures])[]): string {
  const who = ['caches', ...GROWING] as const;
  return markdown(
    [
      'way',
      ...who.map((name) => `${name} first refused`),
      'jobs taken',
      'refused by Redis',
      'seconds',
      'time left right: full, logs, orders',
    ],
    rows.map(([name, { first, accepted, looks, ownOom, seconds }]) => [
      name,
      ...who.map((each) => refusal(first[each])),
      grouped(accepted.jobs),
      grouped(ownOom),
      seconds.toFixed(0),
      [
        rightLooks(looks, 'full', first.jobs?.at),
        rightLooks(looks, 'logs', first.logs?.at),
        rightLooks(looks, 'orders', first.orders?.at),
      ]
        .map(([right, of]) => (of === 0 ? '-' : `${right} of ${of}`))
        .join(', '),
    ]),
  );
}

function refusal(first: FirstRefusal | undefined): string {
  return first === undefined ? 'never' : `${first.at.toFixed(1)} s, ${percent(first.committed)}`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
