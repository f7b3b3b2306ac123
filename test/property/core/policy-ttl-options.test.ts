// The options of SET and GETEX against a live Redis: MALFORMED just where Redis sees a syntax error, an expiry just
// where the key has one afterwards. All short option lists, and random longer ones.
import fc from 'fast-check';
import t from 'tap';
import { ExpiryKind, ExpiryUnit, readExpiry, TtlOptions } from '../../../src/core/policy/ttl-options.js';
import { withIoredis } from '../../support/ioredis.js';
import { withRedis } from '../../support/redis.js';

// 2³³ is in the future in every unit that counts from the epoch in seconds or, as a span, in any unit.
const NUMBER = '8589934592';
const FUTURE_MS = '8589934592000';
const WORDS = [
  'EX',
  'PX',
  'EXAT',
  'PXAT',
  'KEEPTTL',
  'PERSIST',
  'NX',
  'XX',
  'GET',
  NUMBER,
  FUTURE_MS,
  'word',
  '',
];

function readOptions(words: readonly string[], persistAllowed: boolean): TtlOptions & { lastNumber: number } {
  const options = Object.assign(new TtlOptions(), { lastNumber: -1 });
  options.reset(persistAllowed);
  for (const [i, word] of words.entries()) {
    const bytes = Buffer.from(`  ${word}  `);
    if (options.feed(bytes, 2, bytes.length - 2)) options.lastNumber = i;
  }
  options.finish();
  return options;
}

t.test('an expiry within a day of the largest that Redis can keep is not taken for one', async (t) => {
  const now = 1_700_000_000_000;
  const read = (value: bigint, unit: ExpiryUnit): number => {
    const bytes = Buffer.from(`<${value}>`);
    return readExpiry(bytes, 1, bytes.length - 1, unit, () => now);
  };
  // Numbers of this size are not exact.
  const STEP = 100_000n;
  const bound = 2n ** 63n - 86_400_000n;
  for (const [unit, least, factor] of [
    [ExpiryUnit.AT_MILLISECONDS, bound, 1n],
    [ExpiryUnit.MILLISECONDS, bound - BigInt(now), 1n],
    [ExpiryUnit.AT_SECONDS, bound, 1000n],
    [ExpiryUnit.SECONDS, bound - BigInt(now), 1000n],
  ] as const) {
    const below = (least - STEP) / factor;
    const value = read(below, unit);
    t.ok(Math.abs(value - Number(below)) <= 1e-15 * Number(below), `${unit}: ${below}, read as ${value}`);
    t.equal(read((least + STEP) / factor, unit), -1, `${unit}: above`);
  }
});

function listsUpTo(length: number): string[][] {
  if (length === 0) return [[]];
  const shorter = listsUpTo(length - 1);
  return [
    ...shorter,
    ...shorter
      .filter((list) => list.length === length - 1)
      .flatMap((list) => WORDS.map((word) => [...list, word])),
  ];
}

const anyCase = fc
  .tuple(fc.constantFrom(...WORDS), fc.boolean())
  .map(([word, lower]) => (lower ? word.toLowerCase() : word));
const LISTS = [
  ...listsUpTo(3),
  ['EX', NUMBER, 'ex', '100'],
  ['PX', '100', 'PX', NUMBER, 'GET'],
  ...fc.sample(fc.array(anyCase, { minLength: 4, maxLength: 8 }), 4000),
];

for (const command of ['SET', 'GETEX'] as const) {
  t.test(`${command} on a live server`, { timeout: 60_000 }, async (t) => {
    const redis = await withRedis(t);
    const client = withIoredis(t, redis.port);
    const pipeline = client.pipeline();
    for (const words of LISTS) {
      pipeline.call('SET', 'k', 'v');
      pipeline.call(command, ...(command === 'SET' ? ['k', 'v'] : ['k']), ...words);
      pipeline.call('PTTL', 'k');
    }
    const replies = (await pipeline.exec()) ?? [];
    const seen = [0, 0, 0, 0];
    for (const [i, words] of LISTS.entries()) {
      const [error] = replies[3 * i + 1];
      const ttl = Number(replies[3 * i + 2][1]);
      const { kind, unit, lastNumber } = readOptions(words, command === 'GETEX');
      seen[kind]++;
      const what = `${command} k ${words.join(' ')}: ${error?.message ?? 'no error'}, PTTL ${ttl}`;
      const syntaxError = error?.message.includes('syntax error') ?? false;
      if (syntaxError !== (kind === ExpiryKind.MALFORMED)) t.fail(`kind ${kind} of ${what}`);
      if (error !== null || words.some((word) => word.toUpperCase() === 'NX')) continue;
      if ((ttl !== -1) !== (kind === ExpiryKind.EXPIRY)) t.fail(`kind ${kind} of ${what}`);
      // PXAT in seconds, or EXAT before now, has deleted the key.
      if (kind !== ExpiryKind.EXPIRY || ttl < 0) continue;
      const span = Number(words[lastNumber]) * (unit % 2 === 0 ? 1000 : 1);
      const expected = unit >= ExpiryUnit.AT_SECONDS ? span - Date.now() : span;
      if (Math.abs(ttl - expected) > 60_000) t.fail(`unit ${unit}, number ${lastNumber} of ${what}`);
    }
    t.ok(
      seen.every((count, kind) => count > 0 || (kind === ExpiryKind.KEEP && command === 'SET')),
      `of each kind: ${seen}`,
    );
  });
}

