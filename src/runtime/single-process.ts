// The service with `workers: 1`: this process serves the clients, and the memory monitor sets the gate that they pass.
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import type { KeyMemory } from '../core/policy/key-memory.js';
import type { TrafficObserver } from '../core/policy/observer.js';
import type { Quotas } from '../core/policy/quota.js';
import type { Scripts } from '../core/policy/scripts.js';
import { flags, type ShedGate } from '../core/policy/shed.js';
import { LocalHands } from '../evict/local-hands.js';
import { tellGone } from '../evict/tell-gone.js';
import { type Covered, coveredBy, type PressureState } from '../memory/pressure-state.js';
import type { ServerFacts } from '../memory/server-facts.js';
import type { WorkersSnapshot } from '../observe/snapshots/workers.js';
import type { TrafficStats } from '../observe/stats/counters.js';
import type { WrittenPick } from '../observe/stats/written-picks.js';
import type { ClientTraffic } from '../wire/client/link-options.js';
import type { ServerAddress } from '../wire/upstream/server-address.js';
import {
  type Capacity,
  capacityOf,
  connectionsOf,
  keptConnections,
  loweredTo,
  readRoom,
} from './capacity.js';
import { DataPlane, type DataPlaneSnapshot } from './data-plane.js';
import type { LogLosses } from './log/log-output.js';
import { ownUsage } from './own-usage.js';
import { type Service, type ServiceEvents, TOP_CLIENTS } from './service.js';
import { endpointOf } from './upstream.js';

export class SingleProcess implements Service {
  readonly running = true;
  readonly hasRoom = true;
  private readonly atMost: Capacity;
  private readonly plane: DataPlane;
  readonly hands: LocalHands;

  constructor(
    config: EffectiveConfig,
    log: Logger,
    events: ServiceEvents,
    upstream: ServerAddress,
    observe?: (stats: TrafficStats) => TrafficObserver,
    private readonly logOutput?: LogLosses,
  ) {
    const room = readRoom();
    const kept = keptConnections(config, room);
    this.atMost = capacityOf(config, room, kept);
    const connections = connectionsOf(room, kept);
    this.plane = new DataPlane(
      config,
      log,
      upstream,
      { ...events, clientClosed: () => {} },
      connections,
      observe,
    );
    const { stats } = this.plane;
    stats.upstreamOomSeen = events.upstreamOom;
    this.hands = new LocalHands(() => this.plane.evictable, {
      endpoint: endpointOf(config, upstream),
      onEvicted: (slot, keys, bytes, livedMs) => stats.onEvicted(slot, keys, bytes, livedMs),
      onGone: tellGone(this.quotas),
      onWouldEvict: (slot, bytes) => stats.onWouldEvict(slot, bytes),
      clock: () => performance.now(),
    });
  }

  get capacity(): Capacity {
    return loweredTo(this.atMost, this.plane.clients.most);
  }

  get keys(): KeyMemory {
    return this.plane.keys;
  }

  get scripts(): Scripts {
    return this.plane.scripts;
  }

  get gate(): ShedGate {
    return this.plane.gate;
  }

  get quotas(): Quotas {
    return this.plane.quotas;
  }

  knows(db: number, key: Uint8Array): boolean {
    return this.plane.evictable.knows(db, key);
  }

  evicted(slot: number, keys: number, bytes: number, livedMs: number): void {
    this.plane.stats.onEvicted(slot, keys, bytes, livedMs);
  }

  get clients(): number {
    return this.plane.clients.size;
  }

  async start(): Promise<void> {}

  accept(client: Socket): void {
    this.plane.clients.accept(client);
  }

  serverGone(): void {
    this.plane.clients.serverGone();
  }

  async pause(lateMs = 0): Promise<boolean> {
    this.plane.clients.pause(lateMs);
    await this.plane.clients.settled();
    return true;
  }

  moved(address: { readonly host: string; readonly port: number }): void {
    this.plane.moved(address);
  }

  resume(): void {
    this.plane.clients.resume();
  }

  gone(): void {
    this.plane.clients.primaryLost();
  }

  get waiting(): number {
    return this.plane.clients.waiting;
  }

  adoptServer(server: ServerFacts): void {
    this.plane.adoptServer(server);
  }

  adoptServerTime(epochMs: number): void {
    this.plane.serverClock.adopt(epochMs);
  }

  async reload(config: EffectiveConfig): Promise<readonly number[]> {
    await this.plane.reload(config);
    return [];
  }

  covered(): Covered {
    this.gate.readingAsked(performance.now());
    return coveredBy(this.gate);
  }

  /** The gate is set already. */
  pressureChanged({ readingAgeMs }: PressureState): void {
    this.plane.clients.serverAnswered(readingAgeMs);
  }

  steadyChanged(slots: readonly number[]): void {
    this.gate.steady = flags(slots);
  }

  takePicks(): readonly WrittenPick[] {
    return this.plane.stats.picks.take();
  }

  stats(): TrafficStats {
    return this.plane.stats;
  }

  snapshot(): DataPlaneSnapshot {
    return this.plane.snapshot();
  }

  topClients(): ClientTraffic[] {
    return this.plane.clients.top(TOP_CLIENTS);
  }

  workers(): WorkersSnapshot {
    const worker = { worker: 1, pid: process.pid, clients: this.clients, ...ownUsage(this.logOutput) };
    const { logLinesLost } = worker;
    return { configured: 1, running: 1, restarts: 0, silent: 0, logLinesLost, workers: [worker] };
  }

  async close(graceMs: number): Promise<number> {
    // Transactions go on to their EXEC, and need room until then.
    const ended = await this.plane.close(graceMs);
    this.hands.close();
    return ended;
  }
}
