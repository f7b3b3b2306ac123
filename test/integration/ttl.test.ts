// What each form of write does to the TTL of its key through the proxy, seen by a direct connection; with each the
// reply compared with that of a server that has no proxy, and the statistics with what was sent.
import t, { type Test } from 'tap';
import type { RuleStats } from '../../src/observe/stats/snapshot.js';
import { READ_BYTES } from '../../src/wire/slabs.js';
import { POOL, type TestProxy, withProxy } from '../support/proxy.js';
import { command, type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import {
  commands,
  everywhere,
  integer,
  linesOf,
  lookAt,
  transcript,
  wipe,
  withTwins,
} from '../support/twins.js';

const HOUR = 3_600_000;
const LONG_MS = 999_999_000;

/** One rule for each prefix; nothing is said of `u:`. */
const RULES = [
  { name: 'strings', match: 's:*', ttl: '1h', maxTtl: '2h' },
  { name: 'all', match: 'a:*', ttl: '1h', maxTtl: '2h', applyTo: 'all' },
  { name: 'durable', match: 'd:*', durable: true, applyTo: 'all' },
  { name: 'observed', match: 'o:*', ttl: '1h', maxTtl: '2h', applyTo: 'all', mode: 'observe' },
  { name: 'jittered', match: 'j:*', ttl: '1000s', jitter: '10%' },
];
const PREFIXES = { s: 'strings', a: 'all', d: 'durable', o: 'observed', u: 'unregistered' } as const;
type Prefix = keyof typeof PREFIXES;

type Counts = Partial<Record<keyof RuleStats, number>>;

/** Rows by name. */
async function rows(proxy: TestProxy): Promise<Record<string, RuleStats>> {
  const stats = await proxy.admin('/api/stats');
  return Object.fromEntries([...stats.rules, stats.unregistered].map((row) => [row.name, row]));
}

/**
 * What changed between two rows, but for times, estimates and the breakdown by command; and for TTLs lost, since keys are
 * removed behind the proxy's back here.
 */
function grown(before: RuleStats, after: RuleStats): Counts {
  const counts: Counts = {};
  for (const [name, value] of Object.entries(after)) {
    if (typeof value !== 'number' || name === 'distinctKeys' || name === 'ttlDropped') continue;
    const by = value - (before[name as keyof RuleStats] as number);
    if (by !== 0) counts[name as keyof RuleStats] = by;
  }
  return counts;
}

/** What a form of write amounts to, whatever its name. */
type Kind = 'plain' | 'keeps' | 'short' | 'long' | 'string' | 'creates' | 'nothing';

interface Form {
  readonly kind: Kind;
  /** `K` is the key, as a word of its own. */
  readonly text: string;
  /** Done before, directly, on both servers. */
  readonly before?: readonly string[];
  /** The TTL the key ends up with, milliseconds, in place of what the kind says. -1: none, -2: no key. */
  readonly ends?: number;
  /** The key has a TTL before: a follow-up finds it. */
  readonly hasTtl?: boolean;
}

/** Below every rule's TTL, and far above the time that this file takes. */
const SHORT_MS = 1_800_000;
const SOON = Math.floor(Date.now() / 1000);
const form = (kind: Kind, ...texts: string[]): Form[] => linesOf(...texts).map((text) => ({ kind, text }));

const FORMS: readonly Form[] = [
  ...form('plain', 'SET K v', 'set K v', 'SET K v NX', 'SET K ""'),
  { kind: 'plain', text: 'SET K v XX', before: ['SET K old'] },
  { kind: 'plain', text: 'SET K v', before: ['SET K old EX 50'] },
  { kind: 'plain', text: 'SET K v', before: ['RPUSH K old'] },
  // Redis does not execute these: the key stays as it was.
  { kind: 'plain', text: 'SET K v NX', before: ['SET K old'], ends: -1 },
  { kind: 'plain', text: 'SET K v XX', ends: -2 },
  ...form('short', 'SET K v EX 1800', 'SET K v px 1800000'),
  ...form('short', 'SET K v NX EX 1800', 'SETEX K 1800 v', 'PSETEX K 1800000 v'),
  ...form('long', 'SET K v EX 999999', 'SET K v px 999999000'),
  ...form('long', 'SET K v NX EX 999999', 'SETEX K 999999 v', 'PSETEX K 999999000 v'),
  ...form('keeps', 'SET K v KEEPTTL', 'SET K v NX KEEPTTL'),
  { kind: 'keeps', text: 'SET K v KEEPTTL', before: ['SET K x'] },
  { kind: 'keeps', text: 'SET K v KEEPTTL', before: ['SET K x EX 77'], hasTtl: true, ends: 77_000 },
  ...form('string', 'SETNX K v', 'GETSET K v', 'MSET K v', 'MSETNX K v'),
  { kind: 'string', text: 'GETSET K v', before: ['SET K x EX 77'] },
  { kind: 'string', text: 'SETNX K v', before: ['SET K x EX 77'], hasTtl: true, ends: 77_000 },
  ...form(
    'creates',
    'INCR K; INCRBY K 2; DECR K; DECRBY K 2; INCRBYFLOAT K 1.5; APPEND K x; SETRANGE K 1 x; SETBIT K 7 1',
    'BITFIELD K SET u8 0 1',
  ),
  ...form(
    'creates',
    'HSET K f v; HMSET K f v; HSETNX K f v; HINCRBY K f 1; HINCRBYFLOAT K f 1.5; LPUSH K x y; RPUSH K x',
    'SADD K x',
  ),
  ...form('creates', 'ZADD K 1 x', 'ZINCRBY K 1 x', 'XADD K 1-1 f v', 'PFADD K x', 'GEOADD K 13.3 38.1 P'),
  { kind: 'creates', text: 'INCR K', before: ['SET K 5 EX 77'], hasTtl: true, ends: 77_000 },
  { kind: 'creates', text: 'RPOPLPUSH src K', before: ['RPUSH src x'] },
  { kind: 'creates', text: 'BRPOPLPUSH src K 1', before: ['RPUSH src x'] },
  { kind: 'creates', text: 'ZUNIONSTORE K 1 src', before: ['ZADD src 1 x'] },
  { kind: 'creates', text: 'ZINTERSTORE K 2 src src WEIGHTS 1 2', before: ['ZADD src 1 x'] },
  { kind: 'creates', text: 'SUNIONSTORE K src none', before: ['SADD src x'] },
  { kind: 'creates', text: 'SINTERSTORE K src', before: ['SADD src x'] },
  { kind: 'creates', text: 'SDIFFSTORE K src none', before: ['SADD src x'] },
  { kind: 'creates', text: 'SUNIONSTORE K src', before: ['SADD src x', 'SET K old EX 77'] },
  { kind: 'creates', text: 'SORT src ALPHA STORE K', before: ['RPUSH src x'] },
  { kind: 'creates', text: 'GEORADIUS src 13 38 9 km store K', before: ['GEOADD src 13 38 P'] },
  { kind: 'creates', text: 'GEORADIUSBYMEMBER src P 9 km STOREDIST K', before: ['GEOADD src 13 38 P'] },
  { kind: 'creates', text: 'BITOP OR K src none', before: ['SET src x'] },
  { kind: 'creates', text: 'PFMERGE K src', before: ['PFADD src x'] },
  { kind: 'creates', text: 'SMOVE src K x', before: ['SADD src x y'] },
  { kind: 'creates', text: 'XGROUP CREATE K g $ MKSTREAM' },
  // Nothing is written, or what is written carries its TTL along.
  ...form(
    'nothing',
    'SET K; SET K v EX; SET K v BOGUS; SET K v EX 10 PX 10; SET K v EX 0; SET K v PX -1; SET K v EX ten',
    'SETEX K 0 v; PSETEX K 01 v; SET K v NX XX; SET K v KEEPTTL EX 9; MSET K; MSET K v other; SETEX K 10',
    'GET K; DEL K; LPUSH K',
  ),
  { kind: 'nothing', text: 'EXPIRE K 999999', before: ['SET K x'], ends: LONG_MS },
  { kind: 'nothing', text: 'RENAME src K', before: ['SET src x'], ends: -1 },
  { kind: 'nothing', text: 'SORT src ALPHA', before: ['RPUSH src x'] },
];

/** What only newer servers have; `needs` is answered by an error elsewhere. */
const NEWER: readonly { readonly needs: string; readonly forms: readonly Form[] }[] = [
  {
    // 6.2.
    needs: 'GETEX probe',
    forms: [
      ...form('plain', 'SeT K v GET'),
      { kind: 'plain', text: 'SET K v XX GET', before: ['SET K old EX 50'] },
      { kind: 'plain', text: 'SET K v GET', before: ['RPUSH K old'], ends: -1 },
      ...form('short', `SET K v EXAT ${SOON + SHORT_MS / 1000}`, `SET K v PXAT ${SOON * 1000 + SHORT_MS}`),
      ...form('short', 'SET K v EX 1800 GET'),
      { kind: 'short', text: 'GETEX K EX 1800', before: ['SET K x'] },
      { kind: 'short', text: 'GETEX K PX 1800000', before: ['SET K x'] },
      ...form('long', `SET K v EXAT ${SOON + 999_999}`, `SET K v PXAT ${SOON * 1000 + LONG_MS}`),
      { kind: 'long', text: 'GETEX K EX 999999', before: ['SET K x'] },
      { kind: 'long', text: `GETEX K PXAT ${SOON * 1000 + LONG_MS}`, before: ['SET K x'] },
      ...form('keeps', 'SET K v keepttl GET'),
      { kind: 'creates', text: 'LMOVE src K LEFT RIGHT', before: ['RPUSH src x'] },
      { kind: 'creates', text: 'BLMOVE src K LEFT RIGHT 1', before: ['RPUSH src x'] },
      { kind: 'creates', text: 'ZDIFFSTORE K 2 src none', before: ['ZADD src 1 x'] },
      { kind: 'creates', text: 'ZRANGESTORE K src 0 -1', before: ['ZADD src 1 x'] },
      {
        kind: 'creates',
        text: 'GEOSEARCHSTORE K src FROMMEMBER P BYRADIUS 1 km',
        before: ['GEOADD src 13 38 P'],
      },
      // Taken before, for a time that nobody meant.
      ...form('nothing', 'SET K v EX 99999999999999999', 'GETEX K', 'GETEX K PERSIST'),
    ],
  },
  {
    // 7.0.
    needs: 'SET probe v NX GET',
    forms: [...form('plain', 'SET K v nx get'), ...form('long', 'SET K v EX 999999 GET NX')],
  },
  {
    // Valkey 8.1, Redis 8.4.
    needs: 'SET probe v IFEQ w',
    forms: [
      { kind: 'plain', text: 'SET K v IFEQ old', before: ['SET K old'] },
      { kind: 'plain', text: 'SET K v ifeq EX GET', before: ['SET K EX EX 50'] },
      { kind: 'plain', text: 'SET K v IFEQ other', before: ['SET K old'], ends: -1 },
      { kind: 'short', text: 'SET K v IFEQ old EX 1800', before: ['SET K old'] },
      { kind: 'long', text: 'SET K v PX 999999000 IFEQ old', before: ['SET K old'] },
      { kind: 'keeps', text: 'SET K v IFEQ old KEEPTTL', before: ['SET K old'] },
      ...form('nothing', 'SET K v IFEQ', 'SET K v NX IFEQ old', 'SET K v IFEQ a IFNE b'),
    ],
  },
  {
    needs: 'SET probe v IFNE w',
    forms: [
      { kind: 'plain', text: 'SET K v IFNE other', before: ['SET K old'] },
      { kind: 'plain', text: 'SET K v IFDNE 0000000000000000 GET', before: ['SET K old'] },
      { kind: 'plain', text: 'SET K v IFDEQ 0000000000000000', before: ['SET K old'], ends: -1 },
      { kind: 'short', text: 'SET K v EX 1800 IFNE other', before: ['SET K old'] },
    ],
  },
  {
    // Redis 8.4 takes these, Valkey refuses them.
    needs: 'SET probe v IFEQ w XX',
    forms: [
      { kind: 'plain', text: 'SET K v IFEQ old XX', before: ['SET K old'] },
      { kind: 'plain', text: 'SET K v IFEQ old IFEQ old', before: ['SET K old'] },
    ],
  },
  {
    // Redis 8.4, Valkey 9.1.
    needs: 'MSETEX 1 probe v',
    forms: [
      ...form('plain', 'MSETEX 1 K v', 'MSETEX 1 K v NX'),
      { kind: 'plain', text: 'MSETEX 1 K v XX', before: ['SET K old EX 50'] },
      ...form('short', 'MSETEX 1 K v EX 1800', 'MSETEX 1 K v NX PX 1800000'),
      ...form('long', 'MSETEX 1 K v EX 999999'),
      ...form('keeps', 'MSETEX 1 K v KEEPTTL'),
      ...form('nothing', 'MSETEX 1 K', 'MSETEX 2 K v', 'MSETEX 1 K v EX'),
    ],
  },
  {
    // Redis 8.0, Valkey 9.0. The TTL is the field's.
    needs: 'HSETEX probe FIELDS 1 f v',
    forms: [
      ...form('creates', 'HSETEX K FIELDS 1 f v; HSETEX K EX 7200 FIELDS 1 f v; HSETEX K FNX FIELDS 1 f v'),
      { kind: 'nothing', text: 'HGETEX K EX 7200 FIELDS 1 f', before: ['HSET K f v'], ends: -1 },
      { kind: 'nothing', text: 'HGETDEL K FIELDS 1 f', before: ['HSET K f v'] },
    ],
  },
  { needs: 'DELEX probe', forms: [{ kind: 'nothing', text: 'DELEX K IFEQ x', before: ['SET K x'] }] },
  { needs: 'DELIFEQ probe x', forms: [{ kind: 'nothing', text: 'DELIFEQ K x', before: ['SET K x'] }] },
  { needs: 'VADD probe VALUES 2 1 1 e', forms: form('creates', 'VADD K VALUES 2 1 1 e') },
];

async function knows(server: RawClient, text: string): Promise<boolean> {
  return !String(await server.call(...text.split(' '))).startsWith('-');
}

/** The forms that this server knows. */
async function formsOf(server: RawClient): Promise<readonly Form[]> {
  const forms = [...FORMS];
  for (const { needs, forms: more } of NEWER) {
    if (await knows(server, needs)) forms.push(...more);
  }
  return forms;
}

interface Expected {
  readonly pttl: number;
  readonly counts: Counts;
}

/** What the rule of `prefix` makes of a form; `answered`: the follow-up's reply is seen. */
function expected(
  { kind, ends, hasTtl = false }: Form,
  prefix: Prefix,
  bytes: number,
  answered: boolean,
): Expected {
  const governs = prefix === 's' || prefix === 'a';
  const one = (column: keyof RuleStats): Counts => ({ writes: 1, bytes, [column]: 1 });
  const followUp = (otherwise: keyof RuleStats, applies = governs): Expected => {
    if (prefix === 'o') return { pttl: ends ?? -1, counts: one('wouldInject') };
    if (!applies) return { pttl: ends ?? -1, counts: one(otherwise) };
    const answer: Counts = answered ? { [hasTtl ? 'followUpsUnchanged' : 'followUpsSet']: 1 } : {};
    return { pttl: ends ?? HOUR, counts: { ...one('followUps'), ...answer } };
  };
  switch (kind) {
    case 'plain':
      if (prefix === 'o') return { pttl: ends ?? -1, counts: one('wouldInject') };
      return { pttl: ends ?? (governs ? HOUR : -1), counts: one(governs ? 'ttlInjected' : 'withoutTtl') };
    case 'short':
      return { pttl: SHORT_MS, counts: one('hadTtl') };
    case 'long':
      if (prefix === 'o') return { pttl: LONG_MS, counts: one('wouldClamp') };
      return { pttl: governs ? 2 * HOUR : LONG_MS, counts: one(governs ? 'ttlClamped' : 'hadTtl') };
    case 'keeps':
      return followUp('kept');
    case 'string':
      return followUp('withoutTtl');
    case 'creates':
      return followUp('kept', prefix === 'a');
    default:
      return { pttl: ends ?? -2, counts: {} };
  }
}

/** Ways to send one command; each ends with QUIT. */
const WAYS: Record<string, (bytes: Buffer) => Buffer> = {
  alone: (bytes) => bytes,
  'in a pipeline': (bytes) =>
    Buffer.concat([commands('SET x 1', 'GET x'), bytes, commands('GET x', 'INCR n')]),
  'in MULTI': (bytes) =>
    Buffer.concat([commands('MULTI', 'GET x'), bytes, commands('GET y', 'EXEC', 'GET z')]),
  'after CLIENT REPLY SKIP': (bytes) =>
    Buffer.concat([commands('CLIENT REPLY SKIP'), bytes, commands('GET x')]),
  'after CLIENT REPLY OFF': (bytes) =>
    Buffer.concat([commands('CLIENT REPLY OFF'), bytes, commands('CLIENT REPLY ON', 'GET x')]),
  'in RESP3': (bytes) => Buffer.concat([commands('CLIENT REPLY OFF', 'HELLO 3', 'CLIENT REPLY ON'), bytes]),
};

/** Somewhat below, since time has passed: since the write, or with a date in it since the table was made. */
function near(t: Test, seen: number, wanted: number, name: string): void {
  const slack = /AT \d/.test(name) ? 170_000 : 10_000;
  if (wanted < 0) t.equal(seen, wanted, name);
  else t.ok(seen > wanted - slack && seen <= wanted, `${name}: ${seen} ms, wanted ${wanted}`);
}

t.test('every form of write, by every rule', async (t) => {
  const { direct, behind, proxy } = await withTwins(t, { rules: RULES });
  const [here, there] = [await lookAt(t, direct), await lookAt(t, behind)];
  const forms = await formsOf(here);
  const ways = Object.entries(WAYS);
  const all = [...ways, ['byte by byte', WAYS.alone] as const, ['inline', WAYS.alone] as const];
  for (const [place, [way, wrap]] of all.entries()) {
    await t.test(way, async (t) => {
      const prefixes = way === 'alone' ? (Object.keys(PREFIXES) as Prefix[]) : (['s', 'a'] as const);
      for (const [at, prefix] of prefixes.entries()) {
        let before = (await rows(proxy))[PREFIXES[prefix]];
        for (const [i, write] of forms.entries()) {
          // A cut has every form alone, by the rules that act and one of the others; other ways have another quarter each.
          if (!FULL && (way === 'alone' ? at > 1 && i % 3 !== at - 2 : i % 4 !== place % 4)) continue;
          if (way === 'inline' && /""/.test(write.text)) continue;
          const named = (text: string) => text.replace(/\bK\b/g, `${prefix}:k`);
          const text = named(write.text);
          const bytes = way === 'inline' ? Buffer.from(`${text}\r\n`) : commands(text);
          for (const server of [here, there]) {
            await wipe(server);
            for (const line of write.before ?? []) await server.call(...named(line).split(' '));
          }
          const sent = Buffer.concat([wrap(bytes), commands('QUIT')]);
          const cuts = way === 'byte by byte' ? everywhere(sent) : [];
          const reply = await transcript(proxy.port, sent, cuts);
          t.equal(String(reply), String(await transcript(direct.port, sent)), `${text}: the reply`);
          const answered = way !== 'after CLIENT REPLY OFF';
          const { pttl, counts } = expected(write, prefix, bytes.length, answered);
          near(t, await integer(there, 'PTTL', `${prefix}:k`), pttl, `${text}: PTTL`);
          const after = (await rows(proxy))[PREFIXES[prefix]];
          t.same(grown(before, after), counts, `${text}: counted`);
          before = after;
        }
      }
    });
  }
});

t.test('large values', async (t) => {
  const { direct, behind, proxy } = await withTwins(t, { rules: RULES });
  const [here, there] = [await lookAt(t, direct), await lookAt(t, behind)];
  const setGets = await knows(here, 'SET probe v GET');
  for (const size of [100_000, 2_000_000]) {
    const value = Buffer.alloc(size, 'v');
    const tests: [Buffer, Record<string, number>, (keyof RuleStats)?][] = [
      [command('SET', 's:k', value), { 's:k': HOUR }, 'ttlInjected'],
      [command('SET', 'd:k', value), { 'd:k': -1 }, 'withoutTtl'],
      [command('SET', 'o:k', value), { 'o:k': -1 }, 'wouldInject'],
      [command('SET', 's:k', value, 'EX', 60), { 's:k': 60_000 }, 'hadTtl'],
      [command('SET', 's:k', value, 'PX', LONG_MS, 'NX'), { 's:k': 2 * HOUR }, 'ttlClamped'],
      [command('SET', 'o:k', value, 'EX', LONG_MS / 1000), { 'o:k': LONG_MS }, 'wouldClamp'],
      [command('SET', 's:k', value, 'NX'), { 's:k': HOUR }, 'followUps'],
      [command('SET', 's:k', value, 'KEEPTTL'), { 's:k': HOUR }, 'followUps'],
      [command('SET', 's:k', value, 'EX'), { 's:k': -2 }],
      [command('SET', 's:k', value, 'BOGUS'), { 's:k': -2 }],
      [command('SET', 's:k', value, 'EX', 10, 'KEEPTTL'), { 's:k': -2 }],
      [command('SETEX', 's:k', LONG_MS / 1000, value), { 's:k': 2 * HOUR }, 'ttlClamped'],
      [command('PSETEX', 's:k', 60_000, value), { 's:k': 60_000 }, 'hadTtl'],
      [command('SETNX', 's:k', value), { 's:k': HOUR }, 'followUps'],
      [command('GETSET', 's:k', value), { 's:k': HOUR }, 'followUps'],
      [
        command('MSET', 's:a', value, 's:b', 'x', 'd:c', value, 's:d', 'y'),
        { 's:a': HOUR, 's:b': HOUR, 'd:c': -1, 's:d': HOUR },
      ],
      [command('MSETNX', 'u:a', 'x', 's:b', value, 's:c', 'y'), { 'u:a': -1, 's:b': HOUR, 's:c': HOUR }],
      [command('APPEND', 'a:k', value), { 'a:k': HOUR }, 'followUps'],
      [command('APPEND', 's:k', value), { 's:k': -1 }, 'kept'],
      [command('HSET', 'a:k', 'f', value, 'g', 'x'), { 'a:k': HOUR }, 'followUps'],
      [command('RPUSH', 'a:k', value, value, 'x'), { 'a:k': HOUR }, 'followUps'],
      [command('SETRANGE', 'a:k', 3, value), { 'a:k': HOUR }, 'followUps'],
      [
        command('SET', Buffer.concat([Buffer.from('s:'), Buffer.alloc(20_000, 'k')]), value),
        {},
        'ttlInjected',
      ],
    ];
    if (setGets) {
      const gets = command('SET', 's:k', value, 'GET', 'EX', LONG_MS / 1000);
      tests.push([gets, { 's:k': 2 * HOUR }, 'ttlClamped']);
    }
    for (const [bytes, keys, column] of tests) {
      const [head, tail] = [bytes.subarray(0, 100), bytes.subarray(-50)].map((part) =>
        part.toString('latin1').replace(/[*$]\d+\r\n|\r\n/g, ' '),
      );
      const name = `${size}: ${head}…${tail}`.replace(/([vk])\1{8,}/g, '…');
      for (const [way, wrap] of Object.entries(WAYS).slice(0, FULL ? 4 : 2)) {
        await Promise.all([wipe(here), wipe(there)]);
        const before = Object.values(await rows(proxy));
        const sent = Buffer.concat([wrap(bytes), commands('QUIT')]);
        const reply = await transcript(proxy.port, sent);
        const twin = await transcript(direct.port, sent);
        t.ok(reply.equals(twin), `${name}, ${way}: the reply`);
        for (const [key, ttl] of Object.entries(keys))
          near(t, await integer(there, 'PTTL', key), ttl, `${name}, ${way}: ${key}`);
        if (column === undefined) continue;
        const after = Object.values(await rows(proxy));
        const changed = after
          .map((row, i) => grown(before[i], row))
          .filter((counts) => (counts.bytes ?? 0) >= size);
        // All of the command may arrive in one read, or while SKIP is being tried, or a connection is made: its options
        // are then known at once.
        const mayBeWhole = size < READ_BYTES || way === 'after CLIENT REPLY SKIP' || POOL === 'command';
        const how = mayBeWhole ? {} : { [column]: 1 };
        t.match(changed, [{ writes: 1, bytes: bytes.length, ...how }], `${name}, ${way}: counted`);
      }
    }
  }
});

t.test('jitter spreads injected TTLs within its bounds', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const keys = Array.from({ length: 300 }, (_, i) => `j:${i}`);
  const client = await withRaw(t, proxy.port);
  void client.write(Buffer.concat(keys.map((key, i) => command(i % 2 === 0 ? 'SET' : 'SETNX', key, 'v'))));
  await client.readReplies(keys.length);
  const direct = await lookAt(t, redis);
  const seen: number[] = [];
  for (const key of keys) seen.push(await integer(direct, 'PTTL', key));
  t.ok(Math.min(...seen) > 898_000, 'none below 90%');
  t.ok(Math.max(...seen) <= 1_100_000, 'none above 110%');
  t.ok(Math.min(...seen) < 940_000 && Math.max(...seen) > 1_060_000, 'spread to both sides');
  t.ok(new Set(seen.map((ms) => Math.round(ms / 1000))).size > 50, 'no two alike, nearly');
});

