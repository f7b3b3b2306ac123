// What this process uses of the machine: CPU time, memory, open files, lost log lines.

import type { LogLosses } from './log/log-output.js';

export interface Usage {
  readonly upSeconds: number;
  readonly residentBytes: number;
  /** User and system time since the start. */
  readonly cpuSeconds: number;
  /** Lost log lines. */
  readonly logLinesLost: number;
}

/** Read from a file, which cannot be opened when no descriptor is left; then the last figure counts. */
let lastResident = 0;

function residentBytes(): number {
  try {
    lastResident = process.memoryUsage.rss();
  } catch {
    // The report is sent all the same.
  }
  return lastResident;
}

export function ownUsage(log: LogLosses | undefined): Usage {
  const { user, system } = process.cpuUsage();
  return {
    upSeconds: process.uptime(),
    residentBytes: residentBytes(),
    cpuSeconds: (user + system) / 1e6,
    logLinesLost: log?.lost ?? 0,
  };
}
