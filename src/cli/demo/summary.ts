// The summary of the demo: both sides in a table, or as JSON. Draws; reads nothing.

import Table from 'cli-table3';
import { bytesText, countText, percentText } from '../../core/words.js';
import type { Paint } from '../terminal/paint.js';
import { evictedOf, type Frame, type Side, shedOf, total, ttlsGiven } from './frame.js';
import { PATTERNS, type PatternName } from './patterns.js';

/** The result of one side. Counts are the application's writes, by pattern. */
interface SideSummary {
  accepted: Record<PatternName, number>;
  /** Answered with OOM, by Redis or early by Spillway. */
  refused: Record<PatternName, number>;
  otherErrors: number;
  /** OOM errors that Redis itself answered. */
  redisOom: number;
  usedBytes: number;
  peakBytes: number;
  limitBytes: number;
  keys: number;
  keysWithoutTtl: number;
}

export interface DemoSummary {
  seconds: number;
  straight: SideSummary;
  spillway: SideSummary & {
    ttlsGiven: number;
    shed: Record<PatternName, number>;
    evicted: Record<PatternName, number>;
  };
}

export function summarize(frame: Frame): DemoSummary {
  return {
    seconds: Math.round(frame.elapsedSeconds * 10) / 10,
    straight: summarizeSide(frame.straight),
    spillway: {
      ...summarizeSide(frame.spillway),
      ttlsGiven: ttlsGiven(frame),
      shed: byPattern((name) => shedOf(frame.stats, ruleOf(name))),
      evicted: byPattern((name) => evictedOf(frame.stats, ruleOf(name))),
    },
  };
}

function ruleOf(name: PatternName): string | undefined {
  return PATTERNS.find((pattern) => pattern.name === name)?.rule;
}

export function drawSummary(summary: DemoSummary, paint: Paint): string {
  const { straight, spillway } = summary;
  const table = new Table({
    head: ['', 'directly to Redis', 'through Spillway'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const row = (label: string, read: (side: SideSummary) => string): void => {
    table.push([label, read(straight), read(spillway)]);
  };
  row('writes accepted', (side) => countText(sum(side.accepted)));
  row('writes refused', (side) => countText(sum(side.refused)));
  for (const { name, glob, priority, rule } of PATTERNS) {
    const label = `  ${glob} (${rule === undefined ? 'no rule' : priority})`;
    row(label, ({ accepted, refused }) => {
      return refused[name] === 0
        ? '0'
        : `${countText(refused[name])} of ${countText(accepted[name] + refused[name])}`;
    });
  }
  row('critical writes lost (queue)', (side) => countText(side.refused.queue));
  row("Redis's own OOM errors", (side) => countText(side.redisOom));
  table.push(['cache and temp keys evicted by Spillway', '-', countText(sum(spillway.evicted))]);
  table.push(['refused early by Spillway', '-', countText(sum(spillway.shed))]);
  table.push(['TTLs added by Spillway', '-', countText(spillway.ttlsGiven)]);
  row('keys without a TTL', (side) => `${countText(side.keysWithoutTtl)} of ${countText(side.keys)}`);
  row(
    'memory now',
    (side) => `${bytesText(side.usedBytes)} (${percentText(side.usedBytes / side.limitBytes)})`,
  );
  row(
    'highest memory',
    (side) => `${bytesText(side.peakBytes)} (${percentText(side.peakBytes / side.limitBytes)})`,
  );
  if (straight.otherErrors + spillway.otherErrors > 0)
    row('other errors', (side) => countText(side.otherErrors));
  return [
    paint('bold', `After ${summary.seconds} s of the same workload on both sides:`),
    table.toString(),
    verdict(summary),
  ].join('\n');
}

function verdict({ straight, spillway }: DemoSummary): string {
  const important = (side: SideSummary): number => side.refused.queue + side.refused.session;
  if (important(straight) === 0) {
    return 'Memory did not fill up in this time. Run the demo longer to see what happens when it does.';
  }
  return (
    `Directly to Redis, ${countText(important(straight))} session and queue writes got OOM errors. Through Spillway ` +
    `${important(spillway) === 0 ? 'none' : countText(important(spillway))} did: the oldest cache and temp keys made room, and keys got the TTLs of their rules.`
  );
}

function summarizeSide(side: Side): SideSummary {
  const { usedBytes, peakBytes, limitBytes, keys, keysWithoutTtl, ownOom } = side.server;
  return {
    accepted: byPattern((name) => side.tallies[name].accepted),
    refused: byPattern((name) => side.tallies[name].oom),
    otherErrors: total(side, 'failed'),
    redisOom: ownOom,
    usedBytes,
    peakBytes,
    limitBytes,
    keys,
    keysWithoutTtl,
  };
}

function byPattern(read: (name: PatternName) => number): Record<PatternName, number> {
  return Object.fromEntries(PATTERNS.map(({ name }) => [name, read(name)])) as Record<PatternName, number>;
}

function sum(counts: Record<PatternName, number>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
