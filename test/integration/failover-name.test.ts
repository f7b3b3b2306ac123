// A primary behind a name that moves (failover.mode "name"): under writers, each acknowledged write is on the server that is the
// primary in the end, and no command goes to one that is not.
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import type { RedisProcess } from '../../src/cli/local-server/redis-server.js';
import { Authority } from '../support/certificates.js';
import { failoverOf } from '../support/failover-lab.js';
import { FIRST, SECOND, type Secure, unknown, withName, withTwoServers } from '../support/named-server.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { Writers } from '../support/sentinel-rig.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 30_000 };
const WRITERS = 4;
const dns = withName(t, 'primary.spillway.test');

/** A primary and its replica, and a proxy of each kind in front of the name; `secure`: by TLS, with certificates for the name only. */
async function withNamedPrimary(t: Test, secure?: Awaited<ReturnType<typeof byTls>>) {
  dns.meaning = FIRST;
  const replica = ({ port }: RedisProcess) => ['--replicaof', `${FIRST} ${port}`];
  const [one, other] = await withTwoServers(t, replica, secure?.servers);
  const port = secure?.servers[0].port ?? one.port;
  const [first, second] = [ask(t, one), ask(t, other)];
  const inStep = () =>
    until(async () => /^slave0:.*state=online/m.test(await first.info('replication')), {
      ...PATIENCE,
      describe: 'the replica to be in step',
    });
  await inStep();
  const url = `${secure ? 'rediss' : 'redis'}://${dns.name}:${port}`;
  const tls = secure && { tls: { ca: secure.ca } };
  const proxies: TestProxy[] = [];
  for (const pool of POOLS)
    for (const workers of [1, 2]) {
      // Workers are processes of their own: only the primary process asks for the name.
      const upstream = { url, pool, ...tls, failover: { mode: 'name', pause: '60s' } };
      proxies.push(await withProxy(t, { redis: one, config: { workers, upstream } }));
    }
  const writers = proxies.map(({ port }, i) => new Writers(WRITERS, () => port, `w${i}`));
  const more = () => Promise.all(writers.map((each) => each.more(50)));
  const paused = () =>
    until(async () => (await Promise.all(proxies.map(failoverOf))).every(({ state }) => state === 'paused'), {
      ...PATIENCE,
      describe: 'clients to wait',
    });
  const finish = async (t: Test) => {
    await more();
    for (const each of writers) await each.stop();
    for (const [i, each] of writers.entries()) {
      const lost = await each.lostOn(other.port);
      const { acknowledged, errors } = each;
      t.same(lost.slice(0, 3), [], `${lost.length} of ${acknowledged.length} acknowledged writes lost`);
      t.match(await failoverOf(proxies[i] as TestProxy), { state: 'here', address: `${SECOND}:${port}` });
      t.comment(
        `${acknowledged.length} acknowledged, gap ${Math.round(each.longestGap)} ms, ${errors.length} errors`,
      );
    }
  };
  await more();
  return { one, other, first, second, proxies, writers, paused, finish };
}

/** Certificates, and how two servers listen with them. */
async function byTls(t: Test) {
  const authority = await Authority.create(t);
  const { cert, key } = await authority.issue('named', { names: [dns.name], addresses: [] });
  const files = ['--tls-ca-cert-file', authority.ca, '--tls-cert-file', cert, '--tls-key-file', key];
  const secure = async (): Promise<Secure> => {
    const port = await findFreePort();
    return { port, args: ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files] };
  };
  return { ca: authority.ca, servers: [await secure(), await secure()] as const };
}

function ask(t: Test, { port }: RedisProcess): Redis {
  const redis = new Redis(port, FIRST, { retryStrategy: () => 50 });
  redis.on('error', () => {});
  t.teardown(() => redis.disconnect());
  return redis;
}

const role = async (redis: Redis) => /^role:(\w+)/m.exec(await redis.info('replication'))?.[1];

for (const by of ['TCP', 'TLS'])
  t.test(`FAILOVER, and then the name means the new primary, by ${by}`, async (t) => {
    const { first, second, writers, paused, finish } = await withNamedPrimary(
      t,
      by === 'TLS' ? await byTls(t) : undefined,
    );
    await first.call('FAILOVER');
    await until(async () => (await role(second)) === 'master', {
      ...PATIENCE,
      describe: 'the replica to be promoted',
    });
    await paused();
    dns.meaning = SECOND;
    await finish(t);
    for (const { errors } of writers)
      t.same(
        errors.filter(({ text }) => !/^-READONLY|^-UNBLOCKED|the connection ended/.test(text)),
        [],
        'no other error than that the old primary is one no longer',
      );
  });

t.test('the name moves before the replica is promoted: clients wait for it', async (t) => {
  const { second, proxies, writers, paused, finish } = await withNamedPrimary(t);
  dns.meaning = SECOND;
  await paused();
  const acknowledged = () => writers.map((each) => each.acknowledged.length);
  const before = acknowledged();
  const asked = dns.questions;
  await until(() => dns.questions > asked + 8 * proxies.length, {
    ...PATIENCE,
    describe: 'further questions',
  });
  t.same(acknowledged(), before, 'nothing is written meanwhile');
  await second.replicaof('NO', 'ONE');
  await finish(t);
});

t.test('the primary dies, another is promoted, and the name moves', async (t) => {
  const { one, second, writers, paused, finish } = await withNamedPrimary(t);
  for (const each of writers) each.died();
  await one.kill('SIGKILL');
  await paused();
  await second.replicaof('NO', 'ONE');
  dns.meaning = SECOND;
  await finish(t);
});

t.test('a resolver that fails: clients stay, and /readyz says it', async (t) => {
  dns.meaning = FIRST;
  const [one] = await withTwoServers(t, () => []);
  const url = `redis://${dns.name}:${one.port}`;
  const proxy = await withProxy(t, {
    redis: one,
    config: { workers: 1, upstream: { url, failover: { mode: 'name' } } },
  });
  const client = await withRaw(t, proxy.port);
  const reasons = async () => ((await proxy.admin('/readyz')) as { reasons?: string[] }).reasons ?? [];
  t.same(await reasons(), []);
  dns.meaning = unknown(dns);
  await until(async () => String(await reasons()).includes('cannot be resolved (ENOTFOUND)'), PATIENCE);
  t.equal(String(await client.call('SET', 'k', 'v')), '+OK\r\n');
  // A lost connection is a sign: the server itself says that it is still the primary.
  await ask(t, one).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const again = await withRaw(t, proxy.port);
  t.equal(String(await again.call('GET', 'k')), '$1\r\nv\r\n');
  dns.meaning = FIRST;
  await until(async () => (await reasons()).length === 0, PATIENCE);
});

t.test('a name without an address at the start: the data port stays closed until there is one', async (t) => {
  dns.meaning = unknown(dns);
  const [one] = await withTwoServers(t, () => []);
  const url = `redis://${dns.name}:${one.port}`;
  const proxy = await withProxy(t, {
    redis: one,
    config: { workers: 1, upstream: { url, failover: { mode: 'name' } } },
  });
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/readyz`);
  t.equal(response.status, 503);
  t.match(await response.text(), /there is no primary: the name .* cannot be resolved \(ENOTFOUND\)/);
  dns.meaning = FIRST;
  const client = await until(() => withRaw(t, proxy.port).catch(() => undefined), PATIENCE);
  t.equal(String(await client.call('PING')), '+PONG\r\n');
});
