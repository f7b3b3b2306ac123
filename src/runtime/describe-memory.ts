// The memory figures as the admin API shows them.

import type { Priority, PriorityName } from '../core/policy/rule.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { ALL, type ShedGate } from '../core/policy/shed.js';
import type { MemoryEstimate } from '../memory/estimate.js';
import { LEAST_EVICTED } from '../memory/eviction-rates.js';
import type { MemoryMonitor } from '../memory/monitor.js';
import type { Pressure } from '../memory/pressure.js';
import { countedBytes } from '../memory/reading.js';
import type { MemorySnapshot, ShedLevel } from '../memory/snapshot.js';

/** What readings and the gate say. `now`: monotonic milliseconds. */
export function describeMemory(
  pressure: Pressure,
  gate: ShedGate,
  monitor: MemoryMonitor,
  now: number,
): Omit<MemorySnapshot, 'rehearsal' | 'eviction' | 'budgets' | 'limits'> {
  const { memory } = pressure;
  const { reading, applicability } = memory;
  const limitBytes = applicability?.limitBytes ?? 0;
  const headroomBytes = Math.min(...gate.headroom);
  const levels = PRIORITY_NAMES.map((name, index): [PriorityName, ShedLevel] => {
    const priority = index as Priority;
    const level = {
      shedShare: gate.thresholds[priority] / ALL,
      band: pressure.band(priority),
      reservedBytes: Math.round(pressure.reserved(priority)),
      growthBytesPerSecond: Math.round(memory.growthPerSecond(priority)),
    };
    return [name, level];
  });
  return {
    pressure: limitBytes > 0 ? memory.measured : null,
    usedShare: limitBytes > 0 && reading !== undefined ? countedBytes(reading) / limitBytes : null,
    actingPressure: limitBytes > 0 ? pressure.acting : null,
    cause: pressure.cause,
    usedBytes: reading?.usedBytes ?? null,
    notCountedBytes: reading?.notCountedBytes ?? null,
    committedBytes: reading === undefined ? null : Math.round(memory.committedBytes),
    committedFlowBytes: reading === undefined ? null : Math.round(memory.committedFlowBytes),
    ...evictionFigures(memory, monitor),
    limitBytes: limitBytes > 0 ? limitBytes : null,
    maxmemoryBytes: reading?.maxmemoryBytes ?? null,
    policy: reading?.policy ?? null,
    level: Object.fromEntries(levels) as Record<PriorityName, ShedLevel>,
    othersBytesPerSecond: Math.round(memory.growthPerSecond('others')),
    active: applicability?.applies === true,
    readingAgeMs: reading === undefined ? null : Math.round(memory.readingAge(now)),
    stale: reading !== undefined && memory.isStale(now),
    reason:
      pressure.cause === 'stale reading'
        ? 'off: without a fresh reading of memory every write is admitted (memory.onStale)'
        : (applicability?.reason ?? 'off: no reading yet'),
    growthSinceReadingBytes: Math.round(memory.growthSinceReading),
    headroomBytes: Number.isFinite(headroomBytes) ? Math.round(headroomBytes) : null,
    sparesExpiring: gate.sparesExpiring,
    briefBytes: Math.round(gate.brief.total),
    briefMostBytes: Math.round(gate.brief.most),
    upstreamVersion: monitor.server.version,
    proxies: memory.proxies,
    upstreamMode: monitor.server.kind.mode,
    upstreamRole: monitor.server.kind.role,
    polls: monitor.polls,
    pollErrors: monitor.pollErrors,
    levelChanges: pressure.levels.changes,
  };
}

function evictionFigures(
  { reading, evictable: { eviction, bytes, errorBytes, keys }, ownEvictable }: MemoryEstimate,
  { server: { evictions } }: MemoryMonitor,
) {
  const { evictedPerSecond, hitsPerSecond, missesPerSecond } = evictions;
  return {
    evictableBytes: reading === undefined ? null : Math.round(Math.max(bytes, ownEvictable)),
    evictableErrorBytes: errorBytes === null ? null : Math.round(errorBytes),
    serverEvicts: eviction,
    evictedKeysPerSecond: evictedPerSecond,
    // In a steady state the amount of something is its rate times how long it stays (Little's law).
    evictedAfterSeconds: evictedPerSecond >= LEAST_EVICTED ? keys / evictedPerSecond : null,
    hitsPerSecond,
    missesPerSecond,
  };
}