t.test('INCR whose EXPIRE was lost is healed, and never slides', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const direct = await lookAt(t, redis);
  const client = await withRaw(t, proxy.port);
  await direct.call('SET', 'a:limit', 41);
  t.equal(String(await client.call('INCR', 'a:limit')), ':42\r\n');
  near(t, await integer(direct, 'PTTL', 'a:limit'), HOUR, 'given a TTL');
  await direct.call('PEXPIRE', 'a:limit', 50_000);
  t.equal(String(await client.call('INCR', 'a:limit')), ':43\r\n');
  near(t, await integer(direct, 'PTTL', 'a:limit'), 50_000, 'kept');
  t.equal(String(await client.call('EXPIRE', 'a:limit', 60)), ':1\r\n');
  near(t, await integer(direct, 'PTTL', 'a:limit'), 60_000, 'what the client sets wins');
  t.match((await rows(proxy)).all, { followUps: 2, followUpsSet: 1, followUpsUnchanged: 1 });
});

/** Before 7.0 a follow-up is a script. */
const BEFORE_7 = ['eval', 'pttl'];

for (const right of ['pexpire', ...BEFORE_7]) {
  t.test(`a user without ${right.toUpperCase()}`, (t) => withoutRight(t, right));
}

async function withoutRight(t: Test, right: string): Promise<void> {
  const redis = await withRedis(t, ['--user', 'app', 'on', '>pw', '~*', '+@all', `-${right}`]);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const client = await withRaw(t, proxy.port);
  const direct = await lookAt(t, redis);
  const needed = right === 'pexpire' || !(await knows(direct, 'PEXPIRE none 1 NX'));
  await client.call('AUTH', 'app', 'pw');
  t.equal(String(await client.call('SETNX', 's:1', 1)), ':1\r\n', 'its reply is its own');
  void client.write(commands('SETNX s:2 1', 'INCR a:3', 'GET s:2'));
  t.equal(String(Buffer.concat(await client.readReplies(3))), ':1\r\n:1\r\n$1\r\n1\r\n');
  if (!needed) {
    near(t, await integer(direct, 'PTTL', 's:2'), HOUR, 'PEXPIRE … NX needs no other right');
    return;
  }
  let seen = await rows(proxy);
  t.match(
    seen.strings,
    { writes: 2, followUps: 1, followUpsDenied: 1, withoutTtl: 1 },
    'tried once, not again',
  );
  t.match(seen.all, { writes: 1, kept: 1, followUps: 0 });
  t.equal(String(await client.call('SET', 's:4', 1)), '+OK\r\n');
  near(t, await integer(direct, 'PTTL', 's:4'), HOUR, 'a SET needs no right of its own');
  t.equal(String(await client.call('AUTH', 'default', 'any')), '+OK\r\n');
  t.equal(String(await client.call('SETNX', 's:5', 1)), ':1\r\n');
  near(t, await integer(direct, 'PTTL', 's:5'), HOUR, 'another user, another right');
  seen = await rows(proxy);
  t.match(seen.strings, { followUps: 2, followUpsDenied: 1, followUpsSet: 1 });
}

