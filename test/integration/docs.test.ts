// Holds docs/API.md and docs/METRICS.md to what the admin server really answers, both ways.
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { TlsSnapshot } from '../../src/observe/snapshots/connections.js';
import type {
  FollowedSnapshot,
  PlannedSwitchSnapshot,
  SwitchPlanSnapshot,
} from '../../src/observe/snapshots/failover.js';
import { withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

const api = readFileSync(new URL('../../docs/API.md', import.meta.url), 'utf8');
const documented = new Set([...api.matchAll(/`([A-Za-z_]\w*)`/g)].map(([, name]) => name));
const metricsDoc = readFileSync(new URL('../../docs/METRICS.md', import.meta.url), 'utf8');
const documentedMetrics = new Set([...metricsDoc.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name));

/** Fields of /api/growth that take ten seconds of readings. */
const MEASURED = ['lowBytesPerSecond', 'highBytesPerSecond', 'overSeconds'];
/** Fields of /api/stats that take a round of samples, and of an event that has happened twice. */
const LATER = ['errorBytes', 'expiringBytes', 'expiringKeys', 'largeKeys', 'firstAt', 'lifetime'];
/** Fields that need a server that evicts. */
const EVICTING = ['livesSeconds', 'ofSeconds', 'errorSeconds'];

/** Fields of /api/failover and /api/connections, which need Sentinels. */
const SWITCHING: readonly (
  | keyof PlannedSwitchSnapshot
  | keyof SwitchPlanSnapshot
  | keyof SwitchPlanSnapshot['replicas'][number]
  | keyof FollowedSnapshot
)[] = [
  ...(['replicaMs', 'pauseMs', 'startedAt', 'pausedMs'] as const),
  ...(['behindBytes', 'timedOut', 'lastPauseMs'] as const),
];

/** A field of /api/connections, which needs TLS. */
const ENCRYPTED: readonly (keyof TlsSnapshot)[] = ['certificateExpiresAt'];

/** All field names in a JSON answer; `opaque` objects are keyed by data or are the config's own. */
function fieldNames(value: unknown, opaque: readonly string[], into = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const item of value) fieldNames(item, opaque, into);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      into.add(name);
      if (!opaque.includes(name)) fieldNames(inner, opaque, into);
    }
  }
  return into;
}

t.test('every field and metric is documented, and every documented one exists', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  // With command pooling there is all that there is without, and more.
  const upstream = { url: `redis://127.0.0.1:${redis.port}`, pool: 'command' };
  const rules = [
    {
      name: 'a',
      match: 'a:*',
      ttl: '1m',
      limit: { writes: '500/s', bytes: '5mb/s', value: '1mb' },
      budget: '20%',
      evict: true,
    },
  ];
  const proxy = await withProxy(t, { redis, config: { upstream, rules } });
  const client = await withRaw(t, proxy.port);
  await client.write('SET a:1 x\r\nSET b:2 y\r\n');
  await client.readReplies(2);

  const shown = new Set<string>();
  for (const path of [
    ...'/api/stats /api/config /api/memory /api/connections /api/workers /api/growth'.split(' '),
    ...'/api/history /api/report /api/events /api/alerts /api/clients /api/advice'.split(' '),
    ...'/api/explain?key=a:1 /api/explain?key=b'.split(' '),
  ]) {
    const names = fieldNames(
      await proxy.admin(path),
      'commands suggestion level levels pins config'.split(' '),
    );
    for (const name of names) {
      t.ok(documented.has(name), `${path} ${name} is in docs/API.md`);
      shown.add(name);
    }
  }
  for (const name of [
    ...'shedShare reservedBytes band reasons tokenFile drainTimeout workersPending'.split(' '),
    ...'endsAt secondsLeft keptBytes'.split(' '),
    ...MEASURED,
    ...LATER,
    ...EVICTING,
    ...SWITCHING,
    ...ENCRYPTED,
  ])
    shown.add(name);

  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/metrics`);
  const metrics = new Set(
    [...(await response.text()).matchAll(/^# TYPE (spillway_\w+)/gm)].map(([, name]) => name),
  );
  t.same([...metrics].sort(), [...documentedMetrics].sort(), 'docs/METRICS.md has all metrics and no other');
  for (const name of documented) {
    // Field names are camel case; what else stands in code marks is a path, a word of the config or of Redis.
    if (/^[a-z]+[A-Z]\w*$/.test(name) && name !== 'maxTtl')
      t.ok(shown.has(name), `documented field ${name} exists`);
  }
});
