// The command table: found in any case, overlaid by what a live server says, and complete for every write of it
// that Redis itself would refuse at the limit.
import { Redis } from 'ioredis';
import t from 'tap';
import { factsFromCommandReply } from '../../src/commands/overlay.js';
import { arityFits, type CommandSpec, TtlTreatment } from '../../src/commands/spec.js';
import { GENERATED_COMMANDS } from '../../src/commands/table.generated.js';
import { type CommandTable, defaultCommandTable } from '../../src/commands/table.js';
import { withRedis } from '../support/redis.js';

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

t.test('odd entries of a COMMAND reply are left out, the others count', async (t) => {
  const good = ['FT.ADD', -2, ['write'], 1, 1, 1];
  const reply = [null, 'x', [], ['noflags', 1], ['a', '1', [], 1, 1, 1], ['b', 1, [], '1', 1, 1], good];
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

t.test('a live server', async (t) => {
  const redis = await withRedis(t);
  for (const protocol of [2, 3] as const) {
    t.test(`over RESP${protocol}`, async (t) => {
      const client = new Redis({ port: redis.port, protocol });
      t.teardown(() => client.disconnect());
      const reply = (await client.call('COMMAND')) as unknown[];
      const facts = factsFromCommandReply(reply);
      t.equal(facts.length, reply.length, 'every entry is understood');
      const curated = defaultCommandTable();
      const live = curated.overlaidBy(facts);
      for (const { name, flags } of facts) {
        const spec = known(live, name);
        const before = find(curated, name);
        if (before?.governed) {
          const { keys, governed, ttl, denyOom } = before;
          t.match(spec, { keys, governed, ttl, denyOom }, `${name}: what the server says changes nothing`);
        }
        if (!flags.has('write') || !flags.has('denyoom')) continue;
        const { first, last, step, keywords } = spec.keys;
        const sensible = keywords.length > 0 || (first > 0 && step > 0 && (last < 0 || last >= first));
        t.ok(spec.governed && sensible, `${name}: ${JSON.stringify(spec.keys)}`);
      }
    });
  }
});
