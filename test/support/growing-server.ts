// A server's memory and those who write to it, by rates instead of commands: proxies with a Pressure each, whose classes add,
// overwrite and are refused by their gates, and writers that bypass them. Time goes in steps, so a minute takes milliseconds.
import { PRIORITY_NAMES, type Priority } from '../../src/core/policy/rule.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import type { Level } from '../../src/memory/levels.js';
import { intervalAt } from '../../src/memory/pacing.js';
import { Pressure } from '../../src/memory/pressure.js';
import type { PressureOptions } from '../../src/memory/pressure-options.js';
import { coveredBy } from '../../src/memory/pressure-state.js';

const STEP_MS = 10;
const LEISURE_MS = 500;

export interface Writers {
  /** Bytes a second that they add to memory, if nothing is refused. */
  readonly adds: number;
  /** Bytes a second that they write over what is there. */
  readonly overwrites: number;
  /** What the estimate of their growth is, as a multiple of what Redis takes. */
  readonly estimated: number;
}

export interface ServerOptions {
  readonly limit: number;
  readonly usedShare: number;
  /** Added by writers that bypass all proxies, bytes a second. */
  readonly bypass: number;
  /** How long an answer to INFO takes. */
  readonly readingMs: number;
  /** Bytes of buffers that come and go. */
  readonly noise: number;
  readonly pressure: PressureOptions;
  readonly random: () => number;
}

class Client {
  readonly gate = new ShedGate();
  readonly pressure: Pressure;
  readonly changes: { readonly at: number; readonly priority: Priority; readonly to: Level }[] = [];
  private nextReading = 0;
  private asked:
    | { readonly at: number; readonly used: number; readonly covered: ReturnType<typeof coveredBy> }
    | undefined;

  constructor(
    /** By Priority. */
    readonly writers: readonly Writers[],
    private readonly server: GrowingServer,
  ) {
    this.pressure = new Pressure(server.options.pressure, this.gate, ({ priority, to }) =>
      this.changes.push({ at: server.now, priority, to }),
    );
    this.gate.onGrowth = () => this.pressure.apply(server.now);
  }

  share(priority: Priority): number {
    return this.gate.thresholds[priority] / ALL;
  }

  step(): void {
    const { server, gate, pressure } = this;
    const { options, now } = server;
    if (this.asked === undefined && now >= this.nextReading) {
      gate.readingAsked(now);
      this.asked = { at: now, used: server.reading(), covered: coveredBy(gate) };
    }
    if (this.asked !== undefined && now >= this.asked.at + options.readingMs) {
      const { used, covered } = this.asked;
      this.asked = undefined;
      const reading = {
        usedBytes: used,
        notCountedBytes: 0,
        notKeysBytes: 0,
        tablesBytes: 0,
        maxmemoryBytes: options.limit,
        policy: 'noeviction',
        freeing: false,
      };
      pressure.take(reading, undefined, covered, now);
      this.nextReading = now + intervalAt(pressure.distanceToShedding(now), LEISURE_MS);
    } else pressure.apply(now);
    for (const [index, { adds, overwrites, estimated }] of this.writers.entries()) {
      const priority = index as Priority;
      const passes = (1 - this.share(priority)) * (STEP_MS / 1000) * (0.5 + options.random());
      server.asked(priority, adds * passes, adds * (STEP_MS / 1000));
      const taken = server.write(adds * passes, priority);
      const growth = Math.round((taken + overwrites * passes) * estimated);
      gate.grow(growth, priority);
      gate.answer(growth, 0);
    }
  }
}

export class GrowingServer {
  now = 0;
  used: number;
  peak = 0;
  /** By Priority: bytes that were added, and that Redis refused itself. */
  readonly added = [0, 0, 0, 0];
  readonly oom = [0, 0, 0, 0];
  /** By Priority: when anything of it was first refused by a proxy, and when all of it. */
  readonly firstRefused = [Infinity, Infinity, Infinity, Infinity];
  readonly allRefused = [Infinity, Infinity, Infinity, Infinity];
  readonly proxies: Client[] = [];

  constructor(readonly options: ServerOptions) {
    this.used = options.usedShare * options.limit;
  }

  connect(writers: readonly Writers[]): Client {
    const client = new Client(writers, this);
    this.proxies.push(client);
    return client;
  }

  run(ms: number, each: () => void = () => {}): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now += STEP_MS;
      for (const proxy of this.proxies) proxy.step();
      this.write(this.options.bypass * (STEP_MS / 1000));
      this.peak = Math.max(this.peak, this.used);
      each();
    }
  }

  free(bytes: number): void {
    this.used = Math.max(0, this.used - bytes);
  }

  reading(): number {
    return Math.round(this.used + (this.options.random() - 0.5) * this.options.noise);
  }

  asked(priority: Priority, _passing: number, _wanted: number): void {
    for (const proxy of this.proxies) {
      const share = proxy.share(priority);
      if (share > 0) this.firstRefused[priority] = Math.min(this.firstRefused[priority] as number, this.now);
      if (share === 1) this.allRefused[priority] = Math.min(this.allRefused[priority] as number, this.now);
    }
  }

  /** Returns what was taken. */
  write(bytes: number, priority?: Priority): number {
    if (this.used + bytes > this.options.limit) {
      if (priority !== undefined) this.oom[priority] = (this.oom[priority] as number) + bytes;
      return 0;
    }
    this.used += bytes;
    if (priority !== undefined) this.added[priority] = (this.added[priority] as number) + bytes;
    return bytes;
  }

  describe(): string {
    const mb = (bytes: number) => (bytes / 1e6).toFixed(2);
    return `${(this.now / 1000).toFixed(1)} s: used ${((100 * this.used) / this.options.limit).toFixed(1)}%, peak ${((100 * this.peak) / this.options.limit).toFixed(1)}%, ${PRIORITY_NAMES.map(
      (name, i) =>
        `${name} +${mb(this.added[i] as number)} oom ${mb(this.oom[i] as number)} from ${this.firstRefused[i]} all ${this.allRefused[i]}`,
    ).join('; ')}`;
  }
}
