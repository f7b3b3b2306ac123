// Spillway cut off from its Sentinels, on real servers: with onMinority "pause" clients wait and lose nothing, whatever the Sentinels
// do meanwhile; with "admit" they go on, and it is said. Packets are lost without an end, as in a network that is divided.
import t, { type Test } from 'tap';
import { failoverOf } from '../support/failover-lab.js';
import { type FaultyLink, withFaultyLink } from '../support/faulty-link.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { SENTINEL_PRIMARY } from '../support/sentinel.js';
import { SentinelRig, Writers } from '../support/sentinel-rig.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 60_000 };
const WRITERS = 4;
const KINDS = [
  { onMinority: 'pause', pool: 'command', workers: 1 },
  { onMinority: 'pause', pool: 'session', workers: 2 },
  { onMinority: 'admit', pool: 'command', workers: 1 },
] as const;

interface Kind {
  readonly name: string;
  readonly waits: boolean;
  readonly proxy: TestProxy;
  readonly writers: Writers;
}

class Divided {
  private constructor(
    readonly rig: SentinelRig,
    private readonly links: readonly FaultyLink[],
    readonly kinds: readonly Kind[],
  ) {}

  static async start(t: Test): Promise<Divided> {
    const rig = await SentinelRig.start(t);
    const links: FaultyLink[] = [];
    for (const { port } of rig.sentinels) links.push(await withFaultyLink(t, port, 1));
    const url = `redis-sentinel://${links.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${SENTINEL_PRIMARY}`;
    const kinds: Kind[] = [];
    for (const { onMinority, pool, workers } of KINDS) {
      const upstream = { url, pool, failover: { onMinority, pause: '5m' } };
      const proxy = await withProxy(t, { redis: { port: 0 }, config: { workers, upstream } });
      const name = `${onMinority}, ${pool} pooling`;
      const writers = new Writers(WRITERS, () => proxy.port, `k${kinds.length}`);
      t.teardown(() => writers.stop());
      kinds.push({ name, waits: onMinority === 'pause', proxy, writers });
    }
    const divided = new Divided(rig, links, kinds);
    for (const { writers } of kinds) await writers.more(50);
    return divided;
  }

  /** From these Sentinels nothing comes any more. */
  cut(...sentinels: number[]): void {
    for (const [i, link] of this.links.entries()) {
      if (!sentinels.includes(i)) continue;
      link.silence();
      link.deafen();
    }
  }

  async heal(): Promise<void> {
    for (const link of this.links) await link.recover();
  }

  /** Clients of those that are to wait do, and those of the others go on; both know why. */
  async blind(t: Test): Promise<void> {
    for (const { name, waits, proxy } of this.kinds) {
      const { state, blind } = await until(
        async () => {
          const followed = await failoverOf(proxy);
          return followed.blind !== null && followed;
        },
        { ...PATIENCE, describe: 'Spillway to notice' },
      );
      t.equal(state, waits ? 'paused' : 'here', name);
      t.match(blind, /^fewer than 2 of 3 Sentinels answer, so Spillway could miss a failover$/);
      const reason = waits ? /^clients wait for a primary: fewer than 2 of 3/ : /^fewer than 2 of 3/;
      t.match(await proxy.admin('/readyz'), { ready: true, reasons: [reason] }, name);
    }
    const before = this.acknowledged(true);
    for (const { waits, writers } of this.kinds) if (!waits) await writers.more();
    t.same(this.acknowledged(true), before, 'who waits is told nothing');
  }

  /** All use the server at `port`, see enough Sentinels, and write. */
  async here(port: number): Promise<void> {
    for (const { proxy, writers } of this.kinds) {
      await until(
        async () => {
          const { state, address, blind } = await failoverOf(proxy);
          return state === 'here' && address === `127.0.0.1:${port}` && blind === null;
        },
        { ...PATIENCE, describe: 'clients to go on' },
      );
      await writers.more(50);
    }
  }

  private acknowledged(waits: boolean): number[] {
    return this.kinds
      .filter((kind) => kind.waits === waits)
      .map(({ writers }) => writers.acknowledged.length);
  }
}

t.test('two of three Sentinels are cut off, and come back', async (t) => {
  const divided = await Divided.start(t);
  const { rig, kinds } = divided;
  const primary = await rig.settled();
  divided.cut(1, 2);
  await divided.blind(t);
  await divided.heal();
  await divided.here(primary);
  for (const { name, waits, proxy, writers } of kinds) {
    await writers.stop();
    t.same(await writers.lostOn(primary), [], `${name}: nothing is lost`);
    t.same([writers.errors, writers.reconnects], [[], WRITERS], `${name}: no client sees it`);
    const { address, returned } = await failoverOf(proxy);
    t.equal(address, `127.0.0.1:${primary}`);
    if (waits) t.ok(returned >= 1, `${name}: ${returned} pauses`);
  }
});

t.test('all are cut off, and promote a replica meanwhile', async (t) => {
  const divided = await Divided.start(t);
  const { rig, kinds } = divided;
  await rig.settled();
  divided.cut(0, 1, 2);
  await divided.blind(t);
  const after = await rig.failover();
  for (const { waits, writers } of kinds) if (!waits) await writers.more(20);
  await divided.heal();
  await divided.here(after);
  for (const { name, waits, writers } of kinds) {
    await writers.stop();
    const lost = await writers.lostOn(after);
    const of = `${name}: ${lost.length} of ${writers.acknowledged.length} lost`;
    if (waits) t.same(lost.slice(0, 3), [], of);
    else t.ok(lost.length >= 20, `${of}, as FAILOVER.md says`);
  }
});

t.test('two are cut off, and the third tells of a switch: with "admit" its word is enough', async (t) => {
  const divided = await Divided.start(t);
  const { rig, kinds } = divided;
  await rig.settled();
  divided.cut(1, 2);
  await divided.blind(t);
  const after = await rig.failover();
  for (const { waits, proxy, writers } of kinds) {
    if (waits) continue;
    await until(async () => (await failoverOf(proxy)).address === `127.0.0.1:${after}`, PATIENCE);
    await writers.more();
  }
  for (const { name, waits, proxy } of kinds)
    if (waits) t.match(await failoverOf(proxy), { state: 'paused' }, `${name}: one is no majority`);
  await divided.heal();
  await divided.here(after);
  for (const { name, waits, writers } of kinds) {
    await writers.stop();
    const lost = await writers.lostOn(after);
    // With "admit" that depends on the processor, as with any failover that nobody waited for.
    if (waits) t.same(lost.slice(0, 3), [], `${name}: nothing is lost`);
    else t.comment(`${name}: ${lost.length} of ${writers.acknowledged.length} lost`);
  }
});
