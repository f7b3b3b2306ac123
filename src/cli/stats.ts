// `spillway stats`: prints the counters of a running proxy once, as tables or JSON.

import type { Environment } from '../config/overrides.js';
import { globMatches } from '../core/policy/glob.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { Report } from '../observe/history/report.js';
import type { ServiceStateSnapshot } from '../observe/state/service-state.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import { asking } from './ask.js';
import { complain, ExitCode } from './exit.js';
import type { AskOptions } from './options.js';
import { pick } from './rows.js';
import { drawState } from './state.js';
import { drawMemory, drawTotals } from './tables.js';
import { createPaint } from './terminal/paint.js';

/** `pattern`: a glob for names of rules and discovered patterns. */
export async function statsCommand(
  pattern: string | undefined,
  options: AskOptions,
  env: Environment,
): Promise<ExitCode> {
  return asking(options, env, async (client) => {
    const [stats, memory, state, report] = await Promise.all([
      client.get<StatsSnapshot>('/api/stats'),
      client.get<MemorySnapshot>('/api/memory'),
      client.get<ServiceStateSnapshot>('/api/state'),
      client.get<Report>('/api/report'),
    ]);
    const picked = pick(stats, pattern === undefined ? undefined : matcherOf(pattern));
    if (options.json) {
      process.stdout.write(
        `${JSON.stringify({ since: stats.since, takenAt: stats.takenAt, state, ...picked, memory }, null, 2)}\n`,
      );
      return ExitCode.OK;
    }
    if (picked.rules.length + picked.discovered.length === 0) {
      complain(`no rule and no discovered pattern matches; without a pattern all are shown`);
      return ExitCode.FAILURE;
    }
    const paint = createPaint(process.stdout);
    const since = `since ${stats.since}`;
    process.stdout.write(
      `${[...drawState(state, paint, Date.parse(stats.takenAt)), ...drawMemory(memory, state.observed, paint), report.text, since, '', drawTotals(picked, paint)].join('\n')}\n`,
    );
    return ExitCode.OK;
  });
}

/** The glob matches the name, or equals it, because discovered patterns are globs themselves. */
function matcherOf(pattern: string): (name: string) => boolean {
  const glob = Buffer.from(pattern);
  return (name) => {
    const bytes = Buffer.from(name);
    return name === pattern || globMatches(glob, bytes, 0, bytes.length);
  };
}
