// Rules by database and user: random pipelines of SELECT, MULTI, EXEC, DISCARD, AUTH, HELLO, RESET, SWAPDB, MOVE, COPY and
// writes, cut and interleaved at random, with both kinds of pooling. Each key ends with the TTL that its rule promises, and each
// client sees what a server would answer that gives TTLs and refuses writes by the database and user of each write itself.
import fc from 'fast-check';
import t from 'tap';
import { Priority, type Rule } from '../../../src/core/policy/rule.js';
import { runPooled } from '../../support/pool-lab.js';
import {
  cmd,
  RULES,
  randomWay,
  run,
  type Scenario,
  ScriptedRedis,
  type ServerOptions,
  Store,
} from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';

interface Scoped {
  readonly match: string;
  readonly db?: readonly number[];
  readonly user?: readonly string[];
  readonly ttl: number;
  readonly low?: boolean;
}

/** The first one that fits counts. */
const SCOPED: readonly Scoped[] = [
  { match: 'low:', db: [1], ttl: 5000, low: true },
  { match: 'low:', user: ['app'], ttl: 6000, low: true },
  { match: 's:', db: [1], user: ['app'], ttl: 11_000 },
  { match: '', db: [1, 2], user: ['default', 'jobs'], ttl: 12_000 },
  { match: 's:', user: ['jobs'], ttl: 13_000 },
  { match: '', db: [2], ttl: 14_000 },
  { match: 's:a', ttl: 15_000 },
];

const rules: readonly Rule[] = SCOPED.map(({ match, db, user, ttl, low }, i) => ({
  ...(RULES[0] as Rule),
  ...{ slot: i + 1, name: `rule ${i}`, globs: [Buffer.from(`${match}*`)], ttlMs: ttl, applyToAll: true },
  ...{ priority: low ? Priority.LOW : Priority.NORMAL, databases: db, users: user },
}));

function ruleOf(key: string, db: number, user: string): Scoped | undefined {
  return SCOPED.find(
    (rule) =>
      key.startsWith(rule.match) && (rule.db?.includes(db) ?? true) && (rule.user?.includes(user) ?? true),
  );
}

/** What a server does that has the rules itself. */
const KEEPING: Pick<ServerOptions, 'promise' | 'full'> = {
  promise: (key, db, user) => ruleOf(key, db, user)?.ttl ?? 0,
  full: (key, db, user) => ruleOf(key, db, user)?.low === true,
};

/** SELECT to each database is known to succeed. */
const greeting = cmd('AUTH', 'admin', 'secret') + cmd('SELECT', 15) + cmd('RESET');

function keeping({ client, server, shedding }: Scenario): {
  client: string;
  lifetimes: Record<string, number>;
} {
  const store = new Store();
  const { promise, full } = KEEPING;
  const kept = new ScriptedRedis({ ...server, promise, ...(shedding && { full }) }, store);
  const replies = kept.receive(Buffer.from(greeting + client, 'latin1')).toString('latin1');
  return { client: replies, lifetimes: store.lifetimes };
}

