// The requirements on shedding, each held against the figures of a run. Pure.
import type { LevelFigures } from './level-watch.js';
import { CEILING, PATTERNS, type PatternName } from './patterns.js';
import type { MemoryMaximum } from './sampler.js';
import type { ServerFigures } from './server-figures.js';
import type { TallyFigures } from './tally.js';

/** Growth above the ceiling may take this share of maxmemory. */
const OVERSHOOT_ALLOWED = 0.01;
const READMISSION_ALLOWED_MS = 2000;

export interface RunFigures {
  patterns: Record<PatternName, TallyFigures>;
  server: ServerFigures;
  memory: MemoryMaximum;
  seconds: number;
}

export interface ReadmissionFigures {
  /** Used memory after the keys of low and normal were freed. */
  usedMemory: number;
  /** Of modest writers, from before the freeing to the end. */
  patterns: Record<PatternName, TallyFigures>;
  levels: LevelFigures;
  /** End of the freeing, by the clock of `patterns`. */
  freedMs: number;
}

export interface ScenarioFigures {
  direct: RunFigures;
  proxied: RunFigures;
  readmission: ReadmissionFigures;
}

export interface Verdict {
  requirement: string;
  pass: boolean;
  /** What was measured, in words. */
  measured: string;
}

/** Used memory above the ceiling, as a share of maxmemory; 0 or more. */
export function overshoot({ memory, server }: RunFigures): number {
  return Math.max(0, memory.maximum / server.maxmemory - CEILING);
}

export function judge({ direct, proxied, readmission }: ScenarioFigures): Verdict[] {
  return [...judgeDirect(direct), ...judgeProxied(proxied), ...judgeReadmission(readmission)];
}

function judgeDirect({ patterns }: RunFigures): Verdict[] {
  const hit = PATTERNS.filter((name) => patterns[name].oom > 0);
  return [
    {
      requirement: 'direct: every pattern meets OOM, so that there is something to prevent',
      pass: hit.length === PATTERNS.length,
      measured: PATTERNS.map((name) => `${name} ${patterns[name].oom}`).join(', '),
    },
  ];
}

function judgeProxied(run: RunFigures): Verdict[] {
  const { patterns, server, memory } = run;
  const { critical } = patterns;
  const others = PATTERNS.filter((name) => patterns[name].otherErrors > 0);
  return [
    {
      requirement: 'proxied: no OOM from Redis itself',
      pass: server.oomErrors === 0 && server.rejectedCalls === 0,
      measured: `errorstat_OOM ${server.oomErrors}, rejected_calls ${server.rejectedCalls}`,
    },
    {
      requirement: 'proxied: no error on critical writes',
      pass: critical.ok > 0 && critical.oom + critical.otherErrors === 0,
      measured: `${critical.ok} accepted, ${critical.oom} OOM, ${critical.otherErrors} other errors`,
    },
    {
      requirement: 'proxied: no errors but OOM',
      pass: others.length === 0,
      measured: others.map((name) => `${name}: ${patterns[name].firstOtherError}`).join('; ') || 'none',
    },
    judgeOrder('proxied: first refusal of low before normal before high', patterns, 'firstOomMs'),
    judgeOrder('proxied: low refused altogether before normal before high', patterns, 'fullyRefusedMs'),
    {
      requirement: 'proxied: used_memory never above maxmemory',
      pass: memory.samples > 0 && memory.maximum <= server.maxmemory,
      measured: `highest ${memory.maximum} of ${server.maxmemory} in ${memory.samples} samples`,
    },
    {
      requirement: `proxied: overshoot above the shed ceiling (${CEILING * 100}%) at most 1% of maxmemory`,
      pass: overshoot(run) <= OVERSHOOT_ALLOWED,
      measured: `${(overshoot(run) * 100).toFixed(3)}% of maxmemory`,
    },
  ];
}

function judgeOrder(
  requirement: string,
  patterns: RunFigures['patterns'],
  field: 'firstOomMs' | 'fullyRefusedMs',
): Verdict {
  const shedding = ['low', 'normal', 'high'] as const;
  const times = shedding.map((name) => patterns[name][field]);
  return {
    requirement,
    pass: times.every(
      (time, i) => time !== null && (i === 0 || time > (times[i - 1] ?? Number.POSITIVE_INFINITY)),
    ),
    measured: shedding.map((name, i) => `${name} ${milliseconds(times[i] ?? null)}`).join(', '),
  };
}

function judgeReadmission({ patterns, levels, freedMs }: ReadmissionFigures): Verdict[] {
  const delays = PATTERNS.map((name) => Math.max(0, (patterns[name].lastOomMs ?? 0) - freedMs));
  // One change each, from refusing to admitting, is what freed memory asks for; every further one is a flap.
  const flapping = PATTERNS.filter((name) => levels.changes[name] > 1);
  return [
    {
      requirement: `freed memory: every write accepted again within ${READMISSION_ALLOWED_MS} ms, and for good`,
      pass: patterns.low.oom > 0 && delays.every((delay) => delay <= READMISSION_ALLOWED_MS),
      measured:
        `last refusal after the freeing: ${PATTERNS.map((name, i) => `${name} ${milliseconds(delays[i] ?? null)}`).join(', ')}` +
        ` (refused before: low ${patterns.low.oom}, normal ${patterns.normal.oom}, high ${patterns.high.oom})`,
    },
    {
      requirement: 'freed memory: no flapping (each priority changes once at most)',
      pass: flapping.length === 0,
      measured:
        `${PATTERNS.map((name) => `${name} ${levels.changes[name]}`).join(', ')}; ${levels.levelChanges} steps in all, ` +
        `looked at every ${Math.round(levels.longestGapMs)} ms at least`,
    },
  ];
}

function milliseconds(time: number | null): string {
  return time === null ? 'never' : `${Math.round(time)} ms`;
}