t.test('each key of a transaction gets one TTL; a discarded transaction gives none', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const [client, direct] = [await withRaw(t, proxy.port), await lookAt(t, redis)];
  void client.write(commands('MULTI', 'SETNX s:1 1', 'INCR a:1', 'MSET s:2 x u:2 y', 'EXEC', 'GET s:1'));
  const replies = await client.readReplies(6);
  t.equal(String(replies[4]), '*3\r\n:1\r\n:1\r\n+OK\r\n');
  for (const key of ['s:1', 'a:1', 's:2']) near(t, await integer(direct, 'PTTL', key), HOUR, key);
  t.equal(await integer(direct, 'PTTL', 'u:2'), -1);
  t.match((await rows(proxy)).strings, { followUps: 2, followUpsSet: 2 });

  await direct.call('SET', 's:9', 'without TTL');
  void client.write(
    commands('MULTI', 'SETNX s:9 1', 'DISCARD', 'MULTI', 'SETNX s:9 1', 'NOSUCH', 'EXEC', 'WATCH w'),
  );
  await client.readReplies(8);
  await direct.call('SET', 'w', 1);
  void client.write(commands('MULTI', 'SETNX s:9 1', 'EXEC', 'PING'));
  t.equal(String((await client.readReplies(4))[2]), '*-1\r\n');
  t.equal(await integer(direct, 'PTTL', 's:9'), -1, 'nothing was executed, so nothing is given');
});

