// Links whose packets are lost, between the clients and the proxy and between the proxy and the server: for a while, in
// one direction, some of them, late, or for good. On loopback what is sent has arrived; here TCP has to send it again,
// and nobody is told of anything. Every host is a network namespace; this file runs itself again on the clients' one.
import t, { type Test } from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { need } from '../conformance/clients/apt.js';
import { addressOf, type Host, type LinkName, Namespaces } from '../support/netns.js';
import { ASIDE, BEHIND, FRONT, type Lab, withLab } from '../support/netns-lab.js';
import { POOL } from '../support/proxy.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { until } from '../support/wait.js';
import { type LoadResult, runLoad } from './link/load.js';

/** In the environment of the second run: the namespaces of the first. */
const WITHIN = 'SPILLWAY_TEST_NETNS';
const WAIT_MS = 60_000;
/** By then nothing that was on its way before an outage is still on it. */
const QUIET_LOOKS = 60;
const EACH = 300;

const SIDES: readonly {
  readonly link: LinkName;
  readonly ends: readonly [Host, Host];
  readonly what: string;
}[] = [
  { link: 'front', ends: ['clients', 'proxy'], what: 'between clients and proxy' },
  { link: 'back', ends: ['proxy', 'server'], what: 'between proxy and server' },
];
const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'critical' }];
/** Outages of seconds are no reason to give up a shared connection here; how that is done has a test of its own. */
const CONFIG = { rules: RULES, upstream: { responseTimeout: '1m' } };
const SHAPE = { clients: 8, depth: 50, large: 2 };

function load(enough: (result: LoadResult) => boolean, seed: number): Promise<LoadResult> {
  return runLoad({
    ...SHAPE,
    port: FRONT,
    server: BEHIND,
    seed,
    enough,
    shed: false,
    cuts: false,
    ttls: true,
  });
}

function judge(t: Test, { tally, cutSessions, lostSessions, refused }: LoadResult): void {
  t.equal(tally.faults, 0, tally.samples.join('\n') || 'nothing lost, wrong, twice or out of turn');
  t.same({ cutSessions, lostSessions, refused }, { cutSessions: 0, lostSessions: 0, refused: 0 });
}

async function progress(result: () => LoadResult, by: number): Promise<void> {
  const from = result().tally.answered;
  await until(() => result().tally.answered >= from + by, {
    timeoutMs: WAIT_MS,
    describe: () => `${by} more replies than ${from}: ${result().tally.answered}`,
  });
}

async function standstill(result: () => LoadResult): Promise<void> {
  let before = -1;
  let still = 0;
  await until(
    () => {
      const now = result().tally.answered;
      still = now === before ? still + 1 : 0;
      before = now;
      return still >= QUIET_LOOKS;
    },
    { timeoutMs: WAIT_MS, describe: 'the load to stand still' },
  );
}

/** Somebody who comes by the link that nothing troubles. */
async function isServed(t: Test, what: string): Promise<void> {
  const client = await withRaw(t, ASIDE, WAIT_MS);
  for (let i = 0; i < 50; i++) {
    const reply = String(await client.call('ECHO', `${what}${i}`));
    if (!reply.endsWith(`${what}${i}\r\n`)) throw new Error(reply);
  }
  client.destroy();
  t.pass(`others are served ${what}`);
}

const connections = (lab: Lab): Promise<ConnectionSnapshot> =>
  lab.admin('/api/connections') as Promise<ConnectionSnapshot>;

async function outages(t: Test, net: Namespaces): Promise<void> {
  await withLab(t, net, CONFIG);
  for (const [i, { link, ends, what }] of SIDES.entries()) {
    await t.test(`packets swallowed ${what}`, { timeout: 120_000 }, async (t) => {
      let seen: LoadResult | undefined;
      let done = false;
      const running = load((result) => {
        seen = result;
        return done || result.tally.faults > 0;
      }, i);
      const result = (): LoadResult => seen ?? raise('the load has not begun');
      await until(() => seen !== undefined);
      for (const hosts of [ends, [ends[0]], [ends[1]]]) {
        await progress(result, EACH);
        for (const host of hosts) net.drop(link, host);
        await standstill(result);
        if (link === 'front') await isServed(t, `while ${hosts.join(' and ')} get nothing`);
        net.heal();
      }
      await progress(result, EACH);
      done = true;
      judge(t, await running);
    });
  }
}

async function losses(t: Test, net: Namespaces): Promise<void> {
  await withLab(t, net, CONFIG);
  for (const [i, { link, ends, what }] of SIDES.entries()) {
    await t.test(`2% of the packets lost ${what}`, { timeout: 120_000 }, async (t) => {
      for (const host of ends) net.drop(link, host, 2);
      const result = await load(({ tally }) => tally.answered >= 4000 || tally.faults > 0, 10 + i);
      net.heal();
      judge(t, result);
    });
    await t.test(
      `packets late ${what}`,
      { timeout: 120_000, skip: whyNoDelay(net, link, ends) },
      async (t) => {
        for (const host of ends) net.delay(link, host, 30, 10);
        const result = await load(({ tally }) => tally.answered >= 2000 || tally.faults > 0, 20 + i);
        for (const host of ends) net.hurry(link, host);
        judge(t, result);
      },
    );
  }
}

