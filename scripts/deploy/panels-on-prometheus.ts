// Every query of the Grafana dashboard, asked of a real Prometheus that has scraped a real proxy for a while: each one has an
// answer. The proxy has what gives lines of their own: workers, TLS, command pooling, a sweep, budgets, limits, evict, a
// webhook that fails, and writes that are refused.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { stringify } from 'yaml';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from '../../test/support/certificates.js';
import { withProxy } from '../../test/support/proxy.js';
import { type TestScope, withRedis } from '../../test/support/redis.js';
import { until } from '../../test/support/wait.js';
import { inScope } from './scope.js';

/** A sweep runs a minute after the start at the earliest. */
const WATCHED_MS = 100_000;
const VALUE = 'x'.repeat(2000);

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly instant?: boolean }[];
}

/** The queries without an answer, each with its panel's title; empty: all is well. */
export async function unansweredPanels(dashboard: string): Promise<string[]> {
  const { panels } = JSON.parse(dashboard) as { panels: Panel[] };
  return inScope(async (scope) => {
    const ask = await prometheusBefore(scope, await busyProxy(scope));
    const silent: string[] = [];
    let asked = 0;
    for (const { title, targets = [] } of panels) {
      for (const { expr, instant = false } of targets) {
        asked++;
        if (!(await ask(expr, instant))) silent.push(`${title}: ${expr}`);
      }
    }
    console.log(`${asked} queries asked, ${silent.length} without an answer`);
    return silent;
  });
}

/** Its admin port, and when it has been under load for WATCHED_MS. */
async function busyProxy(scope: TestScope): Promise<{ port: number; watched: Promise<void> }> {
  const authority = await Authority.create(scope);
  const redis = await withRedis(scope, ['--maxmemory', '100mb']);
  const limit = { writes: '1000/s', bytes: '1mb/s' };
  const proxy = await withProxy(scope, {
    redis,
    config: {
      workers: 2,
      listenTls: await authority.issue('both'),
      upstream: { pool: 'command' },
      sweep: { every: '1m' },
      alerts: { hold: '1s' },
      rules: [
        { name: 'cache', match: 'cache:*', ttl: '1h', budget: '1mb', limit, evict: true },
        { name: 'logs', match: 'logs:*', durable: true, priority: 'low' },
      ],
    },
    secrets: { alertsWebhook: 'http://127.0.0.1:9/' },
  });
  const client = new Redis(proxy.port, '127.0.0.1', { tls: { ca: readFileSync(authority.ca) } });
  scope.teardown(() => client.disconnect());
  let writing = true;
  const load = (async () => {
    for (let n = 0; writing; n++) {
      const writes = [`cache:${n % 5000}`, `logs:${n}`, `order:${n % 100}`].map((key) =>
        client.set(key, VALUE),
      );
      await Promise.allSettled([...writes, client.hset('cache:hash', `${n}`, VALUE), delay(10)]);
    }
  })();
  scope.teardown(() => {
    writing = false;
    return load;
  });
  return { port: proxy.adminPort as number, watched: delay(WATCHED_MS) };
}

/** Resolves to what asks Prometheus a query: whether anything comes back. */
async function prometheusBefore(scope: TestScope, target: { port: number; watched: Promise<void> }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-prometheus-'));
  scope.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const targets = [{ targets: [`127.0.0.1:${target.port}`] }];
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [{ job_name: 'spillway', static_configs: targets }],
  };
  writeFileSync(path.join(folder, 'prometheus.yml'), stringify(config));
  const port = await findFreePort();
  const args = [
    `--config.file=${path.join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const server = spawn('prometheus', args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.once('error', (error) => console.error(`prometheus: ${error.message}`));
  scope.teardown(() => {
    server.kill('SIGTERM');
    return ended;
  });
  const base = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${base}/-/ready`).catch(() => undefined))?.ok, {
    describe: 'Prometheus to be ready',
  });
  await target.watched;
  return async (expr: string, instant: boolean): Promise<boolean> => {
    const query = expr
      .replaceAll('"$job"', '".*"')
      .replaceAll('"$instance"', '".*"')
      .replaceAll('$__rate_interval', '10s')
      .replaceAll('$__range', '1m');
    const now = Date.now() / 1000;
    const asked = instant
      ? { query, time: `${now}` }
      : { query, start: `${now - WATCHED_MS / 1000}`, end: `${now}`, step: '2' };
    const answer = await fetch(
      `${base}/api/v1/${instant ? 'query' : 'query_range'}?${new URLSearchParams(asked)}`,
    );
    const { data } = (await answer.json()) as { data?: { result: unknown[] } };
    return (data?.result.length ?? 0) > 0;
  };
}
