// The fuzz run on real sockets, short: spoiled bytes in front of a real Redis while others talk sense through the same
// proxy, and an upstream that babbles. fuzz-full.ts does the first for minutes, with the proxy as its own process.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { withProxy } from '../support/proxy.js';
import { command, connectRaw, withRaw } from '../support/raw-client.js';
import { withTwins } from '../support/twins.js';
import { until } from '../support/wait.js';
import { withBabblingUpstream } from './fuzz/babbling-upstream.js';
import { savedCases } from './fuzz/corpus.js';
import { encodeCase } from './fuzz/fuzz-case.js';
import { mutate, noise } from './fuzz/mutate.js';
import { Random, runSeed } from './fuzz/random.js';
import { itemStream } from './fuzz/replies.js';
import { compareBoth, STORM, STORM_ARGS, storm } from './fuzz/storm.js';
import { STORM_RULES } from './fuzz/storm-rules.js';

const STORM_MS = 5000;
const BABBLES = 300;

t.test(
  'spoiled bytes disturb no other client and are answered as by Redis',
  { timeout: 120_000 },
  async (t) => {
    const seed = runSeed();
    t.comment(`SPILLWAY_SEED=${seed}`);
    const { direct, proxy } = await withTwins(t, { rules: STORM_RULES }, STORM_ARGS);
    const ports = { proxyPort: proxy.port, directPort: direct.port };
    for (const { name, case: saved } of savedCases().filter(({ case: { lane } }) => lane === STORM)) {
      t.same((await compareBoth(saved, ports)).failure?.message, undefined, name);
    }
    const before = descriptors();
    const started = performance.now();
    const tally = await storm({
      ...{ seed, proxyPort: proxy.port, directPort: direct.port },
      stop: () => performance.now() - started > STORM_MS,
    });
    t.comment(`${tally.known} known replies, ${tally.streams} spoiled streams, ${tally.resets} resets`);
    for (const { message, case: stream } of tally.failures) {
      t.fail(message, stream === undefined ? {} : { case: encodeCase(stream, message) });
    }
    t.ok(tally.known > 0 && tally.streams > 0, 'both kinds of clients had their turns');
    await until(() => descriptors() <= before, { timeoutMs: 60_000, describe: 'descriptors to come back' });
    const client = await withRaw(t, proxy.port);
    t.equal((await client.call('PING')).toString(), '+PONG\r\n');
  },
);

t.test(
  'bytes that the server sends unasked reach their client, and no other',
  { timeout: 120_000 },
  async (t) => {
    const seed = runSeed();
    t.comment(`SPILLWAY_SEED=${seed}`);
    const random = new Random(seed);
    const upstream = await withBabblingUpstream(t, () => noise(random));
    // That one connection's garbage reaches one client alone is a promise of session pooling.
    const proxy = await withProxy(t, { redis: upstream, config: { upstream: { pool: 'session' } } });
    const healthy = await withRaw(t, proxy.port, 60_000);
    void healthy.write(command('ECHO', 'healthy'));
    for (let i = 0; i < BABBLES; i++) {
      const items = itemStream(random, 1 + random.below(20));
      const bytes = random.oneIn(10) ? noise(random) : mutate(items, items, random);
      upstream.say(`say-${i}-`, bytes);
      const client = await connectRaw(proxy.port, 60_000);
      void client.write(
        Buffer.concat([command('ECHO', `say-${i}-`), command('GET', 'a'), command('SUBSCRIBE', 'c')]),
      );
      const got = await client.readUntilClosed();
      client.destroy();
      if (!got.equals(bytes)) t.same(got.toString('latin1'), bytes.toString('latin1'), `babble ${i}`);
      t.equal((await healthy.call('PING')).toString(), '+PONG\r\n', 'the healthy client is answered');
    }
  },
);

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
