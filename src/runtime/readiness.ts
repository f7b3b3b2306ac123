// The answer of GET /readyz. Ready means that clients will find a server. A ready proxy may still give reasons: the parts that
// work only partly.
import type { MemoryMonitor } from '../memory/monitor.js';
import type { Pressure } from '../memory/pressure.js';

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: string[];
}

export const CLOSING: Readiness = {
  ready: false,
  reasons: ['the proxy is closing: it accepts no more clients'],
};
export const REFUSING: Readiness = {
  ready: false,
  reasons: ['the server refuses connections, so the data port is closed'],
};
export const NO_WORKER: Readiness = {
  ready: false,
  reasons: ['no worker process is running: the log says why they ended'],
};

/**
 * `trouble`: why no connection to the server can be made; `kindTrouble`: what is wrong with the server's kind; `evictTrouble`:
 * what prevents rules with evict from working; `now`: monotonic milliseconds.
 */
export function readiness(
  monitor: MemoryMonitor,
  pressure: Pressure,
  trouble: string | undefined,
  kindTrouble: string | undefined,
  evictTrouble: string | undefined,
  now: number,
): Readiness {
  const reasons: string[] = [];
  const why = monitor.trouble === undefined ? '' : `: ${monitor.trouble}`;
  if (!monitor.reachable) reasons.push(`Spillway cannot reach the server${why}`);
  else if (trouble !== undefined) reasons.push(`the server accepts no new connection: ${trouble}`);
  else if (kindTrouble !== undefined) reasons.push(kindTrouble);
  if (pressure.memory.reading === undefined)
    reasons.push(`there is no memory reading, so Spillway sheds nothing${monitor.reachable ? why : ''}`);
  else if (pressure.memory.isStale(now))
    reasons.push(`the last memory reading is stale${monitor.reachable ? why : ''}`);
  if (evictTrouble !== undefined) reasons.push(`evict: ${evictTrouble}`);
  return { ready: monitor.reachable && trouble === undefined, reasons };
}
