// What a server would say of itself, for the checks whose faults are hard to plant.
import { clientMemory } from '../../src/tools/doctor/clients.js';
import { judge } from '../../src/tools/doctor/doctor.js';
import type { Facts } from '../../src/tools/doctor/facts.js';

/** undefined: not told. */
export type Info = Record<string, string | number | undefined>;

export const MB = 2 ** 20;

/** A healthy server, but for `info`. */
export function facts(info: Info, more: Partial<Facts> = {}): Facts {
  const healthy = {
    used_memory: 500 * MB,
    used_memory_peak: 510 * MB,
    maxmemory: 1000 * MB,
    maxmemory_policy: 'allkeys-lru',
    total_system_memory: 8000 * MB,
    mem_fragmentation_ratio: 1.1,
    mem_fragmentation_bytes: 50 * MB,
    allocator_frag_ratio: 1.05,
    mem_not_counted_for_evict: 0,
    uptime_in_seconds: 86_400,
    expired_stale_perc: '0.50',
    rejected_connections: 0,
    db0: 'keys=1000,expires=900,avg_ttl=1',
  };
  const fields = Object.entries<Info[string]>({ ...healthy, ...info }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return {
    server: '127.0.0.1:6379',
    cli: '-h 127.0.0.1 -p 6379',
    needsPassword: false,
    info: new Map(fields),
    config: new Map([['activedefrag', 'no']]),
    slow: [],
    latency: [],
    clients: clientMemory(''),
    process: { swapBytes: 0, limitBytes: undefined },
    keys: undefined,
    shapes: undefined,
    fields: undefined,
    rules: undefined,
    unread: [],
    at: 1_000_000,
    ...more,
  };
}

/** Severity and id of each finding. */
export function found(info: Info, more?: Partial<Facts>): string[] {
  return judge(facts(info, more)).findings.map(({ id, severity }) => `${severity} ${id}`);
}

/** What is printed as the mend of one of them. */
export function mendOf(id: string, info: Info, more?: Partial<Facts>): string {
  return (
    judge(facts(info, more))
      .findings.find((each) => each.id === id)
      ?.mend.join('\n') ?? ''
  );
}
