// What the reserve promises, as verdicts on the figures of one run. Pure.
import { PATTERNS } from '../scenario/patterns.js';
import type { ReserveFigures } from './run.js';

export interface Verdict {
  readonly requirement: string;
  readonly pass: boolean;
  readonly measured: string;
}

const MOST_FULL = 0.99;
const READMISSION_MS = 3000;
/** Writers that are told apart by milliseconds share the machine's cores. */
const SAME_MOMENT_MS = 50;

export function judgeReserve(figures: ReserveFigures): Verdict[] {
  const { patterns, server, memory, modest, freedMs, levels } = figures;
  const [low, normal, high] = ['low', 'normal', 'high'].map(
    (name) => patterns[name as 'low'].firstOomMs ?? Number.POSITIVE_INFINITY,
  ) as [number, number, number];
  const peak = memory.maximum / server.maxmemory;
  const late = PATTERNS.map((name) => (modest[name].lastOomMs ?? freedMs) - freedMs);
  const changes = Object.values(levels.changes);
  const times = [low, normal, high].map((ms) => `${Math.round(ms)} ms`).join(', ');
  return [
    {
      requirement: 'no write of critical is refused',
      pass: patterns.critical.oom === 0 && patterns.critical.ok > 0,
      measured: `${patterns.critical.oom} of ${patterns.critical.ok + patterns.critical.oom}`,
    },
    {
      requirement: 'Redis itself refuses nothing',
      pass: server.oomErrors === 0 && server.rejectedCalls === 0,
      measured: `${server.oomErrors} OOM errors`,
    },
    {
      requirement: 'low is refused before normal before high',
      pass: low < normal + SAME_MOMENT_MS && normal < high + SAME_MOMENT_MS && low < Number.POSITIVE_INFINITY,
      measured: times,
    },
    {
      requirement: `memory is never fuller than ${MOST_FULL * 100}%`,
      pass: memory.samples > 0 && peak <= MOST_FULL,
      measured: `${(peak * 100).toFixed(1)}%`,
    },
    {
      requirement: `freed memory admits again within ${READMISSION_MS} ms`,
      pass: Math.max(...late) <= READMISSION_MS,
      measured: `${Math.round(Math.max(...late))} ms`,
    },
    {
      requirement: 'levels do not flap when memory is freed: each changes once at most',
      pass: changes.every((count) => count <= 1),
      measured: changes.join(', '),
    },
  ];
}
