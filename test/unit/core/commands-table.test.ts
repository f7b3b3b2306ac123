// The command table: found in any case, overlaid by what a live server says, and complete for every write of it
// that Redis itself would refuse at the limit.
import t from 'tap';
import { factsFromCommandReply } from '../../../src/core/commands/overlay.js';
import {
  arityFits,
  type CommandSpec,
  PIN_REASONS,
  Sharing,
  TtlTreatment,
} from '../../../src/core/commands/spec.js';
import { GENERATED_COMMANDS } from '../../../src/core/commands/table.generated.js';
import { type CommandTable, defaultCommandTable, whyNotShared } from '../../../src/core/commands/table.js';
import { NO_KEYS } from '../../../src/core/commands/treatment.js';
import { withIoredis } from '../../support/ioredis.js';
import { withRedis } from '../../support/redis.js';

/** Looks a name up at an offset, with other bytes around it. */
function find(table: CommandTable, name: string): CommandSpec | undefined {
  const bytes = Buffer.from(`xx${name}yy`, 'latin1');
  return table.find(bytes, 2, 2 + Buffer.byteLength(name, 'latin1'));
}

function known(table: CommandTable, name: string): CommandSpec {
  const spec = find(table, name);
  if (spec === undefined) throw new Error(`${name} is not in the table`);
  return spec;
}

t.test('every command is found, in any case; nothing else is', async (t) => {
  const table = defaultCommandTable();
  t.equal(table.size, GENERATED_COMMANDS.length);
  for (const [name] of GENERATED_COMMANDS) {
    const mixed = name.replace(/./g, (char, i: number) => (i % 2 === 0 ? char.toUpperCase() : char));
    for (const spelt of [name, name.toUpperCase(), mixed]) {
      if (find(table, spelt)?.name !== name) t.fail(`${spelt} is not found`);
    }
    for (const other of [name.slice(1), `${name}x`, ` ${name}`, `${name}\x00`]) {
      const spec = find(table, other);
      if (spec !== undefined && spec.name !== other)
        t.fail(`${JSON.stringify(other)} is taken for ${spec.name}`);
    }
  }
  t.equal(find(table, ''), undefined);
  t.equal(find(table, '\xc7ET'), undefined, 'only ASCII letters have cases');
});

t.test('ids are dense, and the same for a name in every table', async (t) => {
  const first = defaultCommandTable();
  const second = first.overlaidBy([
    { name: 'get', arity: 2, flags: new Set(), keys: known(first, 'get').keys },
    { name: 'mod.write', arity: -2, flags: new Set(['write', 'denyoom']), keys: known(first, 'set').keys },
  ]);
  t.equal(known(second, 'GET').id, known(first, 'get').id);
  t.equal(known(second, 'mod.WRITE').ttl, TtlTreatment.CREATES);
  t.ok(known(second, 'mod.write').governed);
  t.equal(find(first, 'mod.write'), undefined, 'the table it was made from is what it was');
  const ids = GENERATED_COMMANDS.map(([name]) => known(first, name).id);
  t.equal(new Set(ids).size, ids.length);
  t.ok(Math.max(...ids) < ids.length + 10);
});

t.test('arity counts the name; negative is "at least"', async (t) => {
  t.same(
    [2, 3, 4].map((argc) => arityFits(3, argc)),
    [false, true, false],
  );
  t.same(
    [2, 3, 4].map((argc) => arityFits(-3, argc)),
    [false, true, true],
  );
});

