// Proxies in front of one Sentinel rig, of each kind, with writers through each; and the events that a primary can meet.
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { serving } from './listen.js';
import type { ProxyOptions, TestProxy } from './proxy.js';
import { withProxy } from './proxy.js';
import type { TestScope } from './redis.js';
import { SENTINEL_PRIMARY } from './sentinel.js';
import { SentinelRig, Writers } from './sentinel-rig.js';
import { tied } from './tied.js';
import { until } from './wait.js';

const PATIENCE = { timeoutMs: 90_000 };
const WRITERS = 4;
/** What Sentinel says while it fails over already, or while no replica is fit yet. */
const NOT_NOW = /INPROG|NOGOODSLAVE/;
export const TOKEN = 'a-token-of-the-failover-lab';

export interface Variant {
  readonly pool: 'session' | 'command';
  readonly workers: number;
}

const VARIANTS: readonly Variant[] = [
  { pool: 'session', workers: 1 },
  { pool: 'command', workers: 1 },
  { pool: 'session', workers: 2 },
  { pool: 'command', workers: 2 },
];

export interface Played extends Variant {
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly longestGapMs: number;
  readonly errors: readonly string[];
  /** Beyond the first connection of each writer. */
  readonly reconnects: number;
}

export interface EventOutcome {
  /** Where the primary is in the end. */
  readonly primary: number;
  readonly played: readonly Played[];
}

export interface Through {
  readonly variant: Variant;
  readonly proxy: TestProxy;
}

export class FailoverLab {
  private runs = 0;
  /** Writers send nothing. */
  private isStill = false;

  private constructor(
    readonly rig: SentinelRig,
    readonly proxies: readonly Through[],
    /** By the servers' ports. */
    private readonly doors: ReadonlyMap<number, Door>,
    /** Where the proxies reach the servers, by their ports. */
    private readonly places: ReadonlyMap<number, number>,
    private readonly writers: number,
  ) {}

  /**
   * `config`: of all proxies. `sentinels`: those that they are told of, in place of all. `doors`: the proxies reach servers through
   * doors, which count what goes up. `writers`: through each proxy. `rig`: one that stands already; `places`: where its servers are
   * reached, by their ports.
   */
  static async start(
    t: TestScope,
    {
      variants = VARIANTS,
      config = {},
      sentinels,
      doors: withDoors = false,
      writers = WRITERS,
      secrets = {},
      rig: standing,
      places,
      log,
    }: {
      variants?: readonly Variant[];
      config?: Record<string, unknown>;
      sentinels?: (rig: SentinelRig) => Promise<readonly number[]>;
      doors?: boolean;
      writers?: number;
      secrets?: ProxyOptions['secrets'];
      rig?: SentinelRig;
      places?: ReadonlyMap<number, number>;
      log?: Logger;
    } = {},
  ): Promise<FailoverLab> {
    const rig = standing ?? (await SentinelRig.start(t));
    const doors = new Map<number, Door>();
    if (withDoors) for (const { port } of rig.servers) doors.set(port, await Door.to(t, port));
    const reached = places ?? new Map([...doors].map(([port, door]) => [port, door.port]));
    const natMap = Object.fromEntries([...reached].map(([port, place]) => [at(port), at(place)]));
    const told = await sentinels?.(rig);
    const url = told && `redis-sentinel://${told.map(at).join(',')}/${SENTINEL_PRIMARY}`;
    const proxies: Through[] = [];
    for (const variant of variants) {
      const upstream = {
        ...{ url: url ?? rig.url, pool: variant.pool },
        failover: { pause: '60s', natMap },
        ...(config.upstream as object),
      };
      const options = { ...config, workers: variant.workers, upstream };
      proxies.push({
        variant,
        proxy: await withProxy(t, {
          redis: { port: 0 },
          config: options,
          secrets: { adminToken: TOKEN, ...secrets },
          log: log ?? pino({ level: 'silent' }),
        }),
      });
    }
    return new FailoverLab(rig, proxies, doors, reached, writers);
  }

  /** Writes through all proxies while `event` happens, and looks for what was acknowledged on the primary afterwards. */
  async play(
    event: (primary: number, died: () => void, writers: readonly Writers[]) => Promise<number>,
  ): Promise<EventOutcome> {
    const before = await this.rig.settled();
    const run = ++this.runs;
    const all = this.proxies.map(({ variant, proxy }, i) => ({
      variant,
      proxy,
      writers: new Writers(this.writers, () => (this.isStill ? undefined : proxy.port), `r${run}:${i}`),
    }));
    for (const { writers } of all) await writers.more(50);
    const died = () => {
      for (const { writers } of all) writers.died();
    };
    const writers = all.map(({ writers }) => writers);
    try {
      await event(before, died, writers);
    } catch (error) {
      // Else they write on for ever.
      await Promise.all(writers.map((each) => each.stop()));
      throw error;
    }
    let primary = 0;
    for (const { proxy, writers } of all) {
      await until(
        async () => {
          primary = await this.rig.primaryBy(1);
          return (await addressOf(proxy)) === this.place(primary);
        },
        { ...PATIENCE, describe: 'the proxy to use the primary' },
      );
      await writers.more();
    }
    for (const { writers } of all) await writers.stop();
    const played: Played[] = [];
    for (const { variant, writers } of all) {
      played.push({
        ...variant,
        acknowledged: writers.acknowledged.length,
        lost: await writers.lostOn(primary),
        longestGapMs: Math.round(writers.longestGap),
        errors: writers.errors.map(({ text }) => text),
        reconnects: writers.reconnects - this.writers,
      });
    }
    return { primary, played };
  }

