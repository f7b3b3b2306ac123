// What TTLs take, by version of the server: where the TTL stands, and when the table of expiries doubles.
// test/tools/sweep-memory.test.ts measures the same on servers.
import t from 'tap';
import { TtlCost } from '../../../src/memory/ttl-cost.js';

const of = (fields: Record<string, string>) => new TtlCost(new Map(Object.entries(fields)));

t.test('an entry, by version', async (t) => {
  for (const [fields, bytes] of [
    [{}, 32],
    [{ redis_version: '7.4.2' }, 32],
    [{ redis_version: '8.0.10' }, 32],
    [{ redis_version: '8.2.0' }, 16],
    [{ redis_version: '8.10.0' }, 16],
    [{ redis_version: '255.255.255' }, 16],
    [{ redis_version: '7.2.4', valkey_version: '8.0.9' }, 32],
    [{ redis_version: '7.2.4', valkey_version: '8.1.0' }, 16],
    [{ redis_version: '8.9.9', valkey_version: '8.0.1' }, 32],
    [{ redis_version: '7.2.4', valkey_version: '9.0.0' }, 16],
    [{ redis_version: 'unknown' }, 32],
  ] as const)
    t.equal(of(fields).entryBytes, bytes, JSON.stringify(fields));
});

t.test('the table doubles: the old one is there meanwhile', async (t) => {
  const redis = of({ redis_version: '7.0.15' });
  t.equal(redis.bytes(1000, 0), 0);
  t.equal(redis.bytes(1000, 23), 23 * 32, 'within its table of 1,024');
  t.equal(redis.bytes(1000, 24), 24 * 32 + 8 * (1.5 * 2048 - 1024));
  t.equal(redis.bytes(0, 1), 32 + 8 * 1.5 * 4, 'there was none');
  const valkey = of({ valkey_version: '9.0.0' });
  t.equal(valkey.bytes(800, 95), 95 * 16, 'seven of eight places are for entries');
  t.equal(valkey.bytes(800, 96), 96 * 16 + 8 * (1.5 * 2048 - 1024));
});

t.test('how many fit is the most that does', async (t) => {
  for (const cost of [of({}), of({ redis_version: '8.2.0' }), of({ valkey_version: '8.1.1' })]) {
    for (const expires of [0, 1, 1000, 1023, 100_000]) {
      for (const bytes of [0, 31, 32, 5000, 1_000_000]) {
        const fit = cost.fits(expires, bytes);
        t.ok(cost.bytes(expires, fit) <= bytes, `${fit} more than ${expires} in ${bytes}`);
        t.ok(cost.bytes(expires, fit + 1) > bytes);
      }
    }
  }
  t.equal(of({}).fits(10, -1), 0);
});
