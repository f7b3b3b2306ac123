// `spillway failover --pause-server` (CLIENT PAUSE … WRITE on the old primary), and what fails in the midst of it: no client loses
// an acknowledged write, whichever way it came, and the server takes writes again in the end.
import net from 'node:net';
import t, { type Test } from 'tap';
import { failoverOf, switchOf, TOKEN } from '../support/failover-lab.js';
import { withIoredis } from '../support/ioredis.js';
import { serving } from '../support/listen.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import type { TestScope } from '../support/redis.js';
import { SENTINEL_PRIMARY } from '../support/sentinel.js';
import { SentinelRig, Writers } from '../support/sentinel-rig.js';
import { tied } from '../support/tied.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 90_000 };

/** Before a Sentinel: keeps a request for a failover back until it is let through, or until whoever sent it has gone. */
class Gate {
  port = 0;
  private pass: (() => void) | undefined;
  private hasAnswered = false;

  static async at(t: TestScope, sentinel: number): Promise<Gate> {
    const gate = new Gate();
    const server = net.createServer({ noDelay: true }, (near) => {
      const far = net.connect({ port: sentinel, host: '127.0.0.1', noDelay: true });
      let passed = false;
      near.on('data', (bytes) => {
        if (!/\$8\r\nfailover\r\n/i.test(String(bytes))) far.write(bytes);
        else {
          gate.pass = () => {
            passed = true;
            far.write(bytes);
          };
        }
      });
      far.on('data', (bytes) => {
        near.write(bytes);
        gate.hasAnswered ||= passed;
      });
      tied(near, far);
    });
    gate.port = await serving(t, server);
    return gate;
  }

  get isHolding(): boolean {
    return this.pass !== undefined;
  }

  /** Resolves when the Sentinel has answered. */
  async open(): Promise<void> {
    this.pass?.();
    await until(() => this.hasAnswered, { ...PATIENCE, describe: 'the Sentinel to answer' });
  }
}

interface Direct {
  /** The primary that direct clients write to. */
  to: number;
}

/** Clients that write to the primary itself, and through proxies that know nothing of the switch. */
async function withWriters(t: Test, rig: SentinelRig, url: string) {
  const direct: Direct = { to: await rig.settled() };
  const writers = [new Writers(4, () => direct.to, 'direct')];
  for (const pool of POOLS) {
    const upstream = { url, pool, failover: { pause: '60s' } };
    const proxy = await withProxy(t, { redis: { port: 0 }, config: { upstream } });
    writers.push(new Writers(4, () => proxy.port, `other ${pool}`));
  }
  t.teardown(() => Promise.all(writers.map((each) => each.stop())));
  const more = () => Promise.all(writers.map((each) => each.more(50)));
  const nothingLost = async (t: Test, primary: number): Promise<void> => {
    for (const each of writers) {
      await each.stop();
      t.same(await each.lostOn(primary), [], `of ${each.acknowledged.length} acknowledged writes`);
    }
  };
  await more();
  return { direct, writers, more, nothingLost };
}

const holding = (gates: readonly Gate[]) =>
  until(() => gates.find((gate) => gate.isHolding), {
    ...PATIENCE,
    describe: 'Spillway to ask for the failover',
  });

const gatesOf = (t: Test, rig: SentinelRig) =>
  Promise.all(rig.sentinels.map((sentinel) => Gate.at(t, sentinel.port)));

const urlOf = (sentinels: readonly { readonly port: number }[], user = '') =>
  `redis-sentinel://${user}${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${SENTINEL_PRIMARY}`;

/** A proxy that can be killed, whose requests to Sentinels pass `gates`. */
async function withAsked(t: Test, gates: readonly Gate[]) {
  const upstream = { url: urlOf(gates), failover: { pause: '60s' } };
  const env = { ...process.env, SPILLWAY_ADMIN_TOKEN: TOKEN };
  return withProxyProcess(t, { config: { upstream }, env });
}

