// `spillway demo`: two private Redis servers, the proxy in front of one of them, and the same application on both sides.
// Owns all of these: whatever happens, it ends everything that it started, in reverse order.
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { compileConfig } from '../../config/compile.js';
import { configSchema } from '../../config/schema.js';
import type { MemorySnapshot } from '../../memory/snapshot.js';
import type { StatsSnapshot } from '../../observe/stats/snapshot.js';
import { startProxy } from '../../runtime/proxy.js';
import { type RedisProcess, startRedis } from '../local-server/redis-server.js';
import { ensureServerBinary } from '../local-server/server-binary.js';
import { createPaint } from '../terminal/paint.js';
import { Application } from './application.js';
import type { Frame } from './frame.js';
import { DEMO_RULES } from './patterns.js';
import { createScreen } from './screen.js';
import { readServer } from './server-reading.js';
import { drawSummary, summarize } from './summary.js';

const FRAME_MS = 500;
/** Memory fills in about this time at growth 1; a shorter run gets larger values, so that it shows the same. */
const FILL_SECONDS = 12;
const FILL_SHARE_OF_RUN = 0.45;
const SERVER_ARGS = ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'];

export interface DemoOptions {
  /** Ends after this time; without it, on SIGINT or SIGTERM. */
  seconds?: number;
  /** The summary as JSON on standard output, everything else on standard error. */
  json: boolean;
}

/**
 * Runs the demo and prints its summary.
 * @returns the exit code: 0
 * @throws ServerSetupError when no Redis can be found, installed or started
 */
export async function runDemo({ seconds, json }: DemoOptions): Promise<number> {
  const stream = json ? process.stderr : process.stdout;
  const say = (line: string): void => {
    stream.write(`${line}\n`);
  };
  const interruption = listenForInterruption();
  const endings: (() => unknown)[] = [interruption.forget];
  const owned = <T>(thing: T, end: (thing: T) => unknown): T => {
    endings.push(() => end(thing));
    return thing;
  };
  try {
    const binary = await ensureServerBinary(say);
    const behind = owned(await startRedis({ binary, args: SERVER_ARGS }), (redis) => redis.stop());
    const alone = owned(await startRedis({ binary, args: SERVER_ARGS }), (redis) => redis.stop());
    const proxy = owned(await startDemoProxy(behind), (running) => running.stop(0));
    const admin = proxy.adminAddress;
    if (admin === undefined) throw new Error('the demo needs the admin server of its proxy');
    const api = `http://127.0.0.1:${admin.port}/api`;
    say(
      `${binary}: one server behind Spillway (port ${proxy.address.port}), one without. Figures: ${api}/stats`,
    );

    const growth = growthFor(seconds);
    const through = owned(new Application(proxy.address.port, growth), (app) => app.stop());
    const straight = owned(new Application(alone.port, growth), (app) => app.stop());
    const behindReader = owned(reader(behind), (redis) => redis.disconnect());
    const aloneReader = owned(reader(alone), (redis) => redis.disconnect());
    const start = performance.now();
    const takeFrame = async (): Promise<Frame> => ({
      elapsedSeconds: (performance.now() - start) / 1000,
      totalSeconds: seconds,
      straight: { tallies: straight.tallies, server: await readServer(aloneReader) },
      spillway: { tallies: through.tallies, server: await readServer(behindReader) },
      memory: await getJson<MemorySnapshot>(`${api}/memory`),
      stats: await getJson<StatsSnapshot>(`${api}/stats`),
    });

    through.start();
    straight.start();
    const screen = owned(createScreen(stream), (shown) => shown.close());
    const deadline = seconds === undefined ? Number.POSITIVE_INFINITY : start + seconds * 1000;
    while (!interruption.happened && performance.now() < deadline) {
      screen.show(await takeFrame());
      await interruption.orAfter(Math.max(0, Math.min(FRAME_MS, deadline - performance.now())));
    }
    const last = await takeFrame();
    screen.show(last);
    screen.close();
    const summary = summarize(last);
    if (json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    else say(drawSummary(summary, createPaint(stream)));
    return 0;
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

function startDemoProxy(behind: RedisProcess): ReturnType<typeof startProxy> {
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    upstream: { url: `redis://127.0.0.1:${behind.port}` },
    rules: DEMO_RULES,
    admin: { listen: '127.0.0.1:0' },
  });
  // Log lines would break the screen, and the view shows the same.
  return startProxy(compileConfig(config), pino({ level: 'silent' }));
}

function growthFor(seconds: number | undefined): number {
  if (seconds === undefined) return 1;
  return Math.max(1, FILL_SECONDS / (seconds * FILL_SHARE_OF_RUN));
}

function reader(server: RedisProcess): Redis {
  const redis = new Redis({ host: server.host, port: server.port });
  redis.on('error', () => {});
  return redis;
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

/** The first SIGINT or SIGTERM ends the demo gracefully; a second one ends the process at once. */
function listenForInterruption(): {
  readonly happened: boolean;
  orAfter(ms: number): Promise<void>;
  forget(): void;
} {
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];
  let happened = false;
  let wake: () => void = () => {};
  const interrupt = (): void => {
    happened = true;
    wake();
  };
  for (const signal of signals) process.once(signal, interrupt);
  return {
    get happened() {
      return happened;
    },
    orAfter: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, happened ? 0 : ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    forget: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}