t.test('statistics are what was sent, to the byte', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const client = await withRaw(t, proxy.port);
  const started = Date.now();
  const parts = {
    set: Array.from({ length: 100 }, (_, i) => command('SET', `s:${i}`, 'x'.repeat(i))),
    setex: Array.from({ length: 10 }, (_, i) => command('SETEX', `s:${i}`, 60, 'y')),
    counters: Array.from({ length: 20 }, (_, i) => command('INCR', `a:${i % 5}`)),
    others: Array.from({ length: 30 }, (_, i) => command('SET', `user:${1000 + i}:name`, 'n')),
  };
  const mset = command('MSET', 's:1', 'aaaa', 'd:1', 'bb', 'nobody', 'c');
  const reads = commands('GET s:1', 'DEL s:1', 'EXPIRE a:1 5', 'NOSUCH s:1', 'SET s:1', 'LPOP s:none');
  void client.write(Buffer.concat([...Object.values(parts).flat(), mset, reads]));
  await client.readReplies(160 + 1 + 6);
  const sum = (all: readonly Buffer[]) => all.reduce((bytes, one) => bytes + one.length, 0);
  const seen = await rows(proxy);
  const zero = {
    shed: 0,
    shedBytes: 0,
    wouldShed: 0,
    wouldInject: 0,
    wouldClamp: 0,
    followUpsDenied: 0,
    followUpsFailed: 0,
  };
  const { strings, all, durable, observed, unregistered } = seen;
  t.match(strings, {
    ...zero,
    writes: 111,
    ttlInjected: 100,
    hadTtl: 10,
    followUps: 1,
    followUpsSet: 1,
    followUpsUnchanged: 0,
    kept: 0,
    withoutTtl: 0,
    ttlClamped: 0,
  });
  t.match(strings.commands, { set: 100, setex: 10, mset: 1 });
  t.match(all, {
    ...zero,
    writes: 20,
    bytes: sum(parts.counters),
    followUps: 20,
    followUpsSet: 5,
    followUpsUnchanged: 15,
    commands: { incr: 20 },
  });
  t.match(durable, { ...zero, writes: 1, withoutTtl: 1, commands: { mset: 1 } });
  t.match(observed, { ...zero, writes: 0, bytes: 0, lastSeen: null, distinctKeys: 0 });
  t.match(unregistered, { ...zero, writes: 31, withoutTtl: 31, commands: { set: 30, mset: 1 } });
  const total = strings.bytes + durable.bytes + unregistered.bytes;
  const alone = sum([...parts.set, ...parts.setex, ...parts.others]);
  // Of an MSET each key has its own bytes; what names the command is nobody's.
  t.ok(
    total > alone + mset.length - 16 && total <= alone + mset.length,
    `${total} bytes, ${alone} by single writes`,
  );
  t.ok(durable.bytes < strings.bytes && durable.bytes > 4, 'each key has its share');
  t.ok(Math.abs(strings.distinctKeys - 100) <= 5, `${strings.distinctKeys} distinct keys`);
  t.equal(Math.round(all.distinctKeys), 5);
  t.ok(Date.parse(strings.lastSeen ?? '') >= started - 100, 'last seen just now');
  const { discovered } = await proxy.admin('/api/stats');
  t.match(
    discovered.find(({ pattern }) => pattern.startsWith('user:')),
    { pattern: 'user:*:*', writes: 30, bytes: sum(parts.others), withoutTtl: 30 },
  );
});