t.test('which commands need their own connection, and why', async (t) => {
  const table = defaultCommandTable().overlaidBy([
    { name: 'mod.get', arity: -2, flags: new Set(['readonly']), keys: NO_KEYS },
  ]);
  const pins: [string, Sharing, string | undefined][] = [
    ['get', Sharing.SHARED, undefined],
    ['publish', Sharing.SHARED, undefined],
    ['multi', Sharing.OWN, 'transaction'],
    ['watch', Sharing.OWN, 'watch'],
    ['blpop', Sharing.OWN, 'blocking'],
    ['xread', Sharing.OWN, 'blocking'],
    ['psubscribe', Sharing.OWN, 'subscription'],
    ['client', Sharing.OWN, 'client-state'],
    ['select', Sharing.OWN, 'client-state'],
    ['readonly', Sharing.LASTING, 'client-state'],
    ['monitor', Sharing.LASTING, 'stream'],
    ['psync', Sharing.LASTING, 'stream'],
    ['wait', Sharing.OWN, 'wait'],
    ['evalsha', Sharing.OWN, 'script'],
    ['shutdown', Sharing.OWN, 'server'],
    ['mod.get', Sharing.LASTING, 'unknown-command'],
  ];
  for (const [name, sharing, pin] of pins) t.match(known(table, name), { sharing, pin }, name);
  for (const [name] of GENERATED_COMMANDS) {
    const { sharing, pin } = known(table, name);
    t.equal(sharing === Sharing.SHARED, pin === undefined, name);
    t.ok(pin === undefined || PIN_REASONS.includes(pin));
  }
});

t.test('names that an operator declares free of connection state', async (t) => {
  const declared = ['evalsha', 'mod.get', 'mod.wait', 'no.such'];
  const first = defaultCommandTable(declared);
  const live = first.overlaidBy([
    { name: 'mod.get', arity: -2, flags: new Set(['readonly']), keys: NO_KEYS },
    { name: 'mod.wait', arity: 2, flags: new Set(['blocking']), keys: NO_KEYS },
    { name: 'evalsha', arity: -3, flags: new Set(), keys: NO_KEYS },
    { name: 'eval', arity: -3, flags: new Set(), keys: NO_KEYS },
  ]);
  for (const name of declared) t.match(known(first, name), { sharing: Sharing.SHARED, pin: undefined }, name);
  for (const name of ['evalsha', 'mod.get', 'no.such'])
    t.match(known(live, name), { sharing: Sharing.SHARED, pin: undefined }, `${name}, of a live server`);
  t.match(known(live, 'mod.get'), { arity: -2 }, 'what the server says counts');
  t.match(
    known(live, 'mod.wait'),
    { sharing: Sharing.OWN, pin: 'blocking' },
    'unless it says that it blocks',
  );
  t.match(known(live, 'eval'), { sharing: Sharing.OWN, pin: 'script' }, 'which was not declared');
  t.match(known(live, 'no.such'), { governed: false, arity: -1 });

  for (const name of ['evalsha', 'eval', 'fcall', 'json.get', 'get'])
    t.equal(whyNotShared(name), undefined, name);
  for (const name of ['multi', 'exec', 'watch', 'blpop', 'xread', 'subscribe', 'client', 'hello', 'asking'])
    t.type(whyNotShared(name), 'string', name);
  for (const name of ['readonly', 'monitor', 'sync', 'wait', 'quit', 'script', 'function', 'shutdown'])
    t.type(whyNotShared(name), 'string', name);
});

t.test('a server before 7.0 does not tell which commands block', async (t) => {
  const curated = defaultCommandTable();
  const facts = ['blpop', 'brpoplpush', 'bzpopmin', 'xread', 'xreadgroup'].map((name) => {
    const { arity, keys } = known(curated, name);
    return { name, arity, flags: new Set(['write', 'noscript']), keys };
  });
  const old = curated.overlaidBy(facts);
  for (const { name } of facts)
    t.match(known(old, name), { blocking: true, sharing: Sharing.OWN, pin: 'blocking' }, name);
});

t.test('odd entries of a COMMAND reply are left out, the others count', async (t) => {
  const good = ['FT.ADD', -2, ['write'], 1, 1, 1];
  const reply = [
    null,
    'x',
    [],
    ['noflags', 1],
    ['a', '1', [], 1, 1, 1],
    ['b', 1, [], '1', 1, 1],
    ['c', 1, [], 1, '1', 1],
    ['d', 1, [], 1, 1, '1'],
    good,
  ];
  t.same(
    factsFromCommandReply(reply).map(({ name }) => name),
    ['ft.add'],
  );
  t.same(factsFromCommandReply('nonsense'), []);
  t.same(
    factsFromCommandReply([[...good, [], [], [{ flags: 7 }, 'x', null]]])[0]?.keys.first,
    1,
    'bad key specs',
  );
});

