// What a sweep reports: the counts of each rule, the memory of each server, and why it ended. Pure.
import type { Server } from '../keyspace/servers.js';
import type { RuleCounts } from './counts.js';
import type { Fullness, MemoryMark } from './headroom.js';

export interface SweepResult {
  readonly version: 1;
  readonly applied: boolean;
  /**
   * Why it ended before all keys were done; null: it did not. `memory`: a server is as full as the sweep may make it;
   * `moved`: keys moved to another server, where the sweep may have missed them.
   */
  readonly ended: 'interrupted' | 'maxKeys' | 'memory' | 'moved' | null;
  readonly seconds: number;
  readonly looked: number;
  readonly rules: readonly SweptRule[];
  readonly memory: readonly ServerMemory[];
  /** The journal's file; null: a dry run. */
  readonly journal: string | null;
  /** What the operator should know. */
  readonly notes: readonly string[];
}

/** A rule's counts, and of a dry run what comes of its due keys. */
export interface SweptRule extends RuleCounts {
  /** What the due keys hold, by the sizes of some; null: not known, or not a dry run. */
  readonly dueBytes: number | null;
  /** After how many seconds the first and the last of them expire; null: not a dry run. */
  readonly expireAfterSeconds: readonly [number, number] | null;
}

/** The memory of a server, and how much of it the TTLs take. */
export interface ServerMemory {
  readonly server: string;
  /** Before the sweep, as the server compares it with its limit. */
  readonly usedBytes: number;
  /** null: it has none. */
  readonly limitBytes: number | null;
  readonly policy: string;
  /** Where the sweep stops; null: nowhere. */
  readonly untilBytes: number | null;
  /** Keys without a TTL that should get one. */
  readonly due: number;
  /** The most that the TTLs of all due keys take. */
  readonly costBytes: number;
  /** The server is as full as the sweep may make it. */
  readonly stopped: boolean;
}

/** Why a sweep with these outcomes ended; see SweepResult. */
export function endOf(
  interrupted: boolean,
  memory: readonly ServerMemory[],
  full: boolean,
  moved: boolean,
): SweepResult['ended'] {
  if (interrupted) return 'interrupted';
  if (memory.some(({ stopped }) => stopped)) return 'memory';
  if (full) return 'maxKeys';
  return moved ? 'moved' : null;
}

/** `due`: keys without a TTL that should get one; `costBytes`: what their TTLs take. */
export function memoryOf(
  { name }: Server,
  { usedBytes, limitBytes, policy }: Fullness,
  { until }: MemoryMark,
  due: number,
  costBytes: number,
  stopped: boolean,
): ServerMemory {
  const limited = limitBytes > 0;
  return {
    server: name,
    usedBytes,
    limitBytes: limited ? limitBytes : null,
    policy,
    untilBytes: limited && until !== undefined ? Math.floor(until * limitBytes) : null,
    ...{ due, costBytes, stopped },
  };
}
