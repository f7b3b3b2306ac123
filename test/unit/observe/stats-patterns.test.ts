// Which pattern a key is counted under, and what is suggested for it.
import t from 'tap';
import { DistinctCounters, STANDARD_ERROR } from '../../../src/observe/stats/hyperloglog.js';
import { PATTERN_SCRATCH, writePattern } from '../../../src/observe/stats/prefix.js';
import { suggestRule } from '../../../src/observe/stats/suggest.js';

function patternOf(key: string): string {
  const bytes = Buffer.from(key, 'latin1');
  const out = new Uint8Array(PATTERN_SCRATCH);
  return Buffer.from(out.subarray(0, writePattern(bytes, 0, bytes.length, out))).toString('latin1');
}

const PATTERNS: [key: string, pattern: string, why?: string][] = [
  ['', ''],
  ['config', 'config'],
  ['foo123', 'foo*'],
  ['12345', '*'],
  ['bob@example', '*'],
  ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', '*', 'uuid'],
  ['deadbeef', 'deadbeef', 'hex letters without a digit are a word'],
  ['deadbee1', '*'],
  ['session_9aFqL2xYz81KkPq', 'session_*', 'the words before an id'],
  ['AbC1dEfGhIjKlMnOp', '*', 'no words before the id'],
  ['shoppingcartcounter42', 'shoppingcartcounter*'],
  ['user:1', 'user:*'],
  ['user:bob', 'user:*', 'the last segment, whatever it is'],
  ['user:8412:cart', 'user:*:*'],
  ['user:bob:cart', 'user:bob:*'],
  ['user:{8412}:cart', 'user:*:*', 'cluster hash tag'],
  ['2026-11-22/report|7', '*/report|*'],
  ['img:user132:thumb', 'img:user*:*', 'a word with a number, not last'],
  ['user132:profile', 'user*:*'],
  ['t42:cart:991', 't*:cart:*', 'a tenant'],
  ['{user132}:cart', '{user*}:*'],
  ['stat:2026-11:hits', 'stat:*:*', 'a month'],
  ['rate:{10.0.0.1}:minute', 'rate:*:*', 'an address'],
  ['api:v2:user:7', 'api:v2:user:*', 'a version'],
  ['a:2x:b', 'a:2x:*'],
  ['we*rd7:1', 'we\\*rd*:*'],
  ['a:\\7:b', 'a:\\\\*:*'],
  ['7*7:b', '*:*'],
  ['a:b@c:d', 'a:*:*'],
  ['a:abcdefghijklmno1:d', 'a:*:*', '16 bytes with a digit'],
  ['a:abcdefghijklm1n:d', 'a:abcdefghijklm1n:*', '15 bytes with a digit'],
  ['a::', 'a::*'],
  [':', ':*'],
  ['wei*rd[x]:1', 'wei\\*rd\\[x\\]:*'],
  ['bin\x00\xff:1', 'bin??:*'],
  ['x'.repeat(80), `${'x'.repeat(63)}*`],
  ['x'.repeat(64), 'x'.repeat(64)],
  [`${'x'.repeat(62)}*xx`, `${'x'.repeat(62)}*`, 'not cut inside an escape'],
  [`${'x'.repeat(200)}:1`, `${'x'.repeat(63)}*`, 'a separator beyond what is looked at'],
];

t.test('the pattern of a key: ids become stars, words stay', async (t) => {
  for (const [key, pattern, why] of PATTERNS) t.equal(patternOf(key), pattern, why ?? JSON.stringify(key));
});

function advise(
  pattern: string,
  writes: number,
  hadTtl: number,
  withoutTtl: number,
  taken = new Set<string>(),
) {
  return suggestRule({ pattern, writes, error: 0, bytes: 0, hadTtl, withoutTtl }, taken);
}

