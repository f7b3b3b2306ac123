// A Sentinel for one test, ended with it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { ensureServerBinary, SERVER_ARGV0 } from '../../src/cli/local-server/server-binary.js';
import { endServer, launchServer } from '../../src/cli/local-server/server-launch.js';
import { withRaw } from './raw-client.js';
import type { TestScope } from './redis.js';
import { until } from './wait.js';

/** As it calls its primary. */
export const SENTINEL_PRIMARY = 'mymaster';

/** A Sentinel that watches 127.0.0.1:`watched`; ended with `t`. */
export async function withSentinel(t: TestScope, watched: number): Promise<{ port: number }> {
  const binary = await ensureServerBinary((line) => t.comment(line));
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-sentinel-'));
  const config = path.join(folder, 'sentinel.conf');
  const port = await findFreePort();
  await writeFile(config, `port ${port}\nsentinel monitor ${SENTINEL_PRIMARY} 127.0.0.1 ${watched} 1\n`);
  const sentinel = await launchSentinel(binary, config, folder, port);
  t.teardown(async () => {
    await endServer(sentinel);
    await rm(folder, { recursive: true, force: true });
  });
  const look = await withRaw(t, port);
  const healthy = async () =>
    /\$5\r\nflags\r\n\$6\r\nmaster\r\n/.test(String(await look.call('SENTINEL', 'MASTER', SENTINEL_PRIMARY)));
  await until(healthy, { timeoutMs: 20_000, describe: 'Sentinel to see its primary' });
  return { port };
}

/** The server binary reads a config file only as its first argument; this puts it there and drops the rest. */
export async function launchSentinel(binary: string, config: string, folder: string, port: number) {
  const wrapper = path.join(folder, 'sentinel.sh');
  const script = `#!/usr/bin/env bash\nexec -a '${SERVER_ARGV0}' '${binary}' '${config}' --sentinel\n`;
  await writeFile(wrapper, script, { mode: 0o755 });
  return launchServer(wrapper, [], folder, port);
}
