// A primary, two replicas and three Sentinels that take a server for down after a second; and writers that look for each write
// that was acknowledged, at the end, on the server that is primary then.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { endServer, type Launched } from '../../src/cli/local-server/server-launch.js';
import { type TestScope, withRedis } from './redis.js';
import { launchSentinel, SENTINEL_PRIMARY } from './sentinel.js';
import { until } from './wait.js';

const SERVERS = 3;
const SENTINELS = 3;
/** As long as a busy machine may need for what takes Sentinels a second or two. */
const PATIENCE = { timeoutMs: 60_000 };

export interface RigOptions {
  /** How long a server is silent until a Sentinel takes it for down. */
  readonly downAfterMs?: number;
  /** More arguments of each server, the first one begins as primary. */
  readonly serverArgsOf?: (server: number) => readonly string[];
  /** More lines of each Sentinel's configuration. */
  readonly sentinelLinesOf?: (sentinel: number) => readonly string[];
  /** With which the rig asks its Sentinels, where they want one. */
  readonly sentinelPassword?: string;
}

export interface SentinelProcess {
  readonly port: number;
  ask(...words: string[]): Promise<unknown>;
  /** Resolves once it listens, with what resolves when the Sentinel says something on this channel. */
  hears(channel: string): Promise<{ readonly said: Promise<unknown> }>;
  signal(signal: NodeJS.Signals): void;
}

export class SentinelRig {
  private constructor(
    /** The first one begins as primary. */
    readonly servers: readonly RedisProcess[],
    readonly sentinels: readonly SentinelProcess[],
  ) {}

  static async start(
    t: TestScope,
    serverArgs: readonly string[] = [],
    options: RigOptions = {},
  ): Promise<SentinelRig> {
    const { serverArgsOf = () => [] } = options;
    const quick = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...serverArgs];
    const primary = await withRedis(t, [...quick, ...serverArgsOf(0)]);
    const follow = ['--replicaof', `127.0.0.1 ${primary.port}`, ...quick];
    const replicas = await Promise.all(
      Array.from({ length: SERVERS - 1 }, (_, i) => withRedis(t, [...follow, ...serverArgsOf(i + 1)])),
    );
    const sentinels: SentinelProcess[] = [];
    for (let i = 0; i < SENTINELS; i++) sentinels.push(await withRigSentinel(t, primary.port, i, options));
    const rig = new SentinelRig([primary, ...replicas], sentinels);
    await rig.healthy();
    return rig;
  }

  /** redis-sentinel://… of all Sentinels. */
  get url(): string {
    return `redis-sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${SENTINEL_PRIMARY}`;
  }

  server(port: number): RedisProcess {
    return this.servers.find((server) => server.port === port) as RedisProcess;
  }

  /** The port of the primary by this Sentinel. */
  async primaryBy(sentinel = 0): Promise<number> {
    const { ask } = this.sentinels[sentinel] as SentinelProcess;
    const [, port] = (await ask('get-master-addr-by-name', SENTINEL_PRIMARY)) as string[];
    return Number(port);
  }

  /** All Sentinels name the same primary, see its two replicas in good order, and each other; the replicas follow it. */
  async healthy(sentinels: readonly number[] = [0, 1, 2]): Promise<number> {
    return until(
      async () => {
        const ports = new Set<number>();
        for (const i of sentinels) {
          const { ask } = this.sentinels[i] as SentinelProcess;
          const master = fieldsOf(await ask('master', SENTINEL_PRIMARY));
          if (master.get('flags') !== 'master' || Number(master.get('num-other-sentinels')) < SENTINELS - 1)
            return false;
          const replicas = ((await ask('replicas', SENTINEL_PRIMARY)) as unknown[]).map(fieldsOf);
          const good = replicas.filter(
            (replica) => replica.get('flags') === 'slave' && replica.get('master-link-status') === 'ok',
          );
          if (good.length !== SERVERS - 1) return false;
          ports.add(Number(master.get('port')));
        }
        const [port] = ports;
        return ports.size === 1 && port;
      },
      { ...PATIENCE, describe: 'Sentinels and replicas in good order' },
    );
  }

  /**
   * Resolves with the port of the primary when both replicas are in step with it: another one could be promoted with what it has. A
   * busy machine may see failovers that nobody asked for, so the primary is looked for each time.
   */
  async settled(): Promise<number> {
    return until(
      async () => {
        const port = await this.primaryBy(1);
        return (await replicasInStep(port)) === SERVERS - 1 && port;
      },
      { ...PATIENCE, describe: 'both replicas in step' },
    );
  }

  /** Begins a planned failover; resolves when all Sentinels name another primary. */
  async failover(): Promise<number> {
    const before = await this.primaryBy();
    await this.sentinels[0]?.ask('failover', SENTINEL_PRIMARY);
    return this.moved(before);
  }

  /** Resolves with the port of the primary when these Sentinels have left `before`. */
  async moved(before: number, sentinels: readonly number[] = [0, 1, 2]): Promise<number> {
    return until(
      async () => {
        const ports = await Promise.all(sentinels.map((i) => this.primaryBy(i)));
        return ports.every((port) => port !== before) && ports[0];
      },
      { ...PATIENCE, describe: 'the Sentinels to switch' },
    );
  }
}