function whyNoDelay(net: Namespaces, link: LinkName, [host]: readonly Host[]): string | false {
  try {
    net.delay(link, host, 1, 0);
    net.hurry(link, host);
    return false;
  } catch (error) {
    return `this kernel cannot delay packets: ${(error as Error).message}`;
  }
}

/** As behind a firewall that has lost its state: what belongs to connections that stand is lost, new ones are served. */
async function forgotten(t: Test, net: Namespaces): Promise<void> {
  await withLab(t, net, { rules: RULES, upstream: { responseTimeout: '200ms' } });
  const direct = await withRaw(t, BEHIND);
  const old = await withRaw(t, FRONT, WAIT_MS);
  for (let i = 0; i < 3; i++) await old.call('SET', `k${i}`, i);
  // Reads have shared connections of their own.
  for (let i = 0; i < 3; i++) await old.call('GET', `k${i}`);
  const ports = [...String(await direct.call('CLIENT', 'LIST')).matchAll(/ addr=([\d.]+):(\d+)/g)]
    .filter(([, address]) => address === addressOf('back', 'proxy'))
    .map(([, , port]) => Number(port));
  t.ok(ports.length > 0, `${ports.length} connections of the proxy's`);
  net.dropFrom('back', 'server', ports);
  const asked = old.call('GET', 'k0');
  const fresh = await withRaw(t, FRONT, WAIT_MS);
  if (POOL === 'command') {
    // Until the connection has been silent for long enough others join it.
    for (const [client, reply] of [
      [old, asked],
      [fresh, fresh.call('GET', 'k0')],
    ] as const) {
      t.match(String(await reply), /^(\$1\r\n0|-ERR spillway lost its connection)/, 'answered or told');
      t.equal(String(await client.call('GET', 'k2')), '$1\r\n2\r\n', 'and goes on');
    }
    net.heal();
  } else {
    t.equal(String(await fresh.call('GET', 'k1')), '$1\r\n1\r\n', 'a new client is served');
    net.heal();
    t.equal(String(await asked), '$1\r\n0\r\n', 'the old one is answered once the network knows it again');
  }
}

/** The clients' cable is out: neither an end nor a reset comes. */
async function vanished(t: Test, net: Namespaces): Promise<void> {
  const lab = await withLab(t, net, { rules: RULES, limits: { tcpKeepAlive: '1s' } });
  const clients: RawClient[] = [];
  for (let i = 0; i < 20; i++) {
    const client = await withRaw(t, FRONT, WAIT_MS);
    await client.call('SET', `k${i}`, i);
    clients.push(client);
  }
  t.match(await connections(lab), { clients: 20 });
  net.plug('front', 'clients', 'down');
  await isServed(t, 'while the others are gone');
  await until(async () => (await connections(lab)).clients === 0, {
    timeoutMs: WAIT_MS,
    describe: 'the proxy to notice that 20 idle clients are gone',
  });
  net.plug('front', 'clients', 'up');
  const back = await withRaw(t, FRONT, WAIT_MS);
  t.equal(String(await back.call('GET', 'k3')), '$1\r\n3\r\n', 'and serves them when they come again');
}

function raise(message: string): never {
  throw new Error(message);
}

const within = process.env[WITHIN];
if (within === undefined) {
  let net: Namespaces | undefined;
  let why = '';
  try {
    await need(['ip'], 'iproute2', t.comment);
    await need(['nft'], 'nftables', t.comment);
    net = Namespaces.create();
  } catch (error) {
    why = (error as Error).message;
  }
  if (net === undefined) {
    console.error(
      `outages: NOT RUN, no network namespaces here (root, iproute2 and nftables are needed): ${why}`,
    );
    t.test('links between hosts', { skip: `no network namespaces here: ${why}` }, () => {});
  } else {
    const hosts = net;
    t.teardown(() => hosts.remove());
    const [program, ...args] = hosts.on(
      'clients',
      process.execPath,
      ...process.execArgv,
      process.argv[1] ?? '',
    );
    void t.spawn(program, args, { env: { ...process.env, [WITHIN]: hosts.name } }, 'links between hosts');
  }
} else {
  const net = Namespaces.join(within);
  void t.test('outages', { timeout: 280_000 }, (t) => outages(t, net));
  void t.test('losses', { timeout: 280_000 }, (t) => losses(t, net));
  void t.test('connections that the network has forgotten', { timeout: 120_000 }, (t) => forgotten(t, net));
  void t.test('clients that vanish', { timeout: 120_000 }, (t) => vanished(t, net));
}
