// What spillway watch makes of looks: thresholds, forecast, refusals, servers that are away; pure.
import t from 'tap';
import { changeLine } from '../../../src/cli/watch-lines.js';
import { alertOf, changesBetween, isWorse } from '../../../src/tools/watch/changes.js';
import { parseLook } from '../../../src/tools/watch/look.js';
import { CALM, ServerState } from '../../../src/tools/watch/server-state.js';
import { Thresholds } from '../../../src/tools/watch/thresholds.js';

const MB = 2 ** 20;
const OPTIONS = {
  thresholds: [0.8, 0.9],
  timeToFullMs: 1_800_000,
  holdMs: 60_000,
  limitBytes: undefined,
} as const;

interface Told {
  usedMb: number;
  policy?: string;
  oom?: number;
  run?: string;
  role?: string;
  limitMb?: number;
}

function look({ usedMb, policy = 'noeviction', oom = 0, run = 'a', role = 'master', limitMb = 100 }: Told) {
  const text = [
    `run_id:${run}\r\nused_memory:${Math.round(usedMb * MB)}\r\nmaxmemory:${limitMb * MB}`,
    `maxmemory_policy:${policy}\r\nmem_fragmentation_ratio:1.20\r\nevicted_keys:7\r\nrole:${role}`,
    ...(oom > 0 ? [`errorstat_OOM:count=${oom}`] : []),
    'db0:keys=10,expires=10,avg_ttl=0',
  ].join('\r\n');
  const read = parseLook(text);
  if (read === undefined) throw new Error('no look');
  return read;
}

t.test('a threshold counts until memory is two percent below it', async (t) => {
  const thresholds = new Thresholds([0.8, 0.9]);
  const pressures = [0.79, 0.8, 0.79, 0.781, 0.95, 0.89, 0.87, 0.77, 0.8, 0.1];
  t.same(
    pressures.map((pressure) => thresholds.see(pressure)),
    [0, 1, 1, 1, 2, 2, 1, 0, 1, 0],
  );
});

t.test('INFO of anything else is no look', async (t) => {
  t.equal(parseLook('redis_mode:sentinel\r\n'), undefined);
  t.match(look({ usedMb: 1, oom: 3 }), { oomErrors: 3, evictedKeys: 7, fragmentation: 1.2, run: 'a' });
});

t.test('full before long: once it was so for a while, and over likewise', async (t) => {
  const state = new ServerState('s', OPTIONS);
  let now = 0;
  const told = [];
  for (; now <= 150_000; now += 10_000) {
    told.push(state.see(look({ usedMb: 10 + now / 10_000 }), now).situation.fullSoon);
  }
  t.equal(told.indexOf(true), 13, 'eight looks for a forecast, then a minute');
  const last = state.see(look({ usedMb: 25 }), now);
  t.ok(Number(last.timeToFull?.seconds) > 600 && Number(last.timeToFull?.seconds) < 900);
  now += 300_000;
  for (let i = 0; i < 20; i++, now += 10_000) state.see(look({ usedMb: 25 }), now);
  t.equal(state.see(look({ usedMb: 25 }), now).situation.fullSoon, false);
});

t.test('full sooner than the hold is over: told while there is time left', async (t) => {
  const state = new ServerState('s', OPTIONS);
  // 1 MB a second, 43 seconds left with the eighth look.
  const limitMb = 113;
  for (let i = 0; i < 8; i++) state.see(look({ usedMb: 10 * i + 0.001 * i, limitMb }), i * 10_000);
  const seen = [5, 10, 15].map((s) => state.see(look({ usedMb: 70 + s, limitMb }), 70_000 + s * 1000));
  t.same(
    seen.map(({ situation }) => situation.fullSoon),
    [false, false, true],
  );
  t.match(changesBetween(CALM, seen[2], OPTIONS.thresholds), [{ text: /memory will be full in 2\d s/ }]);
  const full = new ServerState('s', OPTIONS);
  const of = (now: number) => full.see(look({ usedMb: 100 }), now).situation;
  t.match(of(0), { level: 2, fullSoon: false }, 'full already is told as such');
  t.match(of(60_000), { fullSoon: true });
});

