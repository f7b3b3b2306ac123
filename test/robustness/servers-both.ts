// The same trouble with a server, met directly and through the proxy: what the client sees must be the same.
// A scenario is played on each of two twin servers by itself; it returns what it saw, in words or in bytes.
import type { Test } from 'tap';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { connectRaw, type RawClient } from '../support/raw-client.js';
import type { Twins } from '../support/twins.js';
import { until } from '../support/wait.js';

const WAIT_MS = 30_000;

export interface Place {
  /** Where clients connect. */
  readonly port: number;
  /** The server that they reach. */
  readonly redis: RedisProcess;
  /** A client; destroyed when the scenario is over. */
  readonly open: () => Promise<RawClient>;
  /** A connection past the proxy, for making the trouble; destroyed as well. */
  readonly direct: () => Promise<RawClient>;
}

export type Scenario = (place: Place) => Promise<readonly (Buffer | string)[]>;

/** Plays `scenario` directly, then through the proxy, and compares what it saw. */
export async function asDirect(t: Test, twins: Twins, name: string, scenario: Scenario): Promise<void> {
  const wanted = await play(twins.direct.port, twins.direct, scenario);
  const seen = await play(twins.proxy.port, twins.behind, scenario);
  t.same(seen, wanted, `${name}: ${wanted.join(' ').replace(/\r\n/g, ' ').slice(0, 150)}`);
}

async function play(port: number, redis: RedisProcess, scenario: Scenario): Promise<string[]> {
  const opened: RawClient[] = [];
  const open = async (to: number): Promise<RawClient> => {
    const client = await connectRaw(to, WAIT_MS);
    opened.push(client);
    return client;
  };
  try {
    const seen = await scenario({ port, redis, open: () => open(port), direct: () => open(redis.port) });
    return seen.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  } finally {
    for (const client of opened) client.destroy();
  }
}

/** What a client sees last: what had come, and whether an end or a reset followed. */
export async function ending(client: RawClient): Promise<string> {
  await until(() => client.closed, { timeoutMs: WAIT_MS, describe: 'the connection to be closed' });
  return `${client.peek().toString('latin1')}${client.error?.code ?? 'end'}`;
}

/** Waits until the proxy says that it is ready. Returns how long that took, in milliseconds. */
export async function untilReady(twins: Pick<Twins, 'proxy'>, timeoutMs = WAIT_MS): Promise<number> {
  const start = performance.now();
  await until(async () => (await readiness(twins)) === 200, {
    timeoutMs,
    describe: 'the proxy to be ready',
  });
  return Math.round(performance.now() - start);
}

export async function readiness({ proxy }: Pick<Twins, 'proxy'>): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/readyz`);
  await response.body?.cancel();
  return response.status;
}

/** Why the proxy is not ready; undefined when it is. */
export async function unreadiness({ proxy }: Pick<Twins, 'proxy'>): Promise<string | undefined> {
  const { ready, reasons } = (await proxy.admin('/readyz')) as { ready: boolean; reasons: string[] };
  return ready ? undefined : reasons.join('; ');
}

/** Waits until INFO's `section` of a server has `text`. */
export async function untilInfo(direct: RawClient, section: string, text: string): Promise<void> {
  await until(async () => String(await direct.call('INFO', section)).includes(text), {
    timeoutMs: WAIT_MS,
    describe: `INFO ${section} to have ${text}`,
  });
}

/** When a PING was answered for the first time: a connection that fails is followed by the next. */
export async function firstAnswer(port: number): Promise<number> {
  return until(
    async () => {
      const client = await connectRaw(port).catch(() => undefined);
      const answer = await client?.call('PING').catch(() => undefined);
      client?.destroy();
      return String(answer) === '+PONG\r\n' && performance.now();
    },
    { timeoutMs: WAIT_MS, describe: 'an answer to PING' },
  );
}
