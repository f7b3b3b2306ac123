// The glob against Redis's own: for thousands of patterns over the characters that mean something and bytes that are
// signed in C, `KEYS pattern` on a server that has every short key must list just the keys that match here.
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import t from 'tap';
import { globMatches } from '../../../src/core/policy/glob.js';
import { withIoredis } from '../../support/ioredis.js';
import { withRedis } from '../../support/redis.js';
import { FULL } from '../../support/tier.js';

const ALPHABET = [...Buffer.from('ab*?[]^-\\'), 0x80, 0xff];
const PATTERNS = 4000;
const BATCH = 250;

/** All keys of up to `length` bytes over the alphabet, the empty one included. */
function keysUpTo(length: number): Buffer[] {
  if (length === 0) return [Buffer.alloc(0)];
  const shorter = keysUpTo(length - 1);
  const longest = shorter.filter((key) => key.length === length - 1);
  return [...shorter, ...longest.flatMap((key) => ALPHABET.map((byte) => Buffer.from([...key, byte])))];
}

async function keysOf(client: Redis, glob: Buffer): Promise<Buffer[]> {
  return (await client.callBuffer('KEYS', glob)) as Buffer[];
}

const byte = fc.constantFrom(...ALPHABET);
const element = fc.oneof(
  { weight: 4, arbitrary: byte.map((b) => [b]) },
  { weight: 3, arbitrary: fc.constantFrom([0x2a], [0x3f], [0x2a, 0x2a]) },
  { weight: 1, arbitrary: byte.map((b) => [0x5c, b]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.boolean(), fc.array(byte, { maxLength: 4 }), fc.boolean())
      .map(([negated, body, closed]) => [
        0x5b,
        ...(negated ? [0x5e] : []),
        ...body,
        ...(closed ? [0x5d] : []),
      ]),
  },
);
const pattern = fc.array(element, { maxLength: 5 }).map((elements) => Buffer.from(elements.flat()));

t.test('KEYS of a live server lists just what matches here', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const client = withIoredis(t, redis.port);
  const keys = keysUpTo(3);
  await client.mset(...keys.flatMap((key) => [key, '1']));
  const patterns = [...keysUpTo(2), ...fc.sample(pattern, PATTERNS)];
  let matches = 0;
  for (let at = 0; at < patterns.length; at += FULL ? BATCH : 3 * BATCH) {
    const batch = patterns.slice(at, at + BATCH);
    const found = await Promise.all(batch.map((glob) => keysOf(client, glob)));
    for (const [i, glob] of batch.entries()) {
      const expected = new Set(found[i].map((key) => key.toString('hex')));
      matches += expected.size;
      const wrong = keys.filter((key) => {
        const framed = Buffer.concat([Buffer.from('#'), key, Buffer.from('#')]);
        return globMatches(glob, framed, 1, framed.length - 1) !== expected.has(key.toString('hex'));
      });
      if (wrong.length > 0) t.same(wrong, [], `pattern ${glob.toString('hex')} (${glob.toString('latin1')})`);
    }
  }
  t.ok(matches > 100_000, `${patterns.length} patterns, ${keys.length} keys, ${matches} matches`);
});

t.test('longer keys, backtracking over several stars', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const client = withIoredis(t, redis.port);
  const letters = fc.constantFrom(0x61, 0x62);
  const keys = fc
    .sample(fc.array(letters, { minLength: 4, maxLength: 14 }), 800)
    .map((key) => Buffer.from(key));
  await client.mset(...keys.flatMap((key) => [key, '1']));
  const parts = fc.array(fc.oneof(letters, fc.constantFrom(0x2a, 0x2a, 0x3f)), { maxLength: 12 });
  const patterns = fc.sample(parts, 600).map((glob) => Buffer.from(glob));
  const found = await Promise.all(patterns.map((glob) => keysOf(client, glob)));
  for (const [i, glob] of patterns.entries()) {
    const expected = new Set(found[i].map(String));
    const wrong = keys.filter((key) => globMatches(glob, key, 0, key.length) !== expected.has(String(key)));
    if (wrong.length > 0) t.same(wrong.map(String), [], `pattern ${glob}`);
  }
  t.ok(found.some((list) => list.length > 0));
});

// A matcher that tries each star in turn would never end: then the run of the file is what ends.
t.test('a pattern that would take a naive matcher ages', async (t) => {
  const glob = Buffer.from(`${'a*'.repeat(40)}b`);
  const key = Buffer.from('a'.repeat(4000));
  t.notOk(globMatches(glob, key, 0, key.length));
});
