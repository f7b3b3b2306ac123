// A rough network on one side of the proxy, by a seed that also decides on the transports and the number of workers: spells
// (spells.ts) under load. Each session has its books (load.ts); clients that come by a network without trouble are served
// meanwhile and notice nothing, unless the trouble is on the server's side. Afterwards the proxy is what it was before.
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { ConnectionSnapshot } from '../../../src/observe/snapshots/connections.js';
import { withFaultyLink } from '../../support/faulty-link.js';
import { type ProxyProcess, withProxyProcess } from '../../support/proxy-process.js';
import { connectRaw, type RawClient } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { makeTransport, TRANSPORTS } from '../../support/transport.js';
import { lookAt } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import { descriptors } from '../bound/proc.js';
import { Random } from '../fuzz/random.js';
import { type LoadResult, runLoad } from './load.js';
import { drawSpell } from './spells.js';

const WAIT_MS = 60_000;
/** Replies between two spells, and to clients that nothing troubles in each spell. */
const EACH = 150;
const RULES = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all' }];
const SHAPE = { depth: 40, large: 2, shed: false };
/** The admin server keeps connections of the test's. */
const ADMIN_CONNECTIONS = 2;

export interface RoughOutcome {
  readonly spells: number;
  readonly rough: LoadResult;
  readonly calm: LoadResult;
}

/** Plays so many spells; asserts that nothing came wrong, and that nothing is left of them. */
export async function playRough(t: Test, seed: number, spells: number): Promise<RoughOutcome> {
  const random = new Random(seed);
  const front = await makeTransport(t, random.pick(TRANSPORTS));
  const back = await makeTransport(t, random.pick(TRANSPORTS));
  // Runs that follow each other go through all four.
  const side = (['client', 'upstream'] as const)[seed & 1] ?? 'client';
  const workers = 1 + ((seed >> 1) & 1);
  const timeouts = random.pick([
    { responseTimeout: '300ms', connectTimeout: '1s' },
    { responseTimeout: '1s', connectTimeout: '5s' },
  ]);
  t.comment(
    `trouble on the ${side}'s side; clients by ${front.name}, server by ${back.name}, ${workers} workers, ${JSON.stringify(timeouts)}`,
  );
  const redis = await withRedis(t, ['--maxmemory', '1gb', ...back.serverArgs]);
  const direct = await lookAt(t, redis);
  const upstreamLink = await withFaultyLink(t, back.serverPlace(redis), seed, back.between());
  const proxy = await withProxyProcess(t, {
    config: {
      ...front.listen,
      upstream: { ...back.upstreamAt(upstreamLink.place), ...timeouts },
      workers,
      rules: RULES,
      memory: { pollInterval: '100ms' },
    },
  });
  const clientLink = await withFaultyLink(t, front.proxyPlace(proxy), seed + 1, front.between());
  const [port, roughPort] = [front.doorTo(front.proxyPlace(proxy)), front.doorTo(clientLink.place)];
  const pids = (await proxy.admin('/api/workers')).workers.map(({ pid }) => pid);
  const watch = await ProxyWatch.begin(proxy, direct, [...new Set([proxy.pid, ...pids])], port);

  const seen: Record<'rough' | 'calm', LoadResult | undefined> = { rough: undefined, calm: undefined };
  let done = false;
  const load = (name: 'rough' | 'calm', to: number, clients: number, cuts: boolean): Promise<LoadResult> =>
    runLoad({
      ...SHAPE,
      ...{ port: to, server: redis.port, clients, cuts, ttls: true, seed: random.below(2 ** 30) },
      enough: (result) => {
        seen[name] = result;
        return done || result.tally.faults > 0;
      },
    });
  const answered = (name: 'rough' | 'calm'): number => seen[name]?.tally.answered ?? 0;
  const faults = (): number => (seen.rough?.tally.faults ?? 0) + (seen.calm?.tally.faults ?? 0);
  let spell = 'nothing';
  const progress = async (name: 'rough' | 'calm'): Promise<void> => {
    const from = answered(name);
    await until(() => answered(name) >= from + EACH || faults() > 0, {
      timeoutMs: WAIT_MS,
      describe: () => `more replies than ${answered(name)} to ${name} clients; last: ${spell}`,
    });
  };
  const running = Promise.all([
    load('rough', roughPort, 4, true),
    load('calm', port, 3, side === 'upstream'),
  ]);
  running.catch(() => {});
  const behind = { pids, kill: (signal: 'SIGSTOP' | 'SIGCONT') => redis.kill(signal) };
  for (let i = 0; i < spells && faults() === 0; i++) {
    await progress('rough');
    await progress('calm');
    const next = side === 'client' ? drawSpell(random, clientLink) : drawSpell(random, upstreamLink, behind);
    spell = next.name;
    t.comment(spell);
    await next.begin();
    await delay(random.below(random.pick([100, 800, 2000])));
    if (side === 'client') await progress('calm');
    await next.end();
  }
  await progress('rough');
  await progress('calm');
  done = true;
  const [rough, calm] = await running;
  for (const { tally } of [rough, calm])
    t.equal(tally.faults, 0, tally.samples.join('\n') || `${tally.answered} commands, nothing wrong`);
  if (side === 'client') {
    const { cutSessions, lostSessions, refused } = calm;
    const nothing = { cutSessions: 0, lostSessions: 0, refused: 0 };
    t.same({ cutSessions, lostSessions, refused }, nothing, 'the others notice nothing');
  }
  await watch.isAsBefore(t);
  return { spells, rough, calm };
}