/** How many replicas have all that the server at `port` has; 0 if it is no primary, or does not answer. */
async function replicasInStep(port: number): Promise<number> {
  const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    await redis.connect();
    await redis.set('rig:in-step', 'v');
    return await redis.wait(SERVERS - 1, 1000);
  } catch {
    return 0;
  } finally {
    redis.disconnect();
  }
}

function fieldsOf(reply: unknown): Map<string, string> {
  const flat = reply as string[];
  return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] as string] as const] : [])));
}

async function withRigSentinel(
  t: TestScope,
  watched: number,
  number: number,
  { downAfterMs = 1000, sentinelLinesOf = () => [], sentinelPassword: password }: RigOptions,
): Promise<SentinelProcess> {
  const binary = await ensureServerBinary((line) => t.comment(line));
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-sentinel-'));
  const port = await findFreePort();
  const file = path.join(folder, 'sentinel.conf');
  const group = SENTINEL_PRIMARY;
  const lines = [
    `port ${port}`,
    `sentinel monitor ${group} 127.0.0.1 ${watched} 2`,
    `sentinel down-after-milliseconds ${group} ${downAfterMs}`,
    `sentinel failover-timeout ${group} 10000`,
    `sentinel parallel-syncs ${group} 2`,
    ...sentinelLinesOf(number),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const launched: Launched = await launchSentinel(binary, file, folder, port);
  const login = password === undefined ? {} : { password };
  const asked = new Redis({ host: '127.0.0.1', port, ...login, protocol: 2, retryStrategy: () => 100 });
  const told = new Redis({ host: '127.0.0.1', port, ...login, protocol: 2, retryStrategy: () => 100 });
  for (const redis of [asked, told]) redis.on('error', () => {});
  t.teardown(async () => {
    for (const redis of [asked, told]) redis.disconnect();
    launched.child.kill('SIGCONT');
    await endServer(launched);
    await rm(folder, { recursive: true, force: true });
  });
  return {
    port,
    ask: (...words) => asked.call('sentinel', ...words),
    hears: async (channel) => {
      await told.subscribe(channel);
      return { said: once(told, 'message') };
    },
    signal: (signal) => {
      launched.child.kill(signal);
    },
  };
}

/** Where a writer sends its next write; undefined: it waits. */
export type WriteTo = () => number | undefined;

const WRITER_RETRY_MS = 5;
/** Writers without a pause take the processor from those that are to switch. */
const WRITER_PAUSE_MS = 2;
/** As late as a busy machine hands out a reply that has come. No other server is primary that soon. */
const LATE_MS = 700;

interface Write {
  readonly writer: number;
  readonly key: string;
  readonly at: number;
}

/** Writes unique keys one after another, each on a connection of its own, and keeps what was acknowledged. */
export class Writers {
  readonly acknowledged: Write[] = [];
  /** Error replies, and connections that ended with a command under way. */
  readonly errors: { readonly text: string; readonly at: number }[] = [];
  reconnects = 0;
  private readonly sockets = new Set<net.Socket>();
  private readonly running: Promise<void>[];
  private stopped = false;
  private underWay = 0;
  private readonly diedAt: number[] = [];

  constructor(
    count: number,
    private readonly to: WriteTo,
    private readonly name = 'w',
  ) {
    this.running = Array.from({ length: count }, (_, i) => this.write(i));
  }

  /** Ends all connections, as a proxy does that has moved. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** The longest time without any acknowledged write, milliseconds. */
  get longestGap(): number {
    let longest = 0;
    for (let i = 1; i < this.acknowledged.length; i++)
      longest = Math.max(
        longest,
        (this.acknowledged[i] as Write).at - (this.acknowledged[i - 1] as Write).at,
      );
    return longest;
  }

  /** Resolves when so many more writes are acknowledged. */
  async more(count = 100): Promise<void> {
    const enough = this.acknowledged.length + count;
    await until(() => this.acknowledged.length >= enough, { ...PATIENCE, describe: `${count} more writes` });
  }

  /** Resolves when no write is under way. */
  async still(): Promise<void> {
    await until(() => this.underWay === 0, { ...PATIENCE, describe: 'all writes to be answered' });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const late = setTimeout(() => this.cut(), 2000);
    await Promise.all(this.running);
    clearTimeout(late);
  }

  /** The server that is written to dies, or stops, at once. */
  died(): void {
    this.diedAt.push(performance.now());
  }

  /**
   * Acknowledged writes that the server at `port` does not have. Those that no replica can have had are not among them: Redis writes
   * the replies of a turn before the stream to its replicas (networking.c, clients_pending_write), so each writer's last
   * write before a death may be gone with it.
   */
  async lostOn(port: number): Promise<string[]> {
    const missing = new Set(await this.missingOn(port));
    for (const at of this.diedAt) {
      const last = new Map(
        this.acknowledged.filter((write) => write.at < at + LATE_MS).map(({ writer, key }) => [writer, key]),
      );
      for (const key of last.values()) missing.delete(key);
    }
    return [...missing];
  }

  private async missingOn(port: number): Promise<string[]> {
    const redis = new Redis(port, '127.0.0.1');
    const lost: string[] = [];
    try {
      for (let i = 0; i < this.acknowledged.length; i += 1000) {
        const keys = this.acknowledged.slice(i, i + 1000).map(({ key }) => key);
        const values = await redis.mget(keys);
        lost.push(...keys.filter((_, j) => values[j] === null));
      }
    } finally {
      redis.disconnect();
    }
    return lost;
  }

  private async write(writer: number): Promise<void> {
    let socket: net.Socket | undefined;
    let port: number | undefined;
    for (let i = 0; !this.stopped; ) {
      const to = this.to();
      if (to === undefined) {
        await delay(1);
        continue;
      }
      if (socket === undefined || socket.destroyed || port !== to) {
        socket?.destroy();
        socket = await this.connect(to);
        port = to;
        if (socket === undefined) await delay(WRITER_RETRY_MS);
        continue;
      }
      const key = `${this.name}:${writer}:${i++}`;
      this.underWay++;
      const reply = await answerTo(socket, `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$1\r\nv\r\n`);
      this.underWay--;
      if (reply === '+OK\r\n') {
        this.acknowledged.push({ writer, key, at: performance.now() });
        await delay(WRITER_PAUSE_MS);
      } else {
        this.errors.push({ text: reply.trim(), at: performance.now() });
        await delay(WRITER_RETRY_MS);
      }
    }
    socket?.destroy();
  }

  private async connect(port: number): Promise<net.Socket | undefined> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    const made = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    if (!made) return undefined;
    this.reconnects++;
    socket.on('end', () => socket.destroy());
    return socket;
  }
}

/** The reply line; what is no reply: why. */
function answerTo(socket: net.Socket, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const hear = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (text.endsWith('\r\n')) finish(text);
    };
    const end = (): void => finish('the connection ended');
    const finish = (reply: string): void => {
      socket.off('data', hear);
      socket.off('close', end);
      resolve(reply);
    };
    socket.on('data', hear);
    socket.once('close', end);
    if (socket.destroyed) end();
    else socket.write(bytes);
  });
}