t.test('conditions newer than the server here', async (t) => {
  const kindOf = (...words: string[]): ExpiryKind => readOptions(words, false).kind;
  for (const condition of ['IFEQ', 'ifne', 'IFDEQ', 'ifdne']) {
    t.equal(kindOf(condition, 'x'), ExpiryKind.NONE);
    t.equal(kindOf(condition, 'EX', 'EX', '10'), ExpiryKind.EXPIRY, 'a comparand that looks like an option');
    t.equal(kindOf('EX', '10', condition, 'x', 'GET'), ExpiryKind.EXPIRY);
    t.equal(kindOf(condition, 'x', 'KEEPTTL'), ExpiryKind.KEEP);
    t.equal(kindOf(condition), ExpiryKind.MALFORMED, 'no comparand');
    t.equal(kindOf(condition, 'x', 'NX'), ExpiryKind.NONE, 'as Redis 8.4 takes it');
    t.equal(kindOf(condition, 'x', condition, 'x'), ExpiryKind.NONE, 'as Redis 8.4 takes it');
    t.equal(kindOf('XX', condition, 'x'), ExpiryKind.MALFORMED);
    t.equal(kindOf(condition, 'x', 'XX', condition, 'x'), ExpiryKind.MALFORMED);
    t.equal(kindOf(condition, 'x', 'IFXX', 'x'), ExpiryKind.MALFORMED);
    t.equal(readOptions([condition, 'x'], true).kind, ExpiryKind.MALFORMED, 'none of GETEX');
  }
});

t.test('conditions as the server here takes them', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const client = withIoredis(t, redis.port);
  const knows = async (...words: string[]): Promise<boolean> =>
    client.call('SET', 'probe', 'v', ...words).then(
      () => true,
      () => false,
    );
  const conditions = [];
  for (const words of [
    ['IFEQ', 'v'],
    ['IFNE', 'other'],
    ['IFDNE', '0000000000000000'],
  ]) {
    if (await knows(...words)) conditions.push(words);
  }
  const others = [['EX', NUMBER], ['PX', FUTURE_MS], ['KEEPTTL'], ['NX'], ['XX'], ['GET'], ['word']];
  const part = fc.constantFrom(...conditions, ...others);
  const lists = fc.sample(fc.array(part, { minLength: 1, maxLength: 5 }), 2000).map((parts) => parts.flat());
  const pipeline = client.pipeline();
  for (const words of lists) {
    pipeline.set('k', 'v');
    pipeline.call('SET', 'k', 'v', ...words);
    pipeline.pttl('k');
  }
  const replies = (await pipeline.exec()) ?? [];
  let taken = 0;
  for (const [i, words] of lists.entries()) {
    const [error, reply] = replies[3 * i + 1];
    const ttl = Number(replies[3 * i + 2][1]);
    const { kind } = readOptions(words, false);
    const what = `SET k v ${words.join(' ')}: ${error?.message ?? reply}, PTTL ${ttl}, kind ${kind}`;
    // It may refuse what a newer one takes, and never the other way round.
    if (error === null && kind === ExpiryKind.MALFORMED) t.fail(what);
    if (error !== null || reply === null || words.includes('NX')) continue;
    taken++;
    if ((ttl !== -1) !== (kind === ExpiryKind.EXPIRY)) t.fail(what);
  }
  t.ok(taken > 100, `${taken} were taken`);
  t.comment(`${conditions.length} conditions are known here`);
});
