// A server and a proxy on hosts of their own (netns.ts), and the ways to them from the clients' one, where this runs.
// connectRaw() takes FRONT for the proxy, ASIDE for the proxy by the link that nothing troubles, BEHIND for the server.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { LastLines } from '../../src/cli/local-server/last-lines.js';
import { guardProcess } from '../../src/cli/local-server/process-guard.js';
import { ensureServerBinary } from '../../src/cli/local-server/server-binary.js';
import { builtMain } from './built.js';
import { addressOf, type Host, type LinkName, type Namespaces } from './netns.js';
import { POOL } from './proxy.js';
import { connectRaw, doors } from './raw-client.js';
import type { TestScope } from './redis.js';
import { until } from './wait.js';

const SERVER_PORT = 6379;
const PROXY_PORT = 6380;
const ADMIN_PORT = 9380;
const TOKEN = 'of-a-lab-for-links';
/** Every namespace has all ports for itself, so these only name doors. */
export const FRONT = 1;
export const ASIDE = 2;
export const BEHIND = 3;
const START_MS = 30_000;

export interface Lab {
  admin(path: string): Promise<unknown>;
}

/** Started anew; both end with `t`. */
export async function withLab(
  t: TestScope,
  net: Namespaces,
  config: Record<string, unknown> = {},
): Promise<Lab> {
  open(FRONT, 'front', 'proxy', PROXY_PORT);
  open(ASIDE, 'aside', 'proxy', PROXY_PORT);
  open(BEHIND, 'behind', 'server', SERVER_PORT);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-netns-'));
  const binary = await ensureServerBinary((line) => t.comment(line));
  const persisted = ['--save', '', '--appendonly', 'no', '--dir', folder];
  const bound = ['--bind', '0.0.0.0', '--protected-mode', 'no', '--port', String(SERVER_PORT)];
  const server = launch(t, net, 'server', [binary, ...bound, ...persisted], folder);
  await untilOpen(BEHIND, server);
  const file = path.join(folder, 'proxy.config.json');
  const upstream = {
    url: `redis://${addressOf('back', 'server')}:${SERVER_PORT}`,
    pool: POOL,
    ...(config.upstream as object | undefined),
  };
  const listen = { listen: `0.0.0.0:${PROXY_PORT}`, admin: { listen: `0.0.0.0:${ADMIN_PORT}` } };
  await writeFile(file, JSON.stringify({ ...listen, ...config, upstream }));
  const proxy = launch(t, net, 'proxy', [process.execPath, builtMain(), '--config', file], folder);
  await untilOpen(ASIDE, proxy);
  const headers = { authorization: `Bearer ${TOKEN}` };
  return {
    admin: async (path) =>
      (await fetch(`http://${addressOf('aside', 'proxy')}:${ADMIN_PORT}${path}`, { headers })).json(),
  };
}

function open(door: number, link: LinkName, host: Host, port: number): void {
  const to = { host: addressOf(link, host), port, noDelay: true, allowHalfOpen: true };
  doors.set(door, { open: () => connect(to), opened: 'connect' });
}

/** What was started. */
interface Launched {
  /** How it ended by itself, and its last words. */
  end: string | undefined;
}

async function untilOpen(door: number, launched: Launched): Promise<void> {
  await until(
    async () => {
      if (launched.end !== undefined) throw new Error(launched.end);
      const client = await connectRaw(door).catch(() => undefined);
      client?.destroy();
      return client !== undefined;
    },
    { timeoutMs: START_MS, describe: door === BEHIND ? 'the server to listen' : 'the proxy to listen' },
  );
}

function launch(
  t: TestScope,
  net: Namespaces,
  host: Host,
  command: readonly string[],
  folder: string,
): Launched {
  const [program, ...args] = net.on(host, ...command);
  const child = spawn(program, args, {
    env: { ...process.env, SPILLWAY_ADMIN_TOKEN: TOKEN },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`could not start ${command[0]}`);
  const guard = guardProcess(pid, folder);
  const log = new LastLines(40);
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => log.add(String(chunk)));
  const launched: Launched = { end: undefined };
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      guard.kill('SIGKILL');
      launched.end = `${command[0]} ended (${signal ?? code}):\n${log.text()}`;
      resolve();
    });
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  return launched;
}