t.test('the rule that is suggested for a pattern, by its name and the TTLs of its writes', async (t) => {
  t.same(advise('feed:*', 10, 0, 10).suggestion, {
    name: 'feed',
    match: 'feed:*',
    durable: true,
    priority: 'normal',
    mode: 'observe',
  });
  t.same(advise('tmp:*', 10, 0, 10).suggestion, {
    name: 'tmp',
    match: 'tmp:*',
    ttl: '5m',
    priority: 'low',
    mode: 'observe',
  });
  t.match(advise('page-cache:*', 10, 0, 10).suggestion, { ttl: '1h', priority: 'low' });
  t.match(advise('user:*:session:*', 10, 0, 10).suggestion, {
    name: 'user-session',
    ttl: '24h',
    priority: 'high',
  });
  t.match(advise('feed:*', 100, 96, 4), {
    suggestion: { ttl: '24h', priority: 'normal', mode: 'observe' },
    note: /^These keys already expire: 96%/,
  });
  t.match(advise('feed:*', 100, 90, 10).note, /^Only 90% of the writes carry a TTL, and no sign says/);
  t.match(advise('order:*', 100, 0, 100), {
    suggestion: { durable: true, priority: 'normal', mode: 'observe' },
    note: /^100% of the writes leave the key without a TTL, and no sign says/,
  });
  t.same(
    advise('mail:*', 10, 0, 1).suggestion,
    { name: 'mail', match: 'mail:*', durable: true, priority: 'normal', mode: 'observe' },
    'no TTL for what may be a queue',
  );
  t.match(advise('*:*', 10, 0, 10).suggestion, { name: 'everything-else', match: '*:*', mode: 'observe' });
  t.equal(advise('', 10, 0, 10).suggestion, null);
});

t.test(
  'what is written in transactions gets no TTL and no lower priority, whatever its name or its TTLs say',
  async (t) => {
    const suggest = (pattern: string, inMulti: number, hadTtl = 0) =>
      suggestRule(
        { pattern, writes: 100, error: 0, bytes: 0, hadTtl, withoutTtl: 100 - hadTtl, inMulti },
        new Set(),
      );
    for (const [pattern, hadTtl] of [
      ['page-cache:*', 0],
      ['session:*', 100],
      ['order:*', 0],
    ] as const) {
      const { suggestion, note } = suggest(pattern, 10, hadTtl);
      t.match(suggestion, { match: pattern, durable: true, priority: 'normal', mode: 'observe' }, pattern);
      t.equal(suggestion?.ttl, undefined, pattern);
      t.match(note, /^10% of the writes are in transactions \(MULTI\)\. If these keys expired/, pattern);
    }
    t.match(suggest('page-cache:*', 9).suggestion, { ttl: '1h' }, 'a few do not make it a part of something');
    t.match(suggest('page-cache:*', 0).suggestion, { ttl: '1h' });
  },
);

t.test('names are unique', async (t) => {
  const taken = new Set(['feed']);
  t.equal(advise('feed:*', 1, 0, 1, taken).suggestion?.name, 'feed-2');
  t.equal(advise('feed:*:*', 1, 0, 1, taken).suggestion?.name, 'feed-3');
});

t.test('millions of keys, and only those that shedding lets pass', async (t) => {
  const counters = new DistinctCounters(1);
  const size = 3_000_000;
  // mix is a bijection: exactly `size` distinct hashes.
  for (let i = 1; i <= size; i++) counters.add(0, mix(i));
  t.ok(Math.abs(counters.estimate(0) / size - 1) < 4 * STANDARD_ERROR, `${counters.estimate(0)}`);

  const passing = new DistinctCounters(1);
  let passed = 0;
  for (let i = 1; passed < 100_000; i++) {
    const hash = mix(i) >>> 0;
    // Half of the keys are refused, by their hash.
    if (hash < 2 ** 31) continue;
    passing.add(0, hash);
    passed++;
  }
  t.ok(Math.abs(passing.estimate(0) / passed - 1) < 4 * STANDARD_ERROR, `${passing.estimate(0)}`);
});

/** murmur3's finaliser, a bijection on 32 bits. */
function mix(n: number): number {
  let h = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