t.test('a restart ends refusals and forecasts at once, and what is better is no alert', async (t) => {
  const state = new ServerState('s:1', OPTIONS);
  for (let i = 0; i < 20; i++) state.see(look({ usedMb: 60 + i, oom: 0 }), i * 10_000);
  const before = state.see(look({ usedMb: 81, oom: 1 }), 200_000);
  t.match(before.situation, { level: 1, fullSoon: true, refusing: true });
  const away = state.miss('connect ECONNREFUSED');
  const after = state.see(look({ usedMb: 3, run: 'b' }), 210_000);
  t.same(after.situation, CALM);
  const changes = changesBetween(away.situation, after, OPTIONS.thresholds);
  t.match(
    changes.map(({ event }) => event),
    ['reach', 'threshold', 'timeToFull', 'refused'],
  );
  t.notOk(changes.some(isWorse));
  t.ok(changesBetween(CALM, before, OPTIONS.thresholds).every(isWorse));
  t.ok(changesBetween(after.situation, away, OPTIONS.thresholds).every(isWorse));
  t.equal(alertOf(changes, [after.situation], { number: 1, instance: 'i', at: '' }).status, 'ok');
  const refuses = state.see(look({ usedMb: 3, oom: 1, run: 'c' }), 220_000);
  t.equal(refuses.situation.refusing, true, 'a restart that refuses again');
});

t.test('a line says whether it is an alert, better or all well', async (t) => {
  const state = new ServerState('s:1', OPTIONS);
  const at = new Date(0);
  const marks = (usedMb: number, run: string) => {
    const from = state.miss('gone fishing').situation;
    const seen = state.see(look({ usedMb, run }), 0);
    return changesBetween(from, seen, OPTIONS.thresholds).map(
      (change) => changeLine(change, seen.situation, at, (_, text) => text).split('  ')[1],
    );
  };
  t.same(marks(95, 'a'), ['better', 'ALERT']);
  t.same(marks(85, 'b'), ['better', 'better']);
  t.same(marks(10, 'c'), ['ok', 'ok']);
});

t.test('a server that evicts, a replica and one without limit are not full', async (t) => {
  for (const given of [{ policy: 'allkeys-lru' }, { role: 'slave' }, { limitMb: 0 }]) {
    t.equal(new ServerState('s', OPTIONS).see(look({ usedMb: 99, ...given }), 0).situation.level, 0);
  }
  const own = new ServerState('s', { ...OPTIONS, limitBytes: 100 * MB });
  t.equal(own.see(look({ usedMb: 99, limitMb: 0 }), 0).situation.level, 2, 'a limit of the configuration');
});

t.test('refused writes are told at once, and over after a while; counts may begin anew', async (t) => {
  const state = new ServerState('s', OPTIONS);
  const refusing = (told: Partial<Told>, now: number) =>
    state.see(look({ usedMb: 50, ...told }), now).situation.refusing;
  t.equal(refusing({ oom: 5 }, 0), false, 'what was before is not known to be now');
  t.equal(refusing({ oom: 6 }, 10_000), true);
  t.equal(refusing({ oom: 6 }, 20_000), true);
  t.equal(refusing({ oom: 6 }, 80_000), false);
  t.equal(refusing({ oom: 0 }, 90_000), false, 'CONFIG RESETSTAT');
  t.equal(refusing({ oom: 1 }, 100_000), true);
  t.equal(refusing({ oom: 1 }, 170_000), true);
  t.equal(refusing({ oom: 1 }, 240_000), false);
  t.equal(refusing({ oom: 1, run: 'b' }, 250_000), true, 'as many, but after a restart');
});

t.test('changes are reported in words, and an alert is bounded', async (t) => {
  const state = new ServerState('s:1', OPTIONS);
  const full = state.see(look({ usedMb: 95 }), 0);
  t.match(changesBetween(CALM, full, OPTIONS.thresholds), [
    { server: 's:1', event: 'threshold', from: null, to: 0.9, text: /95% of its limit, above 90%/ },
  ]);
  t.same(changesBetween(full.situation, full, OPTIONS.thresholds), []);
  const away = state.miss('gone fishing');
  t.match(changesBetween(full.situation, away, OPTIONS.thresholds), [{ to: 'away', text: /gone fishing/ }]);
  const less = state.see(look({ usedMb: 85 }), 10_000);
  t.match(changesBetween(away.situation, less, OPTIONS.thresholds), [
    { to: 'here' },
    { event: 'threshold', from: 0.9, to: 0.8, text: /below 90% again/ },
  ]);
  t.match(changesBetween(less.situation, state.leave(), OPTIONS.thresholds), [{ to: 'gone' }]);
  const many = Array.from({ length: 300 }, () => changesBetween(CALM, full, OPTIONS.thresholds)).flat();
  const alert = alertOf(many, [full.situation], { number: 1, instance: 'i', at: 'now' });
  t.equal(alert.changes.length, 100);
  t.match(alert, { more: 200, status: 'alert', text: /and 295 more/ });
  t.equal(alertOf(many, [CALM, state.leave().situation], { number: 1, instance: 'i', at: '' }).status, 'ok');
});
