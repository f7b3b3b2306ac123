// One run for the reserve: a full server of 64 MB, writers of all priorities that add new keys at full speed through one or
// several proxies; then low and normal are freed, and modest writers go on. Critical writes one command at a time and the
// others several, as a job queue does beside bulk writers: so its own data fits, and the others fill memory first.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/cli/local-server/redis-server.js';
import type { MemorySnapshot } from '../../src/memory/snapshot.js';
import { type ProxyProcess, startProxyProcess } from '../../test/support/proxy-process.js';
import { until } from '../../test/support/wait.js';
import { type LevelFigures, watchLevels } from '../scenario/level-watch.js';
import { PATTERNS, type PatternName, RULES } from '../scenario/patterns.js';
import { type MemoryMaximum, startSampler } from '../scenario/sampler.js';
import { readFigures, type ServerFigures, unlinkAll } from '../scenario/server-figures.js';
import { Tally, type TallyFigures } from '../scenario/tally.js';
import { encodeValues } from '../scenario/values.js';
import { Writer } from '../scenario/writer.js';

export interface ReserveOptions {
  readonly binary: string;
  readonly pool: 'session' | 'command';
  readonly workers: number;
  readonly proxies: number;
  readonly seconds: number;
  /** As `memory.reserve`. */
  readonly reserve?: unknown;
}

export interface ReserveFigures {
  readonly patterns: Record<PatternName, TallyFigures>;
  readonly server: ServerFigures;
  readonly memory: MemoryMaximum;
  readonly freedMs: number;
  /** Of modest writers around the freeing. */
  readonly modest: Record<PatternName, TallyFigures>;
  readonly levels: LevelFigures;
  readonly reserved: MemorySnapshot['level'];
}

const SERVER_ARGS = ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'];
const VALUE_BYTES: Readonly<Record<PatternName, number>> = {
  low: 400,
  normal: 400,
  high: 400,
  critical: 200,
};
const DEPTH: Readonly<Record<PatternName, number>> = { low: 8, normal: 8, high: 8, critical: 1 };
/** No key of critical comes twice. */
const NEVER_AGAIN = 2 ** 40;
const MODEST = { seconds: 4, pauseMs: 10 } as const;

class Writers {
  private readonly since = performance.now();
  private readonly tallies = new Map(PATTERNS.map((pattern) => [pattern, new Tally(() => this.elapsedMs())]));
  private writers: readonly Writer[] = [];

  /** One of each pattern at each port. */
  async start(ports: readonly number[], first: number, pauseMs: number): Promise<this> {
    const all = ports.flatMap((port, i) =>
      PATTERNS.map((pattern) =>
        Writer.connect({
          ...{ port, pattern, pauseMs, connection: first + i, criticalKeys: NEVER_AGAIN },
          values: encodeValues(VALUE_BYTES[pattern]),
          depth: pauseMs > 0 ? 1 : DEPTH[pattern],
          tally: this.tallies.get(pattern) as Tally,
        }),
      ),
    );
    this.writers = await Promise.all(all);
    for (const writer of this.writers) writer.start();
    return this;
  }

  elapsedMs(): number {
    return performance.now() - this.since;
  }

  figures(): Record<PatternName, TallyFigures> {
    const entries = [...this.tallies].map(([pattern, tally]) => [pattern, tally.figures()] as const);
    return Object.fromEntries(entries) as Record<PatternName, TallyFigures>;
  }

  async stop(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.stop()));
  }
}

export async function runReserve(options: ReserveOptions): Promise<ReserveFigures> {
  const { binary, pool, workers, seconds, reserve } = options;
  const redis = await startRedis({ binary, args: SERVER_ARGS });
  const control = new Redis({ host: redis.host, port: redis.port });
  const proxies: ProxyProcess[] = [];
  try {
    for (let i = 0; i < options.proxies; i++) {
      const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool };
      const config = {
        upstream,
        workers,
        rules: RULES,
        ...(reserve !== undefined && { memory: { reserve } }),
      };
      proxies.push(await startProxyProcess({ config }));
    }
    const ports = proxies.map(({ port }) => port);
    const read = async () => (await (proxies[0] as ProxyProcess).admin('/api/memory')) as MemorySnapshot;
    const endSampler = await startSampler(redis.port);
    const full = await new Writers().start(ports, 0, 0);
    await delay(seconds * 1000);
    const patterns = full.figures();
    const { level: reserved } = await read();
    await full.stop();
    const memory = await endSampler();
    const server = await readFigures(control);

    const modest = await new Writers().start(ports, proxies.length, MODEST.pauseMs);
    await until(() => modest.figures().low.oom > 0, { describe: 'a modest writer of low to be refused' });
    const endLevels = await watchLevels(read);
    for (const pattern of ['low', 'normal']) await unlinkAll(control, `${pattern}:*`);
    const freedMs = modest.elapsedMs();
    await delay(MODEST.seconds * 1000);
    const levels = await endLevels();
    await modest.stop();
    return { patterns, server, memory, freedMs, modest: modest.figures(), levels, reserved };
  } finally {
    for (const proxy of proxies) await proxy.stop();
    control.disconnect();
    await redis.stop();
  }
}
