// A fault of Spillway itself, put into the middle of a session where its observer is told something: it ends the client
// that it happens to and nobody else, shows in log and metrics, and whoever shares a connection keeps exact replies.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import type { TrafficObserver } from '../../src/core/policy/observer.js';
import { BrokenInvariant } from '../../src/core/resp/invariant.js';
import { POOLS, type TestProxy, withProxy } from '../support/proxy.js';
import { command, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

const LOST = /^-ERR spillway lost its connection to the server/;
const RULES = [{ name: 'every', match: 'fault:*', ttl: '1h', applyTo: 'all' }];
const ROUNDS = 20;

/** Throws while a write to `fault:request` goes up, and when the follow-up of `fault:reply` was answered. */
function faulty(observer: TrafficObserver): TrafficObserver {
  let last = '';
  return new Proxy(observer, {
    get(target, name) {
      const member = target[name as keyof TrafficObserver] as (...args: unknown[]) => void;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'onWrite') {
          const [, , , , key, start, end] = args as Parameters<TrafficObserver['onWrite']>;
          last = Buffer.from(key.slice(start, end)).toString();
          if (last === 'fault:request') throw new BrokenInvariant('said by the test');
        }
        if (name === 'onFollowUpReply' && last === 'fault:reply') {
          last = '';
          throw new BrokenInvariant('said by the test');
        }
        member.apply(target, args);
      };
    },
  });
}

const failed = async (proxy: TestProxy): Promise<number> =>
  (await proxy.admin('/api/connections')).clientsFailed;

for (const pool of POOLS) {
  t.test(`a bug ends the client that it happens to and no other: ${pool} pooling`, async (t) => {
    const redis = await withRedis(t);
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const proxy = await withProxy(t, {
      redis,
      config: { workers: 1, rules: RULES, upstream: { pool, sharedConnections: 1 } },
      log: pino({ level: 'error' }, sink),
      observe: faulty,
    });
    const bystander = await withRaw(t, proxy.port);
    let told = 0;
    for (const where of ['fault:reply', 'fault:request']) {
      let lost = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const offender = await withRaw(t, proxy.port);
        await offender.call('GET', 'k');
        const asked = Array.from({ length: 50 }, (_, i) => `${where}-${round}-${i}`);
        void bystander.write(Buffer.concat(asked.slice(0, 25).map((text) => command('ECHO', text))));
        void offender.write(
          Buffer.concat([command('GET', 'k'), command('INCR', where), command('GET', 'secret')]),
        );
        void bystander.write(Buffer.concat(asked.slice(25).map((text) => command('ECHO', text))));
        for (const [i, reply] of (await bystander.readReplies(asked.length)).entries()) {
          if (LOST.test(String(reply))) lost++;
          else if (String(reply) !== `$${asked[i].length}\r\n${asked[i]}\r\n`)
            t.equal(String(reply), asked[i], 'no reply but its own');
        }
        const seen = String(await offender.readUntilClosed());
        if (!['', '$-1\r\n', `$-1\r\n:${round + 1}\r\n`].includes(seen)) t.fail(`${where}: ${seen}`);
        told++;
      }
      t.equal(await failed(proxy), told, `${where}: counted`);
      if (pool === 'session' || where === 'fault:reply') t.equal(lost, 0, `${where}: no reply is lost`);
    }
    const told1 = lines.filter((line) => line.includes('a bug in Spillway ended this client'));
    t.ok(told1.length > 0, 'logged');
    t.match(
      told1[0],
      /"client":"127\.0\.0\.1:\d+".*said by the test.*FollowUps.answered/s,
      'who, what and where',
    );
    t.equal(String(await bystander.call('PING')), '+PONG\r\n');
  });
}
