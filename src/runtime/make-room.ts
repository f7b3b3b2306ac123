// Assembles the parts that make room: the evictor, the hands of this process or of its workers, and the monitor's readings.

import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { Evictor } from '../evict/evictor.js';
import { rehearsedRoom } from '../evict/rehearsed-room.js';
import { tellGone } from '../evict/tell-gone.js';
import type { WouldEvict } from '../memory/eviction.js';
import type { MemoryMonitor } from '../memory/monitor.js';
import type { Pressure } from '../memory/pressure.js';
import type { Reading } from '../memory/reading.js';
import type { Endpoint } from '../tools/keyspace/endpoint.js';
import { ruleSetOf } from './rules.js';
import type { Service } from './service.js';

export interface RoomParts {
  readonly service: Service;
  readonly pressure: Pressure;
  readonly monitor: () => MemoryMonitor;
  /** What the keys of a rule hold at least, by random keys; undefined: unknown. */
  readonly sampled: (slot: number) => number | undefined;
  /** What the counted keys of a rule with a budget hold. Random keys say more at first, but follow evictions too slowly. */
  readonly counted: (slot: number) => number;
  /** The amount of evictable memory has changed. */
  readonly onEvictable: (bytes: number) => void;
  readonly clock: () => number;
  readonly log: Logger;
}

export class RoomMaker {
  readonly evictor: Evictor;
  private reading: Reading | undefined;

  constructor(
    private config: EffectiveConfig,
    endpoint: () => Endpoint,
    private readonly parts: RoomParts,
  ) {
    const { service, pressure, monitor, clock, log, onEvictable, sampled, counted } = parts;
    const { memory } = pressure;
    const { gate } = service;
    this.evictor = new Evictor({
      hands: service.hands,
      marks: config.memory.evict,
      rules: ruleSetOf(config),
      endpoint,
      growth: () => ({ admitted: gate.admitted, read: gate.admitted - memory.growthSinceReading }),
      pollSoon: () => monitor().pollSoon(),
      onEvictable,
      sampled,
      proxies: () => memory.proxies,
      onEvicted: (slot, keys, bytes, livedMs) => service.evicted(slot, keys, bytes, livedMs),
      onGone: tellGone(service.quotas),
      budgets: () =>
        service.quotas.all.map(({ slot, budgetBytes }) => ({ slot, budgetBytes, heldBytes: counted(slot) })),
      knows: (db, key) => service.knows(db, key),
      clock,
      log,
    });
  }

  /** The monitor has a reading, or has none. */
  readingTaken(): void {
    const { reading, applicability } = this.parts.pressure.memory;
    if (reading === undefined || reading === this.reading) return;
    this.reading = reading;
    const { usedBytes, notCountedBytes, pendingObjects = 0 } = reading;
    this.evictor.readingTaken({
      usedBytes: Math.max(0, usedBytes - notCountedBytes),
      limitBytes: applicability?.limitBytes ?? 0,
      pendingObjects,
    });
  }

  /** What would be evicted if memory that nothing can evict took this share of the limit; null: no rule has evict. */
  rehearsed(pressure: number): WouldEvict | null {
    const { service, pressure: present, sampled } = this.parts;
    const rules = ruleSetOf(this.config).rules.filter(({ evict }) => evict);
    if (rules.length === 0) return null;
    const stock = new Map(service.hands.progress().stock.map((row) => [row.slot, row]));
    const able = this.evictor.trouble === undefined;
    const holdings = rules
      .filter(({ observe }) => observe || able)
      .map(({ name, slot, priority }) => {
        const { keys = 0, bytes = 0 } = stock.get(slot) ?? {};
        return { rule: name, priority, keys, bytes, sampledBytes: sampled(slot) ?? 0 };
      });
    const limitBytes = present.memory.applicability?.limitBytes ?? 0;
    return rehearsedRoom(pressure, limitBytes, this.config.memory.evict, holdings);
  }

  adopt(config: EffectiveConfig): void {
    this.config = config;
    this.evictor.adopt(ruleSetOf(config), config.memory.evict);
  }
}
