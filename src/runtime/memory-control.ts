// The memory side of the proxy: reads the server's memory, decides what is shed, estimates what holds memory, and makes room.
// Builds these parts and joins them. The service learns each decision; who else wants to know is told by events.
//
//   monitor ─▶ pressure ─▶ the service's gate        random keys ─▶ holders ─▶ budgets
//      └─────▶ evictor  ─▶ the service's hands
//
// Invariant: nothing connects before start().
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { Budgets } from '../memory/budgets.js';
import { LEAST_EVICTED } from '../memory/eviction-rates.js';
import { limitsOf } from '../memory/limits.js';
import { MemoryMonitor } from '../memory/monitor.js';
import { Pressure } from '../memory/pressure.js';
import type { LevelChange } from '../memory/pressure-options.js';
import type { Reading } from '../memory/reading.js';
import type { ServerFacts } from '../memory/server-facts.js';
import type { MemorySnapshot, RehearsalOutcome, RehearsalRequest } from '../memory/snapshot.js';
import type { UpstreamKind } from '../memory/upstream-kind.js';
import type { EventLog } from '../observe/history/event-log.js';
import { Holders } from '../observe/holders/holders.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import type { ServerAddress } from '../wire/upstream/server-address.js';
import { secureOptions } from '../wire/upstream/upstream-socket.js';
import { describeMemory } from './describe-memory.js';
import { RoomMaker } from './make-room.js';
import { Rehearsals } from './rehearsal.js';
import { allRules, ruleSetOf, sameGlobs } from './rules.js';
import type { Service } from './service.js';
import { endpointOf } from './upstream.js';

export interface MemoryEvents {
  levelChanged(change: LevelChange): void;
  /** The server has said which commands it has, and its version. */
  recognized(server: ServerFacts): void;
  /** The server is of another kind than before. */
  kindChanged(kind: UpstreamKind): void;
  /** The server has said that it is a replica. Only where the primary may move. */
  replicaSeen(): void;
  /** The server itself has begun to answer OOM to clients; false: it has not done so for a while. */
  serverOom(begun: boolean): void;
  /** The monitor has lost its connection. */
  lost(): void;
}

/** For this time after its last OOM a server counts as one that refuses writes. */
const OOM_LASTS_MS = 10_000;

const clock = (): number => performance.now();

export class MemoryControl {
  readonly pressure: Pressure;
  readonly monitor: MemoryMonitor;
  readonly holders: Holders;
  private readonly budgets: Budgets;
  private readonly room: RoomMaker;
  private readonly rehearsals: Rehearsals;
  /** When the server last answered OOM; undefined: not lately. */
  private oomAt: number | undefined;

  constructor(
    private config: EffectiveConfig,
    private readonly service: Service,
    private readonly upstream: ServerAddress,
    private readonly log: Logger,
    eventLog: EventLog,
    private readonly events: MemoryEvents,
  ) {
    this.pressure = new Pressure(config.memory, service.gate, (change) => {
      events.levelChanged(change);
      this.pressureChanged();
    });
    this.monitor = this.makeMonitor();
    this.holders = this.makeHolders();
    this.monitor.sampler.listen(this.holders);
    this.budgets = this.makeBudgets();
    this.room = new RoomMaker(config, endpointOf(config, upstream), {
      ...{ service, pressure: this.pressure, clock, log },
      monitor: () => this.monitor,
      sampled: (slot) => this.holders.leastOf(slot),
      counted: (slot) => this.budgets.sampleOf(slot)?.held ?? 0,
      onEvictable: (bytes) => {
        if (this.pressure.canEvict(bytes, clock())) this.pressureChanged();
      },
    });
    const changed = () => this.pressureChanged();
    const wouldEvict = (share: number) => this.room.rehearsed(share);
    this.rehearsals = new Rehearsals(this.pressure, changed, wouldEvict, clock, log, eventLog);
  }

  /** Resolves when the first reading has come, has failed, or takes long; near evict.start when evictable memory is known. */
  async start(): Promise<void> {
    await this.monitor.start();
    this.budgets.adopt(ruleSetOf(this.config));
    await this.room.evictor.start();
  }

  snapshot(): MemorySnapshot {
    const { pressure, monitor, rehearsals, budgets, room, service } = this;
    return {
      ...describeMemory(pressure, service.gate, monitor, clock()),
      rehearsal: rehearsals.snapshot(),
      budgets: budgets.snapshot(),
      eviction: room.evictor.snapshot(),
      limits: limitsOf(service.quotas, this.config.rules),
    };
  }

  /** Why no room can be made, or less than there should be; undefined: nothing is wrong. */
  get evictTrouble(): string | undefined {
    return this.room.evictor.trouble ?? this.room.evictor.shortcoming;
  }

