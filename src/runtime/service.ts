// The part that serves the clients, as the rest of the proxy sees it: this process itself, or a pool of workers. The part that
// knows memory sets the gate and reports changes.
import type { Socket } from 'node:net';
import type { EffectiveConfig } from '../config/effective.js';
import type { KeyMemory } from '../core/policy/key-memory.js';
import type { Quotas } from '../core/policy/quota.js';
import type { Scripts } from '../core/policy/scripts.js';
import type { ShedGate } from '../core/policy/shed.js';
import type { ConsoleQuestion } from '../core/session/state/console-question.js';
import type { Hands } from '../evict/hands.js';
import type { Covered, PressureState } from '../memory/pressure-state.js';
import type { ServerFacts } from '../memory/server-facts.js';
import type { WorkersSnapshot } from '../observe/snapshots/workers.js';
import type { TrafficStats } from '../observe/stats/counters.js';
import type { WrittenPick } from '../observe/stats/written-picks.js';
import type { ClientTraffic } from '../wire/client/link-options.js';
import type { Capacity } from './capacity.js';
import type { DataPlaneSnapshot } from './data-plane.js';

/** How many of the clients that send most are shown. */
export const TOP_CLIENTS = 50;

/** How often the rates of rules get tokens, and how often workers report to each other what they took. */
export const REFILL_INTERVAL_MS = 50;

export interface Service {
  /** Counts all admitted growth, and says when to check the pressure again. */
  readonly gate: ShedGate;
  /** What rules may still write and hold. Read only. */
  readonly quotas: Quotas;
  /** What is known about scripts; undefined: several processes know, each for itself. */
  readonly scripts?: Scripts;
  /** The keys that were written lately; undefined: several processes know, each its own. */
  readonly keys?: KeyMemory;
  /** Unlinks those keys of rules with evict that it knows. */
  readonly hands: Hands;
  /** Whether this process already knows that the key may be evicted. */
  knows(db: number, key: Uint8Array): boolean;
  /** Counts keys that another part evicted. */
  evicted(slot: number, keys: number, bytes: number, livedMs: number): void;
  /** Clients that are connected now. */
  readonly clients: number;
  /** How many clients can be served, and what limits that. */
  readonly capacity: Capacity;
  /** Another client can be accepted now, if `capacity` is not reached. */
  readonly hasRoom: boolean;
  /** Clients can be served. */
  readonly running: boolean;
  /** Resolves when clients can be served; rejects if they never can. */
  start(): Promise<void>;
  /** Takes over an accepted client that has not been read yet. */
  accept(client: Socket): void;
  /** The server refuses connections: closes the clients that share. Others end with their own connections. */
  serverGone(): void;
  /**
   * The primary may be about to change: no new command goes up from this call on, and clients wait. What has begun may go on for
   * a moment. Resolves with true when that is over, and nothing more is acknowledged to clients; with false when a worker has
   * not confirmed it in time. Pauses, moves and their ends do nothing if the server's address is fixed.
   */
  pause(lateMs?: number): Promise<boolean>;
  /** The primary has moved: cuts all connections to the old address; new ones lead to the new one. */
  moved(address: { readonly host: string; readonly port: number }): void;
  /** The pause is over. */
  resume(): void;
  /** The pause ended without a primary: clients get an error, and end. New commands still wait for resume(). */
  gone(): void;
  /** Clients that have something to send during a pause, as far as known here. */
  readonly waiting: number;
  adoptServer(server: ServerFacts): void;
  /** The server's clock now, milliseconds since the epoch. */
  adoptServerTime(epochMs: number): void;
  /**
   * Uses another config from now on. Resolves when all processes use it, or with the numbers of the workers that have not
   * confirmed it in time and may still use the old one.
   */
  reload(config: EffectiveConfig): Promise<readonly number[]>;
  /** The growth that a reading certainly contains if it is requested after this call. */
  covered(): Covered | Promise<Covered>;
  /** The pressure has changed. */
  pressureChanged(state: PressureState): void;
  /** Slots of the rules that do not grow, from now on. */
  steadyChanged(slots: readonly number[]): void;
  /** Keys that were written often, as far as known here, since the last call. */
  takePicks(): readonly WrittenPick[];
  /** All counters so far. */
  stats(): TrafficStats | Promise<TrafficStats>;
  snapshot(): DataPlaneSnapshot | Promise<DataPlaneSnapshot>;
  /** The TOP_CLIENTS clients that have sent the most bytes, the largest first. */
  topClients(): readonly ClientTraffic[] | Promise<readonly ClientTraffic[]>;
  workers(): WorkersSnapshot | Promise<WorkersSnapshot>;
  /** Lets clients finish for up to `graceMs`, then ends them; returns how many it had to end. */
  close(graceMs: number): Promise<number>;
}

export interface ServiceEvents {
  /** A connection to the server could not be made. */
  upstreamFailed(error: Error): void;
  /** The server has answered a client's write with READONLY. Only if the primary may move later; may repeat. */
  upstreamReadonly(): void;
  /** The server has answered OOM to a client. */
  upstreamOom(): void;
  /** A worker's process has ended, `how` says by what, and another one replaces it. */
  workerEnded(worker: number, how: string, clients: number): void;
  /** The process in its place serves clients. */
  workerReplaced(worker: number): void;
  /** A client's PROXY command: always resolves with complete replies. */
  asked(question: ConsoleQuestion): Promise<Uint8Array>;
}
