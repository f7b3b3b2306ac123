// The peers: twemproxy and HAProxy (TCP mode) as private processes in front of a given Redis, where they are installed.
// Their configs do as little as each allows: one listener, one server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../src/demo/free-port.js';
import { guardProcess } from '../../src/demo/process-guard.js';
import { findOnPath } from '../../src/demo/server-binary.js';
import { until } from '../../test/support/wait.js';

export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

interface Recipe {
  readonly name: string;
  readonly binary: string;
  readonly debianPackage: string;
  readonly file: string;
  config(port: number, redisPort: number): string;
  args(file: string, folder: string): string[];
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
    // Without a statistics port of its own choice it takes 22222 on all interfaces.
    args: (file, folder) => [
      '-c',
      file,
      '-v',
      '0',
      '-a',
      '127.0.0.1',
      '-s',
      '0',
      '-p',
      path.join(folder, 'pid'),
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
        '  maxconn 1000',
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
];

/** Starts every peer that is installed; says how to install the others. */
export async function startPeers(redisPort: number, report: (line: string) => void): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const recipe of RECIPES) {
    const binary = await findOnPath(recipe.binary, ['/usr/sbin', '/usr/local/sbin']);
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
  const child = spawn(binary, recipe.args(file, folder), { stdio: 'ignore' });
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
    await until(() => accepts(port), { describe: `${recipe.name} to listen on port ${port}` });
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