/** What a proxy has open and in hand: looked at before, and to be the same afterwards. */
class ProxyWatch {
  private constructor(
    private readonly proxy: ProxyProcess,
    private readonly direct: RawClient,
    private readonly pids: readonly number[],
    private readonly port: number,
    private readonly before: { readonly files: number; readonly connections: number },
  ) {}

  static async begin(
    proxy: ProxyProcess,
    direct: RawClient,
    pids: readonly number[],
    port: number,
  ): Promise<ProxyWatch> {
    const none = { files: 0, connections: 0 };
    const watch = new ProxyWatch(proxy, direct, pids, port, none);
    await watch.serves();
    await until(async () => (await proxy.admin('/api/connections')).clients === 0);
    return new ProxyWatch(
      proxy,
      direct,
      pids,
      port,
      watch.open(await proxy.admin('/api/connections'), await watch.list()),
    );
  }

  async isAsBefore(t: Test): Promise<void> {
    const { proxy, before } = this;
    let last = '';
    await until(
      async () => {
        const now = await proxy.admin('/api/connections');
        const { clients, pausedClients, heldReplyBytes, heldCommandBytes, stalledCommandBytes } = now;
        const {
          clientsSharing = 0,
          clientsPinned = 0,
          clientsWaiting = 0,
          parkedConnections = 0,
        } = now.pool ?? {};
        const left = {
          ...{ clients, pausedClients, heldReplyBytes, heldCommandBytes, stalledCommandBytes },
          ...{ clientsSharing, clientsPinned, clientsWaiting, parkedConnections },
        };
        const { growthSinceReadingBytes, level } = await proxy.admin('/api/memory');
        const { ready, reasons } = (await proxy.admin('/readyz')) as { ready: boolean; reasons: string[] };
        const open = this.open(now, await this.list());
        last = JSON.stringify({ left, growthSinceReadingBytes, level, reasons, open, before });
        return (
          ready &&
          now.listening &&
          Object.values(left).every((value) => value === 0) &&
          growthSinceReadingBytes === 0 &&
          Object.values(level).every(({ shedShare }) => shedShare === 0) &&
          open.files <= before.files + ADMIN_CONNECTIONS &&
          open.connections <= before.connections
        );
      },
      { timeoutMs: WAIT_MS, describe: () => `the proxy to be as before: ${last}` },
    );
    await this.serves();
    t.match(await proxy.admin('/api/connections'), { clientsFailed: 0 });
    t.match(await proxy.admin('/api/workers'), { restarts: 0, silent: 0 });
    t.pass('and is as before');
  }

  private async serves(): Promise<void> {
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectRaw(this.port, WAIT_MS)));
    for (const client of clients) {
      for (const [words, reply] of [
        [['SET', 'served', 'yes'], '+OK\r\n'],
        [['GET', 'served'], '$3\r\nyes\r\n'],
      ] as const) {
        const got = String(await client.call(...words));
        if (got !== reply) throw new Error(`${words.join(' ')}: ${got}`);
      }
      client.destroy();
    }
  }

  /** Without shared connections: as many may stay as the config allows. */
  private open({ pool }: ConnectionSnapshot, listed: number): { files: number; connections: number } {
    const shared = pool?.sharedConnections ?? 0;
    const files = this.pids.reduce((sum, pid) => sum + descriptors(pid), 0);
    return { files: files - shared, connections: listed - shared };
  }

  private async list(): Promise<number> {
    const clients = String(await this.direct.call('CLIENT', 'LIST'));
    return clients.split('\n').filter((line) => line.startsWith('id=')).length;
  }
}
