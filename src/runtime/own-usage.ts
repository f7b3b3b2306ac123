// What this process takes of the machine.

import type { LogLosses } from './log/log-output.js';

export interface Usage {
  readonly upSeconds: number;
  readonly residentBytes: number;
  /** User and system time since the start. */
  readonly cpuSeconds: number;
  /** Lines of its log that could not be written. */
  readonly logLinesLost: number;
}

/** It is read from a file, which cannot be opened where there is no descriptor left: then the last figure. */
let lastResident = 0;

function residentBytes(): number {
  try {
    lastResident = process.memoryUsage.rss();
  } catch {
    // A report is due all the same.
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
