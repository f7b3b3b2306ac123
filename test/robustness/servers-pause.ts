// A server that is stopped in the middle of its work and goes on later: clients under load, one that sends far more
// than anybody reads, and new ones. All wait, as without a proxy; then each gets every reply, in order.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { ConnectionSnapshot } from '../../src/observe/snapshots/connections.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { type LoadResult, runLoad } from './link/load.js';

const MB = 1024 * 1024;
const WAIT_MS = 60_000;
const GREEDY_BYTES = 64 * MB;
const GROWTH_BOUND = 64 * MB;
const VALUE = Buffer.alloc(1000, 'v');

export interface Pause {
  readonly load: LoadResult;
  readonly grownBytes: number;
}

/** Stops the server for `pauseMs`, and at least until nothing moves any more; asserts that nothing came wrong. */
export async function pauseUnderLoad(t: Test, pauseMs: number, seed: number): Promise<Pause> {
  const redis = await withRedis(t);
  const proxy = await withProxyProcess(t, {
    config: {
      upstream: { url: `redis://127.0.0.1:${redis.port}` },
      rules: [{ name: 'every', match: '*', ttl: '1h', applyTo: 'all' }],
    },
  });
  const connections = () => proxy.admin('/api/connections');
  let over = false;
  let answered = 0;
  const loading = runLoad({
    port: proxy.port,
    server: redis.port,
    clients: 16,
    enough: ({ tally }) => {
      ({ answered } = tally);
      return over;
    },
    seed,
    depth: 100,
    shed: false,
    large: 2,
    cuts: false,
    ttls: true,
  });
  const greedy = await withRaw(t, proxy.port, WAIT_MS);
  await greedy.call('PING');
  await until(() => answered >= 2000, { timeoutMs: WAIT_MS, describe: () => `${answered} commands` });

  await redis.kill('SIGSTOP');
  t.teardown(() => redis.kill('SIGCONT'));
  const before = resident(proxy.pid);
  const echo = command('ECHO', VALUE);
  const asked = Math.ceil(GREEDY_BYTES / echo.length);
  void greedy.write(Buffer.concat(Array<Buffer>(asked).fill(echo)));
  const fresh = [await withRaw(t, proxy.port, WAIT_MS), await withRaw(t, redis.port, WAIT_MS)];
  for (const client of fresh) void client.write(command('PING'));
  const [stuck] = await Promise.all([untilStuck(connections, () => answered), delay(pauseMs)]);
  const grownBytes = resident(proxy.pid) - before;
  t.ok(stuck.pausedClients > 0, 'who sends too much is not read');
  t.ok(grownBytes < GROWTH_BOUND, `resident memory has grown by ${Math.round(grownBytes / MB)} MB`);
  t.same(fresh.map(unanswered), [true, true], 'a new client waits, through the proxy and directly');

  await redis.kill('SIGCONT');
  for (const client of fresh) t.equal(String(await client.readReplies(1)), '+PONG\r\n');
  const reply = Buffer.concat([Buffer.from(`$${VALUE.length}\r\n`), VALUE, Buffer.from('\r\n')]);
  const all = await greedy.readExactly(asked * reply.length);
  t.ok(all.equals(Buffer.concat(Array<Buffer>(asked).fill(reply))), `${asked} replies to the greedy client`);
  const enough = answered + 2000;
  await until(() => answered >= enough, { timeoutMs: WAIT_MS, describe: () => `${answered} commands` });
  over = true;
  const load = await loading;
  t.equal(
    load.tally.faults,
    0,
    load.tally.samples.join('\n') || `${load.tally.answered} commands, nothing wrong`,
  );
  return { load, grownBytes };
}

function unanswered(client: RawClient): boolean {
  return !client.closed && client.peek().length === 0;
}

/** Waits until nothing moves: neither replies nor requests, and who sends more is no longer read. */
async function untilStuck(
  connections: () => Promise<ConnectionSnapshot>,
  answered: () => number,
): Promise<ConnectionSnapshot> {
  let last = '';
  let same = 0;
  return until(
    async () => {
      const now = await connections();
      const seen = `${now.bytesFromClients} ${now.bytesToUpstream} ${answered()}`;
      same = seen === last ? same + 1 : 0;
      last = seen;
      return same >= 20 && now.pausedClients > 0 && now;
    },
    { timeoutMs: WAIT_MS, describe: () => `everything to stand still: ${last}` },
  );
}

function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}