t.test('a mixed pipeline of 5,000 writes: every reply, every TTL', async (t) => {
  const { direct, behind, proxy } = await withTwins(t, { rules: RULES });
  const lines = Array.from({ length: 1000 }, (_, i) => [
    `SET s:${i} v`,
    `SETNX s:n${i} v`,
    `INCR a:${i % 50}`,
    `SET d:${i} v EX 999999`,
    `MSET s:m${i} 1 u:${i} 2`,
  ]);
  const bytes = commands(...lines.flat(), 'QUIT');
  const reply = await transcript(proxy.port, bytes);
  t.ok(reply.equals(await transcript(direct.port, bytes)), 'the replies of its twin');
  const there = await lookAt(t, behind);
  const script =
    "local t = {} for _, k in ipairs(redis.call('KEYS', ARGV[1])) do local p = redis.call('PTTL', k) t[p < 0 and p or math.ceil(p / 60000) * 60000] = true end " +
    'local r = {} for p in pairs(t) do r[#r + 1] = p end return r';
  t.equal(String(await there.call('EVAL', script, 0, 's:*')), `*1\r\n:${HOUR}\r\n`, 's:*');
  t.equal(String(await there.call('EVAL', script, 0, 'a:*')), `*1\r\n:${HOUR}\r\n`, 'a:*');
  t.equal(String(await there.call('EVAL', script, 0, 'u:*')), '*1\r\n:-1\r\n', 'u:*');
  t.equal(await integer(there, 'DBSIZE'), 5 * 1000 + 50);
});

