// What GET /readyz says. Ready: clients will find an upstream. Reasons may be given all the same: what then works only in part.
import type { MemoryMonitor } from '../memory/monitor.js';
import type { Pressure } from '../memory/pressure.js';

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: string[];
}

export const CLOSING: Readiness = {
  ready: false,
  reasons: ['the proxy is closing: no client is accepted any more'],
};
export const REFUSING: Readiness = {
  ready: false,
  reasons: ['the upstream refuses connections, and so does the data port'],
};
export const NO_WORKER: Readiness = {
  ready: false,
  reasons: ['no worker process is running: the log says why they ended'],
};

/** `now`: monotonic milliseconds. */
export function readiness(monitor: MemoryMonitor, pressure: Pressure, now: number): Readiness {
  const reasons: string[] = [];
  if (!monitor.reachable) reasons.push('the upstream cannot be reached');
  if (pressure.reading === undefined)
    reasons.push('there is no memory reading, so nothing is shed: may the monitor run INFO?');
  else if (pressure.isStale(now)) reasons.push('the last memory reading is stale');
  return { ready: monitor.reachable, reasons };
}
