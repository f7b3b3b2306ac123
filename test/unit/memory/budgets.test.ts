// What a rule with a budget asks the server, and what it makes of the answers: where, how often, how much at a time. The
// server is a table of keys, so that each question can be seen, and refused.
import { mock } from 'node:test';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { hashKey } from '../../../src/core/policy/hash.js';
import { Lifetime } from '../../../src/core/policy/held-keys.js';
import { Quotas } from '../../../src/core/policy/quota.js';
import { Budgets, type BudgetsOptions } from '../../../src/memory/budgets.js';
import type { Question } from '../../../src/memory/question.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';

const LOOK_MS = 50;
const RUN = { name: 'run', match: 'run:*', durable: true, budget: '1mb' };
const JOB = { name: 'job', match: 'job:*', durable: true, budget: '10%' };

interface Value {
  readonly bytes: number;
  readonly pttl?: number;
}

/** Keys by database, and what was asked of them. */
class Server {
  readonly databases = new Map<number, Map<string, Value>>([[0, new Map()]]);
  asked: Question[][] = [];
  refuses: RegExp | undefined;
  /** Answers wait for it. */
  held: Promise<void> | undefined;
  private selected = 0;

  set(db: number, key: string, value: Value): void {
    this.databases.set(db, (this.databases.get(db) ?? new Map<string, Value>()).set(key, value));
  }

  ask: BudgetsOptions['ask'] = async (questions) => {
    this.asked.push([...questions]);
    await this.held;
    return questions.map((question) =>
      this.refuses?.test(String(question[0]))
        ? [new Error(`NOPERM no ${question[0]}`), null]
        : [null, this.answer(question)],
    );
  };

  /** Since the last call. */
  questions(name: string): Question[] {
    const found = this.asked.flat().filter(([asked]) => asked === name);
    this.asked = this.asked.map((questions) => questions.filter(([asked]) => asked !== name));
    return found;
  }

  private answer([name, ...args]: Question): unknown {
    const keys = this.databases.get(this.selected) ?? new Map<string, Value>();
    if (name === 'select') this.selected = Number(args[0]);
    else if (name === 'info') return [...this.databases.keys()].map((db) => `db${db}:keys=1\r\n`).join('');
    else if (name === 'memory') return keys.get(String(args[1]))?.bytes ?? null;
    else if (name === 'pttl') return keys.has(String(args[0])) ? (keys.get(String(args[0]))?.pttl ?? -1) : -2;
    else if (name === 'scanBuffer') {
      const [from, count] = [Number(args[0]), Number(args[2])];
      const page = [...keys.keys()].slice(from, from + count).map((key) => Buffer.from(key));
      return [Buffer.from(from + count < keys.size ? String(from + count) : '0'), page];
    }
    return 'OK';
  }
}

function lab(t: Test, rules: readonly object[], options: Partial<BudgetsOptions> = {}) {
  mock.timers.enable({ apis: ['setInterval'] });
  const compiled = (some: readonly object[]) => compileConfig(configSchema.parse({ rules: some }));
  const config = compiled(rules);
  const server = new Server();
  const lines: string[] = [];
  const quotas = new Quotas();
  const state = { now: 1000, limit: 1_000_000 };
  const budgets = new Budgets(ruleSetOf(config), {
    ...{ quotas, limitBytes: () => state.limit, ask: server.ask, clock: () => state.now },
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
    ...options,
  });
  t.teardown(() => {
    budgets.close();
    mock.timers.reset();
  });
  const adopt = (some: readonly object[] = rules): void => {
    const { rules } = compiled(some);
    quotas.adopt(rules);
    budgets.adopt(ruleSetOf(compiled(some)));
  };
  const sampleOf = (name: string) => {
    const slot = config.rules.find((rule) => rule.name === name)?.slot ?? -1;
    const sample = budgets.sampleOf(slot);
    if (sample === undefined) throw new Error(`${name} has no budget`);
    return sample;
  };
  return {
    ...{ server, budgets, quotas, state, lines, adopt, sampleOf },
    /** So many looks, each with its answers. */
    async looks(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        state.now += LOOK_MS;
        mock.timers.tick(LOOK_MS);
        for (let turn = 0; turn < 12; turn++) await undefined;
      }
    },
    writes(rule: string, key: string, bytes = 10, lifetime: number = Lifetime.NONE): void {
      const name = Buffer.from(key);
      sampleOf(rule).replaced(name, 0, name.length, hashKey(name, 0, name.length), bytes, lifetime);
    },
    held: (rule: string) => budgets.snapshot().find((each) => each.rule === rule)?.heldBytes,
  };
}

