// Links that stand still with megabytes on their way, so that no buffer has room any more, the proxy's included,
// while another client is served; then they move again, and everything arrives as it was sent.
import t from 'tap';
import { withFaultyLink } from '../support/faulty-link.js';
import { Ledger, Tally } from '../support/ledger.js';
import { withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const WAIT_MS = 60_000;
/** More than the kernel keeps for a connection; each by itself is small enough to be copied by the proxy. */
const REQUESTS = 20_000;
const PADDING = '.'.repeat(1000);
const STALL = { stall: { everyBytes: 1, ms: 3_600_000 } };
/** On either side of the proxy, the direction in which it sends. */
const STILL = { client: { down: STALL }, upstream: { up: STALL } };

function ask(client: RawClient, name: string, count: number, ledger: Ledger): void {
  const requests = Array.from({ length: count }, (_, i) => {
    const token = `${name}#${i}${PADDING}`;
    return { bytes: command('ECHO', token), reply: Buffer.from(`$${token.length}\r\n${token}\r\n`) };
  });
  // The server's end comes while much of what was before it is still on its way.
  requests.push({ bytes: command('QUIT'), reply: Buffer.from('+OK\r\n') });
  for (const request of requests) ledger.sent(request);
  void client.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
}

async function hear(client: RawClient, ledger: Ledger): Promise<void> {
  while (ledger.owed > 0) {
    const [reply] = await client.readReplies(1);
    ledger.answered(reply);
  }
  ledger.settle(await client.readUntilClosed());
}

for (const side of ['client', 'upstream'] as const) {
  t.test(`the ${side}'s link stands still`, { timeout: 120_000 }, async (t) => {
    const redis = await withRedis(t);
    const upstreamLink = await withFaultyLink(t, redis.port, 1);
    const proxy = await withProxy(t, { redis: side === 'upstream' ? upstreamLink : redis });
    const clientLink = await withFaultyLink(t, proxy.port, 2);
    const link = side === 'upstream' ? upstreamLink : clientLink;
    const tally = new Tally();
    const waiting = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => ({ name, client: await withRaw(t, clientLink.port, WAIT_MS) })),
    );
    for (const { client } of waiting) await client.call('PING');

    link.poison(STILL[side]);
    const asked = waiting.map(({ name, client }) => {
      const ledger = new Ledger(tally);
      ask(client, name, REQUESTS, ledger);
      return { client, ledger };
    });
    let moved = '';
    let still = 0;
    await until(
      async () => {
        const { bytesFromClients, bytesFromUpstream, bytesToClients } = await proxy.admin('/api/connections');
        const now = `${bytesFromClients} ${bytesFromUpstream} ${bytesToClients}`;
        still = now === moved ? still + 1 : 0;
        moved = now;
        return still >= 20;
      },
      { timeoutMs: WAIT_MS, describe: () => `everything to stand still: ${moved}` },
    );
    // With its upstream's link at a standstill nobody can be served.
    if (side === 'client') {
      for (let round = 0; round < 50; round++) {
        const [other, ledger] = [await withRaw(t, proxy.port, WAIT_MS), new Ledger(tally)];
        ask(other, `other${round}`, 50, ledger);
        await hear(other, ledger);
      }
    }

    link.poison({});
    await Promise.all(asked.map(({ client, ledger }) => hear(client, ledger)));
    t.equal(tally.faults, 0, tally.samples.join('\n') || `${tally.answered} replies, nothing wrong`);
  });
}