  planned(): Promise<EventOutcome> {
    return this.play(async (primary) => {
      await this.failOver();
      return this.rig.moved(primary);
    });
  }

  /** `spillway failover`, by one of the proxies: a number of `proxies`. */
  switched(asked: number, options: { readonly pauseServer?: boolean } = {}): Promise<EventOutcome> {
    return this.play(async (primary) => {
      const { proxy } = this.proxies[asked] as Through;
      const begun = (await proxy.post('/api/failover', { ...options })) as { switch?: unknown };
      if (begun.switch === undefined) throw new Error(JSON.stringify(begun));
      await until(
        async () => {
          const { state, error } = await switchOf(proxy);
          if (state === 'failed') throw new Error(`the switch failed: ${error}`);
          return state === 'done';
        },
        { ...PATIENCE, describe: 'the switch to end' },
      );
      return this.rig.moved(primary);
    });
  }

  /** kill -9; the server is started again in the end. */
  async killed(): Promise<EventOutcome> {
    let dead = 0;
    const outcome = await this.play(async (primary, died) => {
      dead = primary;
      died();
      await this.rig.server(primary).kill('SIGKILL');
      return this.rig.moved(primary);
    });
    await this.rig.server(dead).restart();
    return outcome;
  }

  /** SIGSTOP for so long at least, then SIGCONT. */
  frozen(milliseconds: number): Promise<EventOutcome> {
    return this.play(async (primary, died) => {
      const server = this.rig.server(primary);
      died();
      await server.kill('SIGSTOP');
      const [after] = await Promise.all([this.rig.moved(primary), delay(milliseconds)]);
      await server.kill('SIGCONT');
      return after;
    });
  }

  /** Frozen for so long at least; once it wakes, no byte of a client may reach it. */
  async woken(milliseconds: number): Promise<EventOutcome & { readonly bytes: number }> {
    let door: Door | undefined;
    const outcome = await this.play(async (primary, died) => {
      const server = this.rig.server(primary);
      door = this.doors.get(primary);
      died();
      await server.kill('SIGSTOP');
      const [after] = await Promise.all([this.rig.moved(primary), delay(milliseconds)]);
      await this.usedBy(after);
      if (door !== undefined) door.bytes = 0;
      await server.kill('SIGCONT');
      return after;
    });
    await this.rig.settled();
    return { ...outcome, bytes: door?.bytes ?? 0 };
  }

  /** Two SENTINEL FAILOVERs, the second as soon as Sentinel takes it. */
  twice(): Promise<EventOutcome> {
    return this.play(async (primary) => {
      await this.failOver();
      await this.rig.moved(primary);
      const again = await this.rig.primaryBy(1);
      await until(() => this.ask('failover'), { ...PATIENCE, describe: 'Sentinel to take a second one' });
      return this.rig.moved(again);
    });
  }

  /** The old primary is killed while clients wait for a planned failover. */
  async killedMeanwhile(): Promise<EventOutcome> {
    let dead = 0;
    const outcome = await this.play(async (primary, died) => {
      dead = primary;
      await this.failOver();
      await until(
        async () => {
          const states = await Promise.all(this.proxies.map(({ proxy }) => failoverOf(proxy)));
          return states.some(({ state }) => state === 'paused');
        },
        { ...PATIENCE, describe: 'clients to wait' },
      );
      died();
      await this.rig.server(primary).kill('SIGKILL');
      return this.rig.moved(primary);
    });
    await this.rig.server(dead).restart();
    return outcome;
  }

  /** A worker of each proxy that has workers is killed while clients wait for a planned failover. */
  workerKilled(): Promise<EventOutcome> {
    return this.play(async (primary) => {
      await this.failOver();
      for (const { variant, proxy } of this.proxies) {
        if (variant.workers === 1) continue;
        await until(async () => (await failoverOf(proxy)).state === 'paused', {
          ...PATIENCE,
          describe: 'clients to wait',
        });
        const { workers } = (await proxy.admin('/api/workers')) as { workers: { pid: number }[] };
        process.kill(workers[0]?.pid as number, 'SIGKILL');
      }
      return this.rig.moved(primary);
    });
  }

