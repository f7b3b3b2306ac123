// The peers: twemproxy, HAProxy (TCP mode) and a bare relay on Node as private processes in front of a given Redis, where they
// are installed. Their configs do as little as each allows: one listener, one server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { LastLines } from '../../src/cli/local-server/last-lines.js';
import { guardProcess } from '../../src/cli/local-server/process-guard.js';
import { findExecutable } from '../../src/cli/local-server/server-binary.js';
import { until } from '../../test/support/wait.js';
import type { Target } from '../report/types.js';

export interface Peer {
  readonly name: Target;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

interface Recipe {
  readonly name: Target;
  readonly binary: string;
  readonly debianPackage: string;
  readonly file: string;
  config(port: number, redisPort: number): string;
  /** `sparePort` is free, for whatever else must listen. */
  args(file: string, folder: string, sparePort: number): string[];
}

const RECIPES: readonly Recipe[] = [
  {
    name: 'twemproxy',
    binary: 'nutcracker',
    debianPackage: 'nutcracker',
    file: 'nutcracker.yml',
    config: (port, redisPort) =>
      [
        'bench:',
        `  listen: 127.0.0.1:${port}`,
        '  redis: true',
        '  hash: fnv1a_64',
        '  distribution: modula',
        '  servers:',
        `    - 127.0.0.1:${redisPort}:1`,
        '',
      ].join('\n'),
    // Unasked, it would serve statistics on all interfaces and log to /var/log.
    args: (file, folder, sparePort) => [
      ...['-c', file, '-v', '0', '-o', path.join(folder, 'log'), '-p', path.join(folder, 'pid')],
      ...['-a', '127.0.0.1', '-s', String(sparePort)],
    ],
  },
  {
    name: 'haproxy',
    binary: 'haproxy',
    debianPackage: 'haproxy',
    file: 'haproxy.cfg',
    config: (port, redisPort) =>
      [
        'global',
        // Each connection takes two descriptors of the limit that it inherits.
        '  maxconn 2000',
        'defaults',
        '  mode tcp',
        '  timeout connect 5s',
        '  timeout client 60s',
        '  timeout server 60s',
        'listen bench',
        `  bind 127.0.0.1:${port}`,
        `  server redis 127.0.0.1:${redisPort}`,
        '',
      ].join('\n'),
    args: (file) => ['-db', '-q', '-f', file],
  },
  {
    name: 'relay',
    binary: process.execPath,
    debianPackage: 'nodejs',
    file: 'ports.json',
    config: (port, redisPort) => JSON.stringify({ port, redisPort }),
    args: (file) => [fileURLToPath(new URL('relay.mjs', import.meta.url)), file],
  },
];

/** Starts every peer of `names` that is installed; says how to install the others. */
export async function startPeers(
  redisPort: number,
  report: (line: string) => void,
  names: readonly Target[] = RECIPES.map(({ name }) => name),
): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const recipe of RECIPES.filter(({ name }) => names.includes(name))) {
    const binary = path.isAbsolute(recipe.binary) ? recipe.binary : await findExecutable(recipe.binary);
    if (binary === undefined) {
      report(
        `${recipe.name} is not installed and left out; on Debian: sudo apt-get install ${recipe.debianPackage}`,
      );
      continue;
    }
    peers.push(await startPeer(recipe, binary, redisPort));
  }
  return peers;
}

async function startPeer(recipe: Recipe, binary: string, redisPort: number): Promise<Peer> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-bench-'));
  const port = await findFreePort();
  const file = path.join(folder, recipe.file);
  await writeFile(file, recipe.config(port, redisPort));
  const child = spawn(binary, recipe.args(file, folder, await findFreePort()), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const log = new LastLines(20);
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => log.add(String(chunk)));
  await once(child, 'spawn');
  const pid = child.pid as number;
  const guard = guardProcess(pid, folder);
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    guard.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(() => accepts(port), {
      describe: () => `${recipe.name} to listen on port ${port}; its output: ${log.text()}`,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: recipe.name, port, pid, stop };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