const words = (...args: (string | number)[]) => fc.constant(cmd(...args));
const string = fc.constantFrom('s:a', 's:b', 'low:a', 'x');
const hash = fc.constantFrom('h:a', 'low:h');
const db = fc.constantFrom(0, 0, 1, 1, 2, 3);
const name = fc.constantFrom('default', 'app', 'jobs');
const set = fc.oneof(
  string.map((key) => cmd('SET', key, 'v')),
  fc.tuple(string, string).map(([a, b]) => cmd('MSET', a, '1', b, '2')),
);
const single = fc.oneof(
  string.map((key) => cmd('SET', key, 'v')),
  string.map((key) => cmd('SETEX', key, 77, 'v')),
);
const write = fc.oneof(
  set,
  hash.map((key) => cmd('HSET', key, 'f', 'v')),
  string.map((key) => cmd('SETNX', key, 'v')),
);
const read = string.map((key) => cmd('PTTL', key));
const select = fc.oneof(
  { weight: 6, arbitrary: db.map((number) => cmd('SELECT', number)) },
  { weight: 1, arbitrary: fc.constantFrom(cmd('SELECT', 99), cmd('SELECT', 'x'), cmd('SELECT', 'x', 'y')) },
);
const login = fc.oneof(
  { weight: 4, arbitrary: name.map((user) => cmd('AUTH', user, 'secret')) },
  { weight: 2, arbitrary: name.map((user) => cmd('HELLO', 3, 'AUTH', user, 'secret')) },
  { weight: 1, arbitrary: name.map((user) => cmd('HELLO', 2, 'AUTH', user, 'secret', 'SETNAME', 'n')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(cmd('AUTH', 'jobs', 'wrong'), cmd('HELLO', 3, 'AUTH', 'app', 'wrong')),
  },
  { weight: 1, arbitrary: words('RESET') },
);
const carries = fc.oneof(
  fc.tuple(string, db).map(([key, to]) => cmd('MOVE', key, to)),
  fc.tuple(string, string, db).map(([key, to, number]) => cmd('COPY', key, to, 'DB', number, 'REPLACE')),
  fc.tuple(string, string).map(([key, to]) => cmd('COPY', key, to)),
  fc.tuple(db, db).map(([a, b]) => cmd('SWAPDB', a, b)),
);
/** In a transaction, what a server takes for certain: of the rest nothing can be known in time. */
const inside = fc.array(
  fc.oneof(
    single,
    db.map((number) => cmd('SELECT', number)),
    read,
  ),
  { maxLength: 5 },
);
const ends = fc.constantFrom(cmd('EXEC'), cmd('EXEC'), cmd('DISCARD'), cmd('NOSUCH') + cmd('EXEC'));
const transaction = fc.tuple(inside, ends).map(([body, end]) => cmd('MULTI') + body.join('') + end);

const pipeline = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: write },
    { weight: 3, arbitrary: select },
    { weight: 2, arbitrary: login },
    { weight: 2, arbitrary: transaction },
    { weight: 1, arbitrary: carries },
    { weight: 1, arbitrary: read },
  ),
  { minLength: 1, maxLength: 20 },
);
const server = fc.record({
  watchFails: fc.boolean(),
  denied: fc.constantFrom<string[]>([], ['select'], ['multi']),
});

function differences(found: Record<string, number>, expected: Record<string, number>): string {
  return JSON.stringify({ found, expected });
}

t.test('with an own connection', { timeout: 120_000 }, async () => {
  fc.assert(
    fc.property(pipeline, server, fc.boolean(), fc.integer(), (commands, options, shedding, seed) => {
      const scenario = { client: commands.join(''), greeting, server: options, shedding, rules };
      const outcome = run(scenario, randomWay(seed));
      const expected = keeping(scenario);
      if (outcome.client !== expected.client)
        throw new Error(`${JSON.stringify(outcome.client)}\nnot ${JSON.stringify(expected.client)}`);
      const [found, promised] = [JSON.stringify(outcome.lifetimes), JSON.stringify(expected.lifetimes)];
      if (found !== promised) throw new Error(differences(outcome.lifetimes, expected.lifetimes));
    }),
    { numRuns: FULL ? 6000 : 1000 },
  );
});

t.test('with shared connections', { timeout: 120_000 }, async (t) => {
  let shared = 0;
  fc.assert(
    fc.property(pipeline, server, fc.boolean(), fc.integer(), (commands, options, shedding, seed) => {
      const scenario = { client: greeting + commands.join(''), server: options, shedding, rules };
      const outcome = runPooled([scenario], randomWay(seed));
      const expected = keeping({ ...scenario, client: commands.join('') });
      if (outcome.clients[0] !== expected.client)
        throw new Error(`${JSON.stringify(outcome.clients[0])}\nnot ${JSON.stringify(expected.client)}`);
      const [found, promised] = [JSON.stringify(outcome.lifetimes), JSON.stringify(expected.lifetimes)];
      if (found !== promised) throw new Error(differences(outcome.lifetimes, expected.lifetimes));
      shared += outcome.shared;
    }),
    { numRuns: FULL ? 6000 : 1000 },
  );
  t.ok(shared > 500, `${shared} shared connections`);
});