t.test('a key that was written is measured in each database, all elements of few counted', async (t) => {
  const { server, adopt, looks, writes, held } = lab(t, [RUN]);
  server.set(0, 'run:1', { bytes: 700 });
  server.set(3, 'run:1', { bytes: 300, pttl: 60_000 });
  adopt();
  await looks(2);
  server.asked = [];
  writes('run', 'run:1');
  await looks(5);
  const name = Buffer.from('run:1');
  const questions = [
    ['memory', 'usage', name, 'samples', 100],
    ['pttl', name],
  ];
  t.same(
    server.asked.find((asked) => asked.some(([command]) => command === 'memory')),
    [['select', 0], ...questions, ['select', 3], ...questions],
  );
  t.equal(held('run'), 1000);
});

t.test(
  'each of many keys gets its own answers, and ends when its time is over in every database',
  async (t) => {
    const { server, adopt, looks, writes, held } = lab(t, [RUN]);
    server.set(0, 'run:brief', { bytes: 100, pttl: 2000 });
    server.set(1, 'run:brief', { bytes: 200, pttl: 4000 });
    server.set(0, 'run:long', { bytes: 1000 });
    server.set(0, 'run:half', { bytes: 10_000, pttl: 2000 });
    server.set(1, 'run:half', { bytes: 20_000 });
    adopt();
    await looks(2);
    for (const name of ['brief', 'long', 'half', 'gone']) writes('run', `run:${name}`);
    await looks(6);
    t.ok((held('run') ?? 0) >= 31_300);
    await looks(30);
    t.equal(held('run'), 31_300, 'one that is nowhere is gone');
    server.databases.clear();
    await looks(60);
    t.equal(held('run'), 31_000, 'its time is over where it lived longest; the others are not due again');
    await looks(200);
    t.equal(held('run'), 0);
  },
);

t.test('a rule of some databases counts what these hold', async (t) => {
  const { server, adopt, looks, writes, held } = lab(t, [{ ...RUN, db: 1 }]);
  server.set(0, 'run:1', { bytes: 700, pttl: 100 });
  server.set(1, 'run:1', { bytes: 50 });
  adopt();
  await looks(2);
  writes('run', 'run:1');
  await looks(20);
  t.equal(held('run'), 50);
});

t.test('keys beyond fifty wait for the next look, and another rule goes first', async (t) => {
  const { server, adopt, looks, writes } = lab(t, [RUN, JOB]);
  adopt();
  await looks(10);
  for (let i = 0; i < 200; i++) {
    server.set(0, `run:${i}`, { bytes: 10 });
    server.set(0, `job:${i}`, { bytes: 10 });
    writes('run', `run:${i}`);
    writes('job', `job:${i}`);
  }
  await looks(3);
  server.asked = [];
  const measured = async (): Promise<string[]> => {
    await looks(1);
    return [...new Set(server.questions('pttl').map(([, key]) => String(key).slice(0, 3)))];
  };
  const first = [await measured(), await measured(), await measured(), await measured()].flat();
  t.same(first.sort(), ['job', 'job', 'run', 'run'], 'they take turns');
  await looks(1);
  t.equal(server.questions('pttl').length, 50);
});

t.test('keys that were there before are found page by page in each database, then measured', async (t) => {
  const { server, adopt, looks, budgets, held } = lab(t, [RUN]);
  for (let i = 0; i < 1200; i++) server.set(0, `run:${i}`, { bytes: 10 });
  for (let i = 0; i < 10; i++) server.set(5, `run:x${i}`, { bytes: 10 });
  server.set(0, 'other', { bytes: 1e6 });
  adopt();
  await looks(1);
  await looks(5);
  t.same(
    server.questions('scanBuffer'),
    ['0', '500', '1000', '0'].map((cursor) => ['scanBuffer', cursor, 'count', 500]),
  );
  t.same(
    server.asked.flat().filter(([name]) => name === 'info'),
    [['info', 'keyspace']],
  );
  t.equal(budgets.method, 'counting', 'not all of them are measured yet');
  await looks(30);
  t.equal(budgets.method, 'measured');
  t.equal(held('run'), 12_100);
});