t.test('waiting for work is no latency', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const client = await withRaw(t, proxy.port);
  for (const line of ['BLPOP u:q 0.01', 'BLMOVE u:q a:r LEFT RIGHT 0.01', 'PING', 'SET s:1 x']) {
    await client.call(...line.split(' '));
  }
  const { latency } = await proxy.admin('/api/stats');
  t.equal(latency.samples, 2, 'PING and SET, each sent alone');
});

t.test('an expiry far beyond maxTtl, such as one in microseconds, is clamped', async (t) => {
  const redis = await withRedis(t);
  const rules = [{ name: 'every', match: '*', ttl: '1h', maxTtl: '2h' }];
  const proxy = await withProxy(t, { redis, config: { rules } });
  const client = await withRaw(t, proxy.port);
  // A server without points in time gets them as they are, to refuse them.
  const knowsPoints = await knows(client, `SET probe v PXAT ${SOON * 1000}`);
  const points = knowsPoints ? [`PXAT ${SOON * 1_000_000}`] : [];
  for (const option of [...points, 'PX 999999999999999999', 'EX 999999999999999']) {
    t.equal(String(await client.call('SET', 'k', 'v', ...option.split(' '))), '+OK\r\n');
    const left = await integer(client, 'PTTL', 'k');
    t.ok(left > 7_190_000 && left <= 7_200_000, `${option}: ${left} ms`);
  }
});

