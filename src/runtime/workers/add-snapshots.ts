// Connection figures of several processes, added up.
import type { DataPlaneSnapshot } from '../data-plane.js';

/** What is so now, and ends with its process; all other figures are counters, which outlive it. */
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

/** The same in all processes, or soon: they read the same files. The lowest counts. */
const SAME: ReadonlySet<string> = new Set(['certificateExpiresAt', 'renewals']);

/** Numbers add up; of what is true or false, either is enough. At least one must be there. */
export function addSnapshots(snapshots: readonly (DataPlaneSnapshot | undefined)[]): DataPlaneSnapshot {
  const there = snapshots.filter((snapshot) => snapshot !== undefined);
  return there.reduce((a, b) => merge(a, b, (x, y, name) => (SAME.has(name) ? Math.min(x, y) : x + y)));
}

/** What is left of a process that has ended: its counters. */
export function countersOnly(snapshot: DataPlaneSnapshot): DataPlaneSnapshot {
  const counters = merge(snapshot, snapshot, (x, _, name) => (GAUGES.has(name) ? 0 : x));
  return { ...counters, tls: null, upstreamTls: null };
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
