import t from 'tap';
import { PRIORITY_NAMES } from '../../../src/core/policy/rule.js';
import type { MemorySnapshot, ShedLevel } from '../../../src/memory/snapshot.js';
import { CONDITIONS, ServiceState, type StateFacts } from '../../../src/observe/state/service-state.js';

function levels(shares: Partial<Record<(typeof PRIORITY_NAMES)[number], number>> = {}) {
  return Object.fromEntries(
    PRIORITY_NAMES.map((name) => [name, { shedShare: shares[name] ?? 0 } as ShedLevel]),
  ) as MemorySnapshot['level'];
}

const FACTS: StateFacts = {
  ...{
    closing: false,
    ready: true,
    reasons: [],
    failover: null,
    configError: null,
    serverOom: false,
    rules: { mode: 'enforce', allObserve: false, refusing: new Set(PRIORITY_NAMES), observed: [] },
  },
  memory: {
    ...{ readingAgeMs: 100, stale: false, rehearsal: null, level: levels(), active: true },
    ...{ reason: 'on: noeviction refuses writes at maxmemory', pressure: 0.4 },
  },
};
const OBSERVING = {
  ...({ mode: 'observe', allObserve: true } as const),
  ...{ refusing: new Set<never>(), observed: PRIORITY_NAMES },
};
const LOW = levels({ low: 1 });
const memory = (some: Partial<StateFacts['memory']>): Partial<StateFacts> => ({
  memory: { ...FACTS.memory, ...some },
});
const REHEARSAL = {
  ...{ pressure: 0.95, endsAt: '2026-01-01T00:01:00.000Z', secondsLeft: 60 },
  ...{ refused: [], wouldEvict: null },
};
const see = (...some: Partial<StateFacts>[]) => new ServiceState().see(Object.assign({}, FACTS, ...some), 0);

t.test('the state and the sentence of each condition', async (t) => {
  const cases: [string, 'ok' | 'warn' | 'bad', Partial<StateFacts>, RegExp][] = [
    ['ok', 'ok', {}, /^all writes are admitted$/],
    [
      'ok',
      'ok',
      memory({ active: false, reason: 'off: maxmemory is 0' }),
      /; shedding is off: maxmemory is 0$/,
    ],
    ['closing', 'bad', { closing: true, ready: false, reasons: ['the proxy is closing'] }, /no more clients/],
    ['down', 'bad', { ready: false, reasons: ['a is gone', 'b is stale'] }, /^a is gone; b is stale$/],
    ['failover', 'bad', { failover: 'x is about to promote y' }, /^clients wait for a primary: x is/],
    ['blind', 'bad', memory({ readingAgeMs: null }), /^there is no memory reading$/],
    [
      'blind',
      'bad',
      { ...memory({ stale: true }), reasons: ['the last memory reading is stale'] },
      /is stale$/,
    ],
    ['oom', 'bad', { serverOom: true }, /^the server itself refuses writes with OOM$/],
    ['limited', 'warn', { reasons: ['no right to UNLINK'] }, /^no right to UNLINK$/],
    ['rehearsing', 'warn', memory({ rehearsal: REHEARSAL }), /as if memory were 95% full, until 2026/],
    ['shedding', 'bad', memory({ level: levels({ low: 1, normal: 0.301 }) }), /low \(all\), normal \(30%\)$/],
    ['shedding', 'bad', memory({ level: levels({ low: 0.001 }) }), /low \(< 1%\)$/],
    ['config-error', 'warn', { configError: 'rules[0]: bad' }, /the old one stays in use: rules\[0\]: bad$/],
    ['observing', 'warn', { rules: OBSERVING }, /^nothing is changed or refused$/],
    [
      'observing',
      'warn',
      { rules: OBSERVING, ...memory({ level: levels({ low: 1 }) }) },
      /low \(all\) would be/,
    ],
  ];
  cases.push(
    [
      'observing',
      'warn',
      {
        rules: { mode: 'enforce', allObserve: true, refusing: new Set(['normal']), observed: ['low'] },
        ...memory({ level: LOW }),
      },
      /^every rule only observes; keys without a rule may be refused; .* low \(all\) would be refused$/,
    ],
    [
      'ok',
      'ok',
      {
        rules: { mode: 'enforce', allObserve: false, refusing: new Set(['high']), observed: [] },
        ...memory({ level: LOW }),
      },
      /^all writes are admitted$/,
    ],
  );
  for (const [state, severity, facts, text] of cases)
    t.match(see(facts), { state, severity, text, also: [] });
});

t.test('the worst comes first, and the others follow', async (t) => {
  const all = see(
    { rules: OBSERVING, configError: 'x', reasons: ['y'], serverOom: true },
    memory({ rehearsal: REHEARSAL, level: levels({ low: 1 }) }),
  );
  t.same(
    [all, ...all.also].map(({ state }) => state),
    ['oom', 'rehearsing', 'limited', 'config-error', 'observing'],
  );
  t.match(all.text, /OOM; observing, Spillway prevents nothing$/);
  const order = [all, ...all.also].map(({ state }) =>
    CONDITIONS.indexOf(state as (typeof CONDITIONS)[number]),
  );
  t.same(
    order,
    order.toSorted((a, b) => a - b),
  );
});

t.test('since: from when it began to hold, whatever else comes and goes', async (t) => {
  const service = new ServiceState();
  const at = (now: number, ...some: Partial<StateFacts>[]) =>
    service.see(Object.assign({}, FACTS, ...some), now);
  t.equal(at(1000).since, new Date(1000).toISOString());
  t.equal(at(2000).since, new Date(1000).toISOString());
  t.match(at(3000, { rules: OBSERVING }), { state: 'observing', since: new Date(3000).toISOString() });
  const down = at(4000, { rules: OBSERVING, ready: false, reasons: ['gone'] });
  t.match(down, { state: 'down', since: new Date(4000).toISOString() });
  t.match(down.also, [{ state: 'observing', since: new Date(3000).toISOString() }]);
  t.match(at(5000), { state: 'ok', since: new Date(5000).toISOString() });
});

t.test('in observe mode, a rule that enforces refuses, and the state says so', async (t) => {
  const rules = {
    ...({ mode: 'observe', allObserve: false } as const),
    ...{ refusing: new Set(['low'] as const), observed: PRIORITY_NAMES.slice(1) },
  };
  t.match(see({ rules }, memory({ level: levels({ low: 1, normal: 0.5 }) })), {
    state: 'shedding',
    text: 'refusing growing writes of priority low (all)',
    also: [
      {
        state: 'observing',
        text: /^only rules with mode enforce change or refuse anything; .*normal \(50%\) would be refused$/,
      },
    ],
  });
});