t.test('a TTL that a plain write takes away is counted where no rule gives one again', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { rules: RULES } });
  const client = await withRaw(t, proxy.port);
  const losing = ['SET K v EX 100', 'SET K v', 'EXPIRE K 100', 'GETSET K v', 'PEXPIRE K 99999', 'MSET K v'];
  const store = ['EXPIREAT K 9999999999', 'BITOP NOT K source'];
  const keeping = [
    'SET K v EX 100',
    'PERSIST K',
    'SET K v',
    'EXPIRE K 100',
    'APPEND K v',
    'DEL K',
    'SET K v',
  ];
  await client.call('SET', 'source', 'v');
  const counted: Record<string, number> = {};
  for (const [prefix, name] of Object.entries(PREFIXES)) {
    for (const line of [...losing, ...store, ...keeping]) {
      const reply = await client.call(...line.replace('K', `${prefix}:k`).split(' '));
      t.notMatch(String(reply), /^-/, line);
      if (line !== store[1]) continue;
      const given = (await integer(client, 'PTTL', `${prefix}:k`)) > 0;
      t.equal(given, name === 'all', `${name}: TTL behind ${line}`);
    }
    counted[name] = (await rows(proxy))[name].ttlDropped;
  }
  // A rule for strings says nothing of what BITOP leaves.
  t.same(counted, { strings: 1, all: 0, durable: 4, observed: 4, unregistered: 4 });
});