t.test('SCAN finds all keys again every five minutes, and sooner after a miss', async (t) => {
  const { server, state, adopt, looks, sampleOf } = lab(t, [RUN]);
  adopt();
  await looks(10);
  const walks = (): number => server.questions('info').length;
  t.equal(walks(), 1);
  state.now += 298_000;
  await looks(4);
  t.equal(walks(), 0);
  state.now += 2000;
  await looks(4);
  t.equal(walks(), 1);
  await looks(30);
  sampleOf('run').gaps++;
  await looks(4);
  t.equal(walks(), 1, 'writes were missed');
  sampleOf('run').gaps++;
  await looks(10);
  t.equal(walks(), 0, 'not twice a second');
  await looks(10);
  t.equal(walks(), 1);
  sampleOf('run').clear();
  await looks(4);
  t.equal(walks(), 1, 'all keys were gone: at once');
});

t.test('a walk begins anew when all keys are gone meanwhile', async (t) => {
  const { server, adopt, looks, sampleOf } = lab(t, [RUN]);
  for (let i = 0; i < 1200; i++) server.set(0, `run:${i}`, { bytes: 10 });
  adopt();
  await looks(2);
  sampleOf('run').clear();
  await looks(5);
  t.same(
    server.questions('scanBuffer').map(([, cursor]) => cursor),
    ['0', '0', '500', '1000'],
  );
});

t.test('one question at a time', async (t) => {
  const { server, adopt, looks } = lab(t, [RUN]);
  let release = (): void => {};
  server.held = new Promise((go) => {
    release = go;
  });
  adopt();
  await looks(10);
  t.equal(server.asked.length, 1);
  release();
  await looks(2);
  t.equal(server.asked.length, 2);
});

t.test('without the right, one line in the log, writes alone count, and a look once a minute', async (t) => {
  for (const refuses of [/info/, /scanBuffer/, /memory/, /pttl/]) {
    const { server, state, adopt, looks, writes, budgets, lines, held } = lab(t, [RUN]);
    server.refuses = refuses;
    adopt();
    writes('run', 'run:1', 100);
    await looks(6);
    t.equal(budgets.method, 'written', String(refuses));
    const { length } = server.asked;
    await looks(20);
    t.equal(server.asked.length, length);
    t.ok((held('run') ?? 0) > 100);
    state.now += 60_000;
    await looks(2);
    t.ok(server.asked.length > length);
    t.equal(lines.length, 1);
    t.match(lines[0], refuses);
    budgets.close();
    mock.timers.reset();
  }
});

t.test('a budget that is a share follows the limit, and so does what counts as a large key', async (t) => {
  const { state, adopt, looks, budgets, sampleOf } = lab(t, [RUN, JOB]);
  adopt();
  const shown = () => budgets.snapshot().map(({ rule, budgetBytes }) => [rule, budgetBytes]);
  t.same(shown(), [
    ['run', 1024 ** 2],
    ['job', 100_000],
  ]);
  t.equal(sampleOf('job').scope.largeBytes, 1000);
  state.limit = 0;
  await looks(1);
  t.same(shown(), [
    ['run', 1024 ** 2],
    ['job', null],
  ]);
});

t.test('until SCAN has ended, random keys give a lower bound', async (t) => {
  let errorBytes = 250;
  const { server, adopt, looks, held, quotas, budgets } = lab(t, [RUN], {
    sampled: () => ({ bytes: 1000, errorBytes }),
  });
  server.refuses = /^none/;
  for (let i = 0; i < 600; i++) server.set(0, `run:${i}`, { bytes: 1 });
  adopt();
  t.equal(held('run'), 1000);
  t.equal(quotas.all[0].held, 1000);
  errorBytes = 251;
  await looks(1);
  t.ok((held('run') ?? 0) < 1000);
  errorBytes = 0;
  await looks(30);
  t.equal(budgets.method, 'measured');
  t.equal(held('run'), 600, 'now each of them is known');
});

t.test(
  'a rule that stays keeps what is known, one that comes is counted, and none is asked for',
  async (t) => {
    const { server, adopt, looks, budgets, held } = lab(t, [RUN, JOB]);
    server.set(0, 'run:1', { bytes: 100 });
    server.set(0, 'job:1', { bytes: 10 });
    adopt([RUN]);
    await looks(10);
    t.equal(budgets.method, 'measured');
    adopt([RUN, JOB]);
    t.equal(budgets.method, 'counting');
    t.equal(held('run'), 100);
    await looks(10);
    t.equal(held('job'), 10);
    adopt([{ ...RUN, budget: undefined }]);
    t.same(budgets.snapshot(), []);
    server.asked = [];
    await looks(30);
    t.same(server.asked, []);
  },
);
