// The servers and proxies between which sessions are compared: one direct, one behind all proxies, and one on which
// the TTL model plays. Owns them for one test or one run; each session starts on empty servers.

import type { RedisProcess } from '../../../src/cli/local-server/redis-server.js';
import { type TestProxy, withProxy } from '../../support/proxy.js';
import { type TestScope, withRedis } from '../../support/redis.js';
import { wipe } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import { type Mode, SETTINGS, type Setting } from './modes.js';
import { ServerWatch } from './server-watch.js';

export interface Watched {
  readonly port: number;
  readonly watch: ServerWatch;
}

export interface Through {
  readonly setting: Setting;
  readonly port: number;
}

export interface Stage {
  readonly direct: Watched;
  readonly behind: Watched;
  readonly promised: Watched;
  readonly proxies: readonly Through[];
  /** The servers know no PEXPIRE … NX. */
  readonly before7: boolean;
}

/** `modes`: for which of them proxies are wanted. */
export async function withStage(t: TestScope, modes: readonly Mode[]): Promise<Stage> {
  const servers = await Promise.all([withRedis(t), withRedis(t), withRedis(t)]);
  const [direct, behind, promised] = await Promise.all(servers.map((redis) => watched(t, redis)));
  const proxies: Through[] = [];
  for (const setting of SETTINGS.filter(({ mode }) => modes.includes(mode))) {
    const proxy = await withProxy(t, { redis: behind, config: setting.config });
    if (setting.full) await full(proxy);
    proxies.push({ setting, port: proxy.port });
  }
  const before7 = String(await direct.watch.admin.call('PEXPIRE', 'none', 1, 'NX')).startsWith('-');
  return { direct, behind, promised, proxies, before7 };
}

export async function empty(server: Watched): Promise<void> {
  await wipe(server.watch.admin);
}

async function watched(t: TestScope, { port }: RedisProcess): Promise<Watched> {
  const watch = await ServerWatch.open(port);
  t.teardown(() => watch.admin.destroy());
  return { port, watch };
}

async function full(proxy: TestProxy): Promise<void> {
  await until(async () => (await proxy.admin('/api/memory')).level.low.shedShare === 1, {
    timeoutMs: 20_000,
    describe: 'low keys to be refused',
  });
}
