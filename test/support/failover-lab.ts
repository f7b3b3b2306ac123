// Proxies in front of one Sentinel rig, of each kind, with writers through each; and the events that a primary can meet.
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import type { TestProxy } from './proxy.js';
import { withProxy } from './proxy.js';
import type { TestScope } from './redis.js';
import { SENTINEL_PRIMARY } from './sentinel.js';
import { SentinelRig, Writers } from './sentinel-rig.js';
import { until } from './wait.js';

const PATIENCE = { timeoutMs: 90_000 };
const WRITERS = 4;
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

interface Through {
  readonly variant: Variant;
  readonly proxy: TestProxy;
}

export class FailoverLab {
  private runs = 0;

  private constructor(
    readonly rig: SentinelRig,
    readonly proxies: readonly Through[],
  ) {}

  /** `config`: of all proxies. */
  static async start(
    t: TestScope,
    {
      variants = VARIANTS,
      config = {},
      log,
    }: { variants?: readonly Variant[]; config?: Record<string, unknown>; log?: Logger } = {},
  ): Promise<FailoverLab> {
    const rig = await SentinelRig.start(t);
    const proxies: Through[] = [];
    for (const variant of variants) {
      const upstream = {
        url: rig.url,
        pool: variant.pool,
        failover: { pause: '60s' },
        ...(config.upstream as object),
      };
      const options = { ...config, workers: variant.workers, upstream };
      proxies.push({
        variant,
        proxy: await withProxy(t, {
          redis: { port: 0 },
          config: options,
          secrets: { adminToken: TOKEN },
          log: log ?? pino({ level: 'silent' }),
        }),
      });
    }
    return new FailoverLab(rig, proxies);
  }

  /** Writes through all proxies while `event` happens, and looks for what was acknowledged on the primary afterwards. */
  async play(event: (primary: number, died: () => void) => Promise<number>): Promise<EventOutcome> {
    const before = await this.rig.settled();
    const run = ++this.runs;
    const all = this.proxies.map(({ variant, proxy }, i) => ({
      variant,
      proxy,
      writers: new Writers(WRITERS, () => proxy.port, `r${run}:${i}`),
    }));
    for (const { writers } of all) await writers.more(50);
    await event(before, () => {
      for (const { writers } of all) writers.died();
    });
    let primary = 0;
    for (const { proxy, writers } of all) {
      await until(
        async () => {
          primary = await this.rig.primaryBy(1);
          return (await addressOf(proxy)) === `127.0.0.1:${primary}`;
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
        reconnects: writers.reconnects - WRITERS,
      });
    }
    return { primary, played };
  }

  planned(): Promise<EventOutcome> {
    return this.play(() => this.rig.failover());
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

  /** The leading Sentinel, the first, promotes a replica and crashes before it tells anybody. It stays away. */
  leaderCrashed(): Promise<EventOutcome> {
    return this.play(async (primary) => {
      await this.rig.sentinels[0]?.ask('simulate-failure', 'crash-after-promotion');
      await this.rig.sentinels[0]?.ask('failover', SENTINEL_PRIMARY);
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

interface FailoverState {
  readonly state: string;
  readonly address: string | null;
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
