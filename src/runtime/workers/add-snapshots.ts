// Adds up the connection figures of several processes.
import type { DataPlaneSnapshot } from '../data-plane.js';

/** Present values, which end with their process: name each new one here. All other figures are counters, which outlive it. */
const GAUGES: ReadonlySet<string> = new Set([
  'clients',
  'pausedClients',
  'heldReplyBytes',
  'heldCommandBytes',
  'stalledCommandBytes',
  'slabLentBytes',
  'slabPooledBytes',
  'sharedConnections',
  'parkedConnections',
  'clientsSharing',
  'clientsPinned',
  'clientsWaiting',
]);

/** Sooner or later the same in all processes, since they read the same files. The lowest counts. */
const SAME: ReadonlySet<string> = new Set(['certificateExpiresAt', 'renewals']);

/** Numbers are added; a flag is true if any is. There must be at least one snapshot. */
export function addSnapshots(snapshots: readonly (DataPlaneSnapshot | undefined)[]): DataPlaneSnapshot {
  const there = snapshots.filter((snapshot) => snapshot !== undefined);
  return there.reduce((a, b) => merge(a, b, (x, y, name) => (SAME.has(name) ? Math.min(x, y) : x + y)));
}

/** What remains of a process that has ended: its counters. What it knew of the server may be wrong by now. */
export function countersOnly(snapshot: DataPlaneSnapshot): DataPlaneSnapshot {
  const counters = merge(snapshot, snapshot, (x, _, name) => (GAUGES.has(name) ? 0 : x));
  return { ...counters, followUpsUnsupported: false, tls: null, upstreamTls: null };
}

function merge<T extends object>(a: T, b: T, add: (x: number, y: number, name: string) => number): T {
  const sum = Object.entries(a).map(([name, x]): [string, unknown] => {
    const y: unknown = Reflect.get(b, name);
    if (typeof x === 'number' && typeof y === 'number') return [name, add(x, y, name)];
    if (typeof x === 'boolean') return [name, x || y === true];
    if (typeof x === 'object' && x !== null && typeof y === 'object' && y !== null)
      return [name, merge(x, y, add)];
    return [name, x ?? y];
  });
  return Object.fromEntries(sum) as T;
}