  /** SENTINEL FAILOVER while only the second Sentinel lives, or it and `alive`. The others stay dead. */
  withSentinels(...alive: readonly number[]): Promise<EventOutcome> {
    const all = [1, ...alive];
    return this.play(async (primary) => {
      for (const [i, sentinel] of this.rig.sentinels.entries())
        if (!all.includes(i)) sentinel.signal('SIGKILL');
      await until(() => this.ask('failover', 1), { ...PATIENCE, describe: 'Sentinel to fail over' });
      return this.rig.moved(primary, all);
    });
  }

  /**
   * The replicas are frozen when one is to be promoted, and then the leading Sentinel, which waits for that. After so long all go on,
   * and the promotion takes place. Nothing is written in between but through Spillway's pause, since what a frozen replica has not
   * read yet is lost by Sentinel.
   */
  promotedLate(milliseconds: number): Promise<EventOutcome> {
    return this.play(async (primary, _, writers) => {
      const [leader] = this.rig.sentinels;
      // Else a Sentinel that was frozen does nothing for 30 s.
      await leader?.ask('debug', 'tilt-trigger', '60000');
      const replicas = this.rig.servers.filter(({ port }) => port !== primary);
      const signal = async (name: NodeJS.Signals) => {
        for (const replica of replicas) await replica.kill(name);
      };
      this.isStill = true;
      for (const each of writers) await each.still();
      await this.rig.settled();
      const waits = await leader?.hears('+failover-state-wait-promotion');
      await until(
        async () => {
          await signal('SIGSTOP');
          if (await this.ask('failover')) return true;
          await signal('SIGCONT');
          return false;
        },
        { ...PATIENCE, describe: 'Sentinel to fail over' },
      );
      await waits?.said;
      for (const { proxy } of this.proxies)
        await until(async () => (await failoverOf(proxy)).state === 'paused', PATIENCE);
      leader?.signal('SIGSTOP');
      this.isStill = false;
      await delay(milliseconds);
      leader?.signal('SIGCONT');
      await signal('SIGCONT');
      return this.rig.moved(primary);
    });
  }

  private async failOver(): Promise<void> {
    await until(() => this.ask('failover'), { ...PATIENCE, describe: 'Sentinel to fail over' });
  }

  /** Whether Sentinel begins a failover. */
  async ask(word: string, sentinel = 0): Promise<boolean> {
    try {
      await this.rig.sentinels[sentinel]?.ask(word, SENTINEL_PRIMARY);
      return true;
    } catch (error) {
      if (NOT_NOW.test(String(error))) return false;
      throw error;
    }
  }

  /** Resolves when all proxies use the server at `port`. */
  private async usedBy(port: number): Promise<void> {
    for (const { proxy } of this.proxies)
      await until(async () => (await addressOf(proxy)) === this.place(port), PATIENCE);
  }

  /** As the proxies name the server at `port`. */
  private place(port: number): string {
    return at(this.places.get(port) ?? port);
  }

  /** The leading Sentinel, the first, promotes a replica and crashes before it tells anybody. It stays away. */
  leaderCrashed(): Promise<EventOutcome> {
    return this.play(async (primary) => {
      await this.rig.sentinels[0]?.ask('simulate-failure', 'crash-after-promotion');
      await this.failOver();
      await until(
        async () => {
          const states = await Promise.all(this.proxies.map(({ proxy }) => failoverOf(proxy)));
          return states.every(({ state, returned }) => state === 'here' && returned > 0);
        },
        { ...PATIENCE, describe: 'the proxies to go back to the old primary' },
      );
      return primary;
    });
  }
}

const at = (port: number) => `127.0.0.1:${port}`;

/** Before a server: counts the bytes that are sent up to it. */
class Door {
  bytes = 0;
  port = 0;

  static async to(t: TestScope, port: number): Promise<Door> {
    const door = new Door();
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      near.on('data', (bytes) => {
        door.bytes += bytes.length;
      });
      near.pipe(far).pipe(near);
      tied(near, far);
    });
    door.port = await serving(t, server);
    return door;
  }
}

interface FailoverState {
  readonly state: string;
  readonly address: string | null;
  readonly reason: string | null;
  readonly returned: number;
  readonly blind: string | null;
}

export async function failoverOf(proxy: TestProxy): Promise<FailoverState> {
  const { failover } = (await proxy.admin('/api/connections')) as { failover: FailoverState };
  return failover;
}

interface SwitchState {
  readonly state: string;
  readonly from: string;
  readonly to: string;
  readonly replicaMs: number | null;
  readonly pausedMs: number | null;
  readonly waited: number | null;
  readonly error: string | null;
}

export async function switchOf(proxy: TestProxy): Promise<SwitchState> {
  const { switch: run } = (await proxy.admin('/api/failover')) as { switch: SwitchState };
  return run;
}

async function addressOf(proxy: TestProxy): Promise<string | null> {
  const { state, address } = await failoverOf(proxy);
  return state === 'here' ? address : null;
}
