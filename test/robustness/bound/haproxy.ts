// What an idle client costs HAProxy, for comparison: TCP mode, one listener, one server, as little as it allows.
// Owns the process and its config's folder; both are gone when the promise settles.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../../src/cli/local-server/free-port.js';
import { guardProcess } from '../../../src/cli/local-server/process-guard.js';
import { connectRaw } from '../../support/raw-client.js';
import { until } from '../../support/wait.js';
import { withServer } from './run.js';
import type { Scenario } from './scenario.js';

function config(port: number, redisPort: number, clients: number): string {
  return [
    'global',
    `  maxconn ${clients + 10}`,
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 300s',
    '  timeout server 300s',
    'listen redis',
    `  bind 127.0.0.1:${port}`,
    `  server redis 127.0.0.1:${redisPort}`,
    '',
  ].join('\n');
}

/** Bytes of resident memory that each of `clients` takes. */
export function idleBehindHaproxy(binary: string, idle: Scenario, clients: number): Promise<number> {
  return withServer(idle, async (redis, control) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-haproxy-'));
    const port = await findFreePort();
    const file = path.join(folder, 'haproxy.cfg');
    await writeFile(file, config(port, redis.port, clients));
    const child = spawn(binary, ['-db', '-q', '-f', file], { stdio: 'ignore', detached: true });
    const exited = once(child, 'exit');
    await once(child, 'spawn');
    const pid = child.pid as number;
    const guard = guardProcess(pid, folder);
    try {
      await until(() => listens(port), { timeoutMs: 30_000, describe: 'HAProxy to listen' });
      const notes = await idle.offend({ port, redis, control, pid }, clients);
      return Number(notes.bytesEach);
    } finally {
      child.kill('SIGKILL');
      await exited;
      guard.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function listens(port: number): Promise<boolean> {
  try {
    (await connectRaw(port)).destroy();
    return true;
  } catch {
    return false;
  }
}