async function ask(adminPort: number | undefined): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/api/failover`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ pauseServer: true }),
  });
  if (!response.ok) throw new Error(await response.text());
}

/** What Spillway leaves on a server: nothing. */
async function nothingLeft(t: Test, port: number): Promise<void> {
  const server = withIoredis(t, port);
  await until(async () => !String(await server.client('LIST')).includes('name=spillway-switch'), PATIENCE);
}

t.test('--pause-server', async (t) => {
  const user = ['--user', 'monitor', 'on', '>secret', '+info', '+command'];
  // Sentinel's default: it promotes no replica for the silence of a paused server.
  const rig = await SentinelRig.start(t, user, { downAfterMs: 30_000 });

  await t.test('a user that may not run CLIENT: the switch fails, and nobody notices', async (t) => {
    const before = await rig.settled();
    const { writers, more, nothingLost } = await withWriters(t, rig, rig.url);
    const proxies: TestProxy[] = [];
    for (const pool of POOLS) {
      const upstream = { url: urlOf(rig.sentinels, 'monitor:secret@'), pool };
      const config = { upstream };
      proxies.push(await withProxy(t, { redis: { port: 0 }, config, secrets: { adminToken: TOKEN } }));
    }
    for (const proxy of proxies) {
      const own = new Writers(4, () => proxy.port, `asked ${proxy.port}`);
      writers.push(own);
      await own.more(50);
      await proxy.post('/api/failover', { pauseServer: true });
      const run = await until(async () => {
        const last = await switchOf(proxy);
        return last.state === 'failed' && last;
      }, PATIENCE);
      t.match(run, { error: /NOPERM/, waited: Number });
      t.match(await failoverOf(proxy), { state: 'here', address: `127.0.0.1:${before}`, switched: 0 });
    }
    await more();
    t.same(
      writers.flatMap((each) => each.errors),
      [],
      'no client saw an error',
    );
    t.equal(await rig.primaryBy(1), before);
    await nothingLost(t, before);
    await nothingLeft(t, before);
  });

  await t.test('Spillway is killed before it has asked a Sentinel: the pause ends by itself', async (t) => {
    const before = await rig.settled();
    const gates = await gatesOf(t, rig);
    const { writers, more, nothingLost } = await withWriters(t, rig, rig.url);
    const proxy = await withAsked(t, gates);
    await ask(proxy.adminPort);
    await holding(gates);
    proxy.signal('SIGKILL');
    await proxy.exited;
    await more();
    t.same(
      writers.flatMap((each) => each.errors),
      [],
      'other clients saw nothing but the time',
    );
    t.equal(await rig.primaryBy(1), before, 'no Sentinel was asked');
    await nothingLost(t, before);
    await nothingLeft(t, before);
  });

  await t.test('Spillway is killed after a Sentinel has accepted: the switch takes place', async (t) => {
    const before = await rig.settled();
    const gates = await gatesOf(t, rig);
    const { direct, more, nothingLost } = await withWriters(t, rig, rig.url);
    const proxy = await withAsked(t, gates);
    await ask(proxy.adminPort);
    await (await holding(gates)).open();
    proxy.signal('SIGKILL');
    const after = await rig.moved(before);
    direct.to = after;
    await more();
    await nothingLost(t, after);
    const old = withIoredis(t, before);
    await until(async () => /^role:slave/m.test(await old.info('replication')), PATIENCE);
    await until(async () => /READONLY/.test(String(await old.set('k', 'v').catch(String))), PATIENCE);
    await nothingLeft(t, before);
  });

  await t.test('the old primary is killed during the pause: another follows', async (t) => {
    const before = await rig.settled();
    const gates = await gatesOf(t, rig);
    const { direct, writers, more, nothingLost } = await withWriters(t, rig, rig.url);
    const proxy = await withAsked(t, gates);
    writers.push(new Writers(4, () => proxy.port, 'asked'));
    await more();
    await ask(proxy.adminPort);
    await holding(gates);
    await rig.server(before).kill('SIGKILL');
    const after = await rig.moved(before);
    direct.to = after;
    await more();
    // No writer died() here: what was acknowledged before the pause, every replica had.
    await nothingLost(t, after);
    await rig.server(before).restart();
    t.equal(await rig.settled(), after);
    await nothingLeft(t, before);
  });
});