  /** Whether the server itself has just answered OOM to a client. */
  get serverOom(): boolean {
    return this.oomAt !== undefined && clock() - this.oomAt < OOM_LASTS_MS;
  }

  /** Once a second: which rules grow, and whether the server's OOMs have ended. */
  look({ rules, unregistered }: StatsSnapshot): void {
    const { service, holders } = this;
    this.rehearsals.counted([...rules, unregistered]);
    if (this.oomAt !== undefined && !this.serverOom) {
      this.oomAt = undefined;
      this.events.serverOom(false);
    }
    const slots = new Map(allRules(this.config).map(({ name, slot }) => [name, slot]));
    const counted = rules.flatMap(({ name, writes, bytes, distinctKeys }) => {
      const slot = slots.get(name);
      return slot === undefined ? [] : [{ slot, writes, bytes, distinctKeys }];
    });
    service.steadyChanged(holders.look(counted, service.takePicks()));
  }

  /** undefined: ends the rehearsal. */
  setRehearsal(request: RehearsalRequest | undefined): RehearsalOutcome {
    if (request !== undefined) return this.rehearsals.begin(request);
    this.rehearsals.end();
    return { ok: true, rehearsal: null };
  }

  /** The server has answered OOM to a client. */
  upstreamOom(): void {
    const begun = this.oomAt === undefined;
    this.oomAt = clock();
    if (begun) this.events.serverOom(true);
    this.pressure.upstreamOom(clock());
    this.pressureChanged();
    this.monitor.pollSoon();
  }

  /**
   * The primary has moved, and `reading` is the first of the new server. Returns in words how its limit or policy differs;
   * undefined: they do not. The monitor follows by itself when it is told.
   */
  moved(reading: Reading): string | undefined {
    const difference = this.pressure.moved(reading, clock());
    this.pressureChanged();
    return difference;
  }

  /** Another config comes: sheds by it, before the service decides by its rules. */
  prepare({ memory }: EffectiveConfig): void {
    this.pressure.reconfigure(memory, clock());
    this.pressureChanged();
  }

  /** The service decides by this config. */
  adopt(next: EffectiveConfig): void {
    this.budgets.adopt(ruleSetOf(next));
    this.room.adopt(next);
    this.holders.adopt(ruleSetOf(next), sameGlobs(this.config, next));
    this.monitor.reconfigure(next.memory);
    this.config = next;
  }

  /** No rehearsal ends by its time from now on. */
  closing(): void {
    this.rehearsals.close();
  }

  close(): void {
    this.rehearsals.close();
    this.budgets.close();
    this.room.evictor.close();
    this.monitor.close();
  }

  private pressureChanged(): void {
    this.service.pressureChanged(this.pressure.state(clock()));
  }

  private makeMonitor(): MemoryMonitor {
    const { config, log, pressure, upstream, service, events } = this;
    const { tls } = upstream;
    return new MemoryMonitor({
      upstream: config.upstream,
      tls: tls && (() => secureOptions(upstream, tls)),
      pollIntervalMs: config.memory.pollIntervalMs,
      proxies: config.memory.proxies,
      pressure,
      gate: service.gate,
      log,
      clock,
      covered: () => {
        this.room.evictor.readingAsked();
        return service.covered();
      },
      onReading: () => {
        this.room.readingTaken();
        this.pressureChanged();
      },
      onServerTime: (epochMs) => service.adoptServerTime(epochMs),
      onServer: (server) => {
        service.adoptServer(server);
        events.recognized(server);
      },
      ...(upstream.following && {
        onRole: (role: string) => {
          if (role === 'slave') events.replicaSeen();
        },
      }),
      onKind: (kind) => events.kindChanged(kind),
      onLost: () => events.lost(),
    });
  }

  private makeHolders(): Holders {
    const { pressure, monitor } = this;
    return new Holders(ruleSetOf(this.config), {
      ask: (questions) => monitor.ask(questions),
      memory: () => ({
        usedBytes: pressure.memory.reading?.usedBytes ?? 0,
        limitBytes: pressure.memory.applicability?.limitBytes ?? 0,
      }),
      denied: () => monitor.sampler.denied,
      evicts: () => monitor.server.evictions.evictedPerSecond >= LEAST_EVICTED,
      clock,
    });
  }

  private makeBudgets(): Budgets {
    const { config, service, pressure, monitor, holders, log } = this;
    return new Budgets(ruleSetOf(config), {
      quotas: service.quotas,
      limitBytes: () => pressure.memory.applicability?.limitBytes ?? 0,
      ask: (questions) => monitor.ask(questions),
      sampled: (slot) => holders.holding(slot) ?? undefined,
      clock,
      log,
    });
  }
}