/** What such a server says of these is true there: an unknown key, and a refusal near OOM whatever the subcommand. */
const OTHERWISE_BEFORE_7: ReadonlySet<string> = new Set(['pfdebug', 'xgroup']);

t.test('the COMMAND of a live server is understood, and agrees with the table', async (t) => {
  const redis = await withRedis(t);
  for (const protocol of [2, 3] as const) {
    t.test(`over RESP${protocol}`, async (t) => {
      const client = withIoredis(t, redis.port, { protocol });
      const reply = (await client.call('COMMAND')) as unknown[];
      const facts = factsFromCommandReply(reply);
      t.equal(facts.length, reply.length, 'every entry is understood');
      const curated = defaultCommandTable();
      const live = curated.overlaidBy(facts);
      const old = facts.every(({ flags }) => !flags.has('blocking'));
      for (const { name, flags } of facts) {
        const spec = known(live, name);
        const before = find(curated, name);
        if (before?.governed && !(old && OTHERWISE_BEFORE_7.has(name))) {
          const { keys, governed, ttl, denyOom } = before;
          t.match(spec, { keys, governed, ttl, denyOom }, `${name}: what the server says changes nothing`);
        }
        if (before !== undefined) {
          const { blocking, pin, sharing, role, pausable } = before;
          t.match(
            spec,
            { blocking, pin, sharing, role, pausable },
            `${name}: on whose connection it goes up`,
          );
        }
        if (!flags.has('write') || !flags.has('denyoom')) continue;
        const { first, last, step, keywords } = spec.keys;
        const sensible = keywords.length > 0 || (first > 0 && step > 0 && (last < 0 || last >= first));
        t.ok(spec.governed && sensible, `${name}: ${JSON.stringify(spec.keys)}`);
      }
    });
  }
});

t.test('the key that a server says is written, in place of the first', async (t) => {
  const keysOf = (spec: object) =>
    factsFromCommandReply([['mod.put', -3, ['write'], 1, 1, 1, [], [], [spec]]])[0]?.keys;
  const at = { spec: { index: 2 } };
  const range = { spec: { lastkey: 0, keystep: 1 } };
  const written = { flags: ['RW', 'update'], begin_search: at, find_keys: range };
  t.match(keysOf(written), { first: 2, last: 2, step: 1 });
  t.match(keysOf({ ...written, flags: ['RO', 'access'] }), { first: 1, last: 1, step: 1 }, 'only read');
  t.match(keysOf({ ...written, begin_search: { spec: { keyword: 'STORE' } } }), { first: 1, last: 1 });
  for (const [what, bad] of Object.entries({
    'no last key': { keystep: 1 },
    'no step': { lastkey: 0 },
    'a last key in words': { lastkey: 'x', keystep: 1 },
  }))
    t.match(keysOf({ ...written, find_keys: { spec: bad } }), { first: 1, last: 1, step: 1 }, what);
  t.match(keysOf({ ...written, find_keys: { spec: { lastkey: 2, keystep: 1 } } }), { first: 2, last: 4 });
  t.match(keysOf({ ...written, find_keys: { spec: { lastkey: -1, keystep: 2 } } }), { last: -1, step: 2 });
});

t.test('maps as RESP2 has them: names and values in turn', async (t) => {
  const flat = (map: Record<string, unknown>): unknown[] => Object.entries(map).flat();
  const keysOf = (spec: unknown[]) =>
    factsFromCommandReply([['mod.put', -3, ['write'], 1, 1, 1, [], [], [spec]]])[0]?.keys;
  const begin_search = flat({ type: 'index', spec: flat({ index: 2 }) });
  const find_keys = flat({ type: 'range', spec: flat({ lastkey: 0, keystep: 1, limit: 0 }) });
  t.match(keysOf(flat({ flags: ['RW', 'insert'], begin_search, find_keys })), { first: 2, last: 2, step: 1 });
  t.match(keysOf(flat({ begin_search, find_keys })), { first: 1 }, 'without flags');
  // A value that reads like a name is none.
  const notes = flat({ notes: 'flags', other: ['update'], begin_search, find_keys });
  t.match(keysOf(notes), { first: 1 }, 'a value that is called as a name');
});
