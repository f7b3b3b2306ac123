// Random keys are looked at by so many at a time, never longer than the server can spare, and not at all where its user may
// not; a figure that is none is no sample. The server's answers are scripted: no real one gives these.
import { mock } from 'node:test';
import { pino } from 'pino';
import t from 'tap';
import type { Question } from '../../../src/memory/question.js';
import { KeySampler, type SampledKey } from '../../../src/memory/sampling/key-sampler.js';

type Answer = readonly [Error | null, unknown];
const ONE = { keys: 1000, expires: 1000, replica: false, databases: [{ db: 3, keys: 1000, expires: 1000 }] };

function lab(answer: (question: Question) => unknown) {
  const state = {
    now: 0,
    asked: [] as Question[][],
    lines: [] as string[],
    samples: [] as SampledKey[],
    rounds: 0,
    near: true,
  };
  const sampler = new KeySampler({
    ask: async (questions) => {
      state.asked.push([...questions]);
      return questions.map((question): Answer => {
        const value = answer(question);
        return value instanceof Error ? [value, null] : [null, value];
      });
    },
    keyspace: () => ONE,
    isNear: () => state.near,
    clock: () => state.now,
    random: () => 0.5,
    log: pino({ level: 'warn' }, { write: (line: string) => void state.lines.push(line) }),
  });
  sampler.listen({
    onSample: (sample) => void state.samples.push(sample),
    onRound: () => void state.rounds++,
  });
  const count = (name: string) => (state.asked.at(-1) ?? []).filter(([command]) => command === name).length;
  return { state, sampler, count };
}

const usual = ([name]: Question): unknown =>
  ({ select: 'OK', randomkeyBuffer: Buffer.from('k'), pttl: 5000, memory: 200 })[name];

t.test('a round selects its database, and grows to twenty keys', async (t) => {
  const { state, sampler, count } = lab(usual);
  for (let i = 0; i < 4; i++) await sampler.round();
  t.same(state.asked[0], [['select', 3], ...Array(4).fill(['randomkeyBuffer'])]);
  t.same(state.asked[1].slice(0, 3), [
    ['select', 3],
    ['pttl', Buffer.from('k')],
    ['memory', 'usage', Buffer.from('k'), 'samples', 5],
  ]);
  t.equal(count('memory'), 20);
  t.equal(state.rounds, 4);
  t.same(state.samples[0], { db: 3, key: Buffer.from('k'), bytes: 200, ttlMs: 5000 });
});

t.test('without the right, one line in the log, and a look once a minute', async (t) => {
  for (const refusal of [
    'NOPERM this user has no permissions',
    "ERR unknown command 'MEMORY'",
    'ERR unknown subcommand',
  ]) {
    for (const refused of ['select', 'randomkeyBuffer', 'pttl', 'memory']) {
      const { state, sampler } = lab((question) =>
        question[0] === refused ? new Error(refusal) : usual(question),
      );
      await sampler.round();
      t.ok(sampler.denied, `${refused}: ${refusal}`);
      const { length } = state.asked;
      await sampler.round();
      t.equal(state.asked.length, length);
      state.near = true;
      state.now += 5001;
      await sampler.round();
      const { length: soon } = state.asked;
      t.ok(soon > length, 'where it would decide something, sooner');
      state.near = false;
      state.now += 59_000;
      await sampler.round();
      t.equal(state.asked.length, soon);
      state.now += 1001;
      await sampler.round();
      t.ok(state.asked.length > soon);
      t.equal(state.lines.length, 1);
      t.equal(state.samples.length, 0);
    }
  }
});

t.test('an answer that is no number is no sample, nor is a key of an unselected database', async (t) => {
  for (const [question, value] of [
    ['memory', null],
    ['memory', -5],
    ['memory', 'n/a'],
    ['pttl', -2],
    ['pttl', null],
    ['randomkeyBuffer', null],
    ['randomkeyBuffer', Buffer.alloc(5000)],
    ['memory', new Error('LOADING')],
    ['select', new Error('ERR DB index is out of range')],
  ] as const) {
    const { state, sampler } = lab((asked) => (asked[0] === question ? value : usual(asked)));
    await sampler.round();
    t.equal(state.samples.length, 0, `${question}: ${value}`);
    t.notOk(sampler.denied);
  }
});

t.test('where a key takes long, fewer are looked at; the server tells how long', async (t) => {
  let usec = 0;
  let slowMs = 30;
  let tells = true;
  const { state, sampler, count } = lab((question) => {
    const [name] = question;
    if (name === 'memory') {
      state.now += slowMs;
      usec += slowMs * 1000;
    }
    if (name === 'info')
      return tells ? `# Commandstats\r\ncmdstat_memory|usage:calls=1,usec=${usec},x=1\r\n` : '';
    return usual(question);
  });
  await sampler.round();
  t.equal(count('info'), 0, 'nobody knows yet');
  for (let i = 0; i < 4; i++) await sampler.round();
  t.equal(count('info'), 2);
  t.equal(count('memory'), 1);
  tells = false;
  for (let i = 0; i < 4; i++) await sampler.round();
  t.equal(count('memory'), 1, 'a server that does not tell is believed to be slow');
  slowMs = 0;
  for (let i = 0; i < 20; i++) await sampler.round();
  t.equal(count('memory'), 20);
  t.equal(count('info'), 0);
  sampler.startOver();
  await sampler.round();
  t.equal(count('memory'), 4);
});

t.test('time on the way is none of the server’s', async (t) => {
  const { state, sampler, count } = lab((question) => {
    if (question[0] === 'memory') state.now += 30;
    return question[0] === 'info'
      ? '# Commandstats\r\ncmdstat_memory|usage:calls=9,usec=9,x=1\r\n'
      : usual(question);
  });
  for (let i = 0; i < 5; i++) await sampler.round();
  t.equal(count('memory'), 20);
});

t.test(
  'rounds follow one another: fast at first, then as it matters, and rarely where keys are slow',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => mock.timers.reset());
    let slowMs = 0;
    const { state, sampler } = lab((question) => {
      if (question[0] === 'memory') state.now += slowMs;
      return question[0] === 'info' ? '' : usual(question);
    });
    const passes = async (ms: number): Promise<number> => {
      const before = state.rounds;
      mock.timers.tick(ms);
      for (let turn = 0; turn < 12; turn++) await undefined;
      return state.rounds - before;
    };
    sampler.start();
    for (let i = 0; i < 10; i++) t.same([await passes(99), await passes(1)], [0, 1]);
    t.same([await passes(499), await passes(1)], [0, 1], 'it is near');
    state.near = false;
    await passes(500);
    t.same([await passes(999), await passes(1)], [0, 1], 'it is not');
    slowMs = 30;
    for (let i = 0; i < 4; i++) await passes(60_000);
    t.same([await passes(14_999), await passes(1)], [0, 1], 'one key took 30 ms');
    sampler.close();
    t.equal(await passes(120_000), 0);
  },
);
