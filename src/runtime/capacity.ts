// How many clients a process can serve, whatever limits.maxClients says: limited by the open files and the memory that it may
// have when it starts. Beyond that a client would be closed without an error, or the whole process would end.
// Invariant: what is kept back (RESERVED_FILES, the bases) is enough for everything that is not a client.
import { readdirSync, readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { EffectiveConfig } from '../config/effective.js';
import { MB } from '../core/units.js';
import { CONNECTIONS_PER_CLIENT } from '../wire/upstream/shared-room.js';

/** For the monitor, probes, files that are read again, and connections that are refused. Redis reserves 32. */
const RESERVED_FILES = 32;
/**
 * Heap: everything but clients (half of it is V8's space for short-lived objects), a rule's counters and index, and a client
 * (measured idle: 9 KB, with TLS 12).
 */
const HEAP = {
  base: 96 * MB,
  perRule: 10 * 1024,
  perClient: 16 * 1024,
  perSecureClient: 24 * 1024,
} as const;
/** All memory, the kernel's for sockets included (measured idle, without the kernel's: 11 KB, with TLS 40). */
const MEMORY = { perProcess: 110 * MB, perClient: 24 * 1024, perSecureClient: 96 * 1024 } as const;
/** A process serves at least this many. */
const LEAST = 8;

/** The system's limits for this process; undefined: unknown, or no limit. */
export interface Room {
  readonly openFiles: number | undefined;
  readonly filesInUse: number;
  readonly heapBytes: number;
  /** The container's limit, for all its processes. */
  readonly memoryBytes: number | undefined;
}

export interface Capacity {
  readonly clients: number;
  /** The resource that runs out first. */
  readonly by: 'open files' | 'heap' | 'memory';
}

/** The capacity of each process that serves clients. `kept`: connections of that process to servers other than the data port. */
export function capacityOf(
  { rules, workers, listenTls, upstream }: EffectiveConfig,
  room: Room,
  kept: number,
): Capacity {
  const secure = listenTls !== undefined || upstream.tls !== undefined;
  const own = { heap: HEAP.base + rules.length * HEAP.perRule, memory: MEMORY.perProcess };
  const processes = workers === 1 ? 1 : workers + 1;
  const shared = upstream.pool === 'command' ? upstream.sharedConnections : 0;
  const memory = (room.memoryBytes ?? Number.POSITIVE_INFINITY) - processes * own.memory;
  const ends: Capacity[] = [
    {
      by: 'open files',
      clients: (connectionsOf(room, kept) - shared) / CONNECTIONS_PER_CLIENT,
    },
    { by: 'heap', clients: (room.heapBytes - own.heap) / (secure ? HEAP.perSecureClient : HEAP.perClient) },
    { by: 'memory', clients: memory / workers / (secure ? MEMORY.perSecureClient : MEMORY.perClient) },
  ];
  const { by, clients } = ends.reduce((least, end) => (end.clients < least.clients ? end : least));
  return { by, clients: Math.max(LEAST, Math.floor(clients)) };
}

/** How many connections, clients' and upstream ones, the process may have. */
export function connectionsOf({ openFiles, filesInUse }: Room, kept: number): number {
  return (openFiles ?? Number.POSITIVE_INFINITY) - filesInUse - RESERVED_FILES - kept;
}

/** The capacity if shared connections leave room for only `most` clients. */
export function loweredTo(capacity: Capacity, most: number): Capacity {
  return most < capacity.clients ? { clients: Math.max(LEAST, most), by: 'open files' } : capacity;
}

/** The limits of this process, now. */
export function readRoom(): Room {
  const memory = process.constrainedMemory();
  return {
    openFiles: openFilesLimit(),
    filesInUse: filesInUse(),
    heapBytes: getHeapStatistics().heap_size_limit,
    // Without a limit it is 0, or more than any machine has.
    memoryBytes: memory > 0 && memory < 2 ** 50 ? memory : undefined,
  };
}

/** How many more connections a process may have that serves no clients and hands them over. */
export function handoverRoom(
  { openFiles = Number.POSITIVE_INFINITY, filesInUse }: Room,
  kept: number,
): number {
  return Math.max(LEAST, openFiles - filesInUse - RESERVED_FILES - kept);
}

/** How many connections the admin server may have at a time; fewer if few files may be open. */
export function adminConnections({ openFiles = Number.POSITIVE_INFINITY }: Room): number {
  return Math.max(8, Math.min(64, Math.floor(openFiles / 16)));
}

/** The same for the Sentinel endpoint. Some clients keep a connection for each of their processes. */
export function sentinelConnections({ openFiles = Number.POSITIVE_INFINITY }: Room): number {
  return Math.max(8, Math.min(1024, Math.floor(openFiles / 16)));
}

/** Connections that the primary process keeps for admin server and Sentinel endpoint. */
export function keptConnections({ admin, sentinelEndpoint }: EffectiveConfig, room: Room): number {
  const ofAdmin = admin.listen === false ? 0 : adminConnections(room);
  return ofAdmin + (sentinelEndpoint.listen === false ? 0 : sentinelConnections(room));
}

/** Node raises the soft limit to the hard one when it starts. */
function openFilesLimit(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

function filesInUse(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
