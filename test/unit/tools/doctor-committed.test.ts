// The doctor judges a server that evicts by what eviction cannot take back.
import t from 'tap';
import { judge } from '../../../src/tools/doctor/doctor.js';
import type { Facts } from '../../../src/tools/doctor/facts.js';
import { facts, found, MB } from '../../support/doctor-facts.js';

const full = { used_memory: 1000 * MB, used_memory_startup: MB, maxmemory_policy: 'volatile-lru' };

/** Keys looked at, with so many bytes on keys with a TTL and without one. */
function looked(withTtl: number, without: number): Partial<Facts> {
  const group = {
    ...{
      name: 'cache:*',
      by: 'pattern',
      types: {},
      encodings: {},
      idle: [],
      largestBytes: MB,
      averageBytes: MB,
    },
    bytes: { estimate: withTtl + without },
    withoutTtlBytes: without,
    ...{ keys: { estimate: 1000 }, withoutTtl: { estimate: 100 }, ttl: [] },
  };
  const keys = { groups: [group], biggest: {}, keys: { total: 1000, looked: 1000, gone: 0 } };
  return { keys } as unknown as Pick<Facts, 'keys'>;
}

t.test('a full server with much to evict is no trouble', (t) => {
  t.same(found(full), [], 'by the share of keys with a TTL');
  t.same(judge(facts(full)).memory?.basis, 'rough');
  const { memory, findings } = judge(facts(full, looked(900 * MB, 90 * MB)));
  t.match(memory, {
    usedBytes: 1000 * MB,
    // MEMORY USAGE leaves out 32 bytes of each of the 900 keys with a TTL.
    evictableBytes: 900 * MB + 900 * 32,
    committedBytes: 100 * MB - 900 * 32,
    basis: 'sampled',
  });
  t.notOk(findings.some(({ id }) => id === 'memory-full'));
  t.end();
});

t.test('a server whose keys with a TTL hold little is nearly full, however many they are', (t) => {
  const { findings } = judge(facts({ ...full, errorstat_OOM: 'count=5' }, looked(20 * MB, 970 * MB)));
  t.match(
    findings.filter(({ id }) => id === 'memory-full' || id === 'oom-errors'),
    [
      {
        severity: 'critical',
        title: 'Memory is nearly at maxmemory, and Redis has little to evict',
        evidence: '98% of 1000 MB, volatile-lru: it can evict about 20.0 MB of the 1000 MB in use',
      },
      { id: 'oom-errors', severity: 'critical' },
    ],
  );
  t.end();
});

t.test('committed memory from INFO alone', (t) => {
  const memory = (info: object) => judge(facts({ ...full, ...info })).memory;
  t.match(memory({ maxmemory_policy: 'noeviction' }), {
    committedBytes: 1000 * MB,
    evictableBytes: 0,
    basis: 'known',
  });
  t.match(memory({ maxmemory_policy: 'allkeys-lfu' }), { committedBytes: MB, basis: 'known' });
  t.match(memory({ db0: 'keys=10,expires=10' }), { committedBytes: MB, basis: 'known' });
  t.match(memory({ db0: 'keys=10,expires=0' }), { evictableBytes: 0, basis: 'known' });
  t.match(memory({ db0: undefined }), { evictableBytes: 0, basis: 'known' });
  t.equal(memory({ maxmemory: 0 }), null);
  t.equal(memory({ role: 'slave' }), null, 'its primary decides');
  t.end();
});
