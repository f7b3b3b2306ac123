// Redis's verdict on a write with an expiry is its verdict through Spillway: an expiry that it refuses is refused, in the same
// words, whatever maxTtl there is, and of one that it takes the key lives as long as asked for, maxTtl at most. And a clock of
// this machine that is wrong deletes nothing and prolongs nothing. All forms, around all bounds, in both kinds of pooling.
import fc from 'fast-check';
import t from 'tap';
import { withProxy } from '../../support/proxy.js';
import { withProxyProcess } from '../../support/proxy-process.js';
import { command, type RawClient, withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { FULL } from '../../support/tier.js';
import { until } from '../../support/wait.js';

const MAX_MS = 600_000;
const rules = [{ name: 'c', match: 'c:*', ttl: '5m', maxTtl: '10m' }];
const LARGE = 'v'.repeat(20_000);
const LLONG_MAX = 2n ** 63n - 1n;

type Form = (key: string, number: string) => string[];
const options = (...units: string[]): Form[] =>
  units.flatMap((unit) => [
    (key: string, number: string) => ['SET', key, 'v', unit, number],
    (key: string, number: string) => ['SET', key, LARGE, 'GET', unit, number],
    (key: string, number: string) => ['GETEX', key, unit, number],
  ]);
const FORMS: Record<'s' | 'ms' | 'atS' | 'atMs', Form[]> = {
  s: [...options('EX', 'ex'), (key, number) => ['SETEX', key, number, 'v']],
  ms: [...options('PX'), (key, number) => ['PSETEX', key, number, 'v']],
  atS: options('EXAT', 'exat'),
  atMs: options('PXAT'),
};
const UNITS = Object.keys(FORMS) as (keyof typeof FORMS)[];
const inSeconds = (unit: keyof typeof FORMS): boolean => unit === 's' || unit === 'atS';
const isPoint = (unit: keyof typeof FORMS): boolean => unit === 'atS' || unit === 'atMs';

/** Around what decides: nothing, maxTtl, now, and what Redis can keep, in milliseconds. */
function bounds(unit: keyof typeof FORMS, nowMs: number): bigint[] {
  const now = BigInt(nowMs);
  const from = isPoint(unit) ? now : 0n;
  return [
    0n,
    1n,
    from + 60_000n,
    from + BigInt(MAX_MS),
    from + 3_600_000n,
    2n ** 53n,
    LLONG_MAX - now,
    LLONG_MAX,
  ];
}
const ODD = [
  '',
  '0',
  '-1',
  '+5',
  ' 5',
  '05',
  '1e3',
  '5x',
  '9'.repeat(19),
  '9'.repeat(20),
  String(-LLONG_MAX),
];

async function millisecondsLeft(client: RawClient, key: string): Promise<number> {
  return Number(String(await client.call('PTTL', key)).slice(1, -2));
}

/** Sends a write to a key of the rule through Spillway and to one of no rule directly, and compares what came of them. */
async function compare(through: RawClient, direct: RawClient, form: Form, number: string): Promise<void> {
  const keys = { through: 'c:k', direct: 'd:k' };
  await direct.call('MSET', keys.through, 'old', keys.direct, 'old');
  const [got, expected] = [
    String(await through.call(...form(keys.through, number))),
    String(await direct.call(...form(keys.direct, number))),
  ];
  const what = `${form('k', number)
    .map((word) => word.slice(0, 30))
    .join(' ')}`;
  if (got !== expected) throw new Error(`${what}: ${got} instead of ${expected}`);
  const [left, asked] = [
    await millisecondsLeft(direct, keys.through),
    await millisecondsLeft(direct, keys.direct),
  ];
  // Within two days of the largest that it can keep only Redis's own clock tells whether it takes it: that passes.
  const most = asked > Number(LLONG_MAX / 2n) && left > MAX_MS ? asked : Math.min(asked, MAX_MS);
  if (Math.abs(left - most) > 2000) throw new Error(`${what}: ${left} ms left, ${asked} directly`);
}

for (const pool of ['session', 'command'] as const) {
  t.test(`the client gets Redis’s own verdict on an expiry (${pool})`, async (t) => {
    const redis = await withRedis(t);
    const proxy = await withProxy(t, { redis, config: { rules, upstream: { pool } } });
    const [through, direct] = [await withRaw(t, proxy.port), await withRaw(t, redis.port)];
    await t.resolves(
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...UNITS).chain((unit) =>
            fc.record({
              unit: fc.constant(unit),
              form: fc.constantFrom(...FORMS[unit]),
              bound: fc.nat(7),
              off: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -9000, max: 9000 })),
            }),
          ),
          async ({ unit, form, bound, off }) => {
            const at = bounds(unit, Date.now())[bound] ?? 0n;
            // There Redis's answer changes with each millisecond.
            const away = bound === 6 ? (off < 0 ? -9000 : 9000) : 0;
            const number = (inSeconds(unit) ? at / 1000n : at) + BigInt(off + away);
            await compare(through, direct, form, String(number));
          },
        ),
        { numRuns: FULL ? 400 : 120 },
      ),
    );
    for (const unit of UNITS)
      for (const form of FORMS[unit]) for (const odd of ODD) await compare(through, direct, form, odd);
    t.pass('all odd numbers in all forms');
  });
}

t.test('a wrong clock of this machine deletes nothing and prolongs nothing', async (t) => {
  const redis = await withRedis(t);
  const direct = await withRaw(t, redis.port);
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  for (const skewMs of [-900_000, -540_000, 900_000]) {
    Date.now = () => now() + skewMs;
    const proxy = await withProxy(t, { redis, config: { rules } });
    // The first reading brings the server's time.
    await until(async () => (await proxy.admin('/api/memory')).polls > 0);
    const through = await withRaw(t, proxy.port);
    for (const secondsLeft of [60, 300, 3600]) {
      const at = Math.floor(now() / 1000) + secondsLeft;
      for (const form of FORMS.atS) await compare(through, direct, form, String(at));
      for (const form of FORMS.atMs) await compare(through, direct, form, String(at * 1000));
    }
    await proxy.running.stop(0);
    t.pass(`off by ${skewMs} ms`);
  }
});

t.test('nor does that of worker processes', async (t) => {
  const redis = await withRedis(t);
  const direct = await withRaw(t, redis.port);
  const late = 'data:text/javascript,const { now } = Date; Date.now = () => now() - 900_000;';
  const proxy = await withProxyProcess(t, {
    config: { rules, upstream: { url: `redis://127.0.0.1:${redis.port}` }, workers: 2 },
    nodeArgs: ['--import', late],
  });
  for (let i = 0; i < 2; i++) {
    const through = await withRaw(t, proxy.port);
    const at = String(Math.floor(Date.now() / 1000) + 300);
    // A worker hears of the server's clock a moment after it takes clients.
    await until(() =>
      compare(through, direct, FORMS.atS[0] as Form, at).then(
        () => true,
        () => false,
      ),
    );
    for (const form of FORMS.atS) await compare(through, direct, form, at);
  }
  t.pass('both');
});

t.test(
  "while the server's clock is not known, what is rewritten becomes a span, and what cannot be stands",
  async (t) => {
    const redis = await withRedis(t);
    const direct = await withRaw(t, redis.port);
    await direct.call('ACL', 'SETUSER', 'default', '-info', '-time');
    const { now } = Date;
    t.teardown(() => {
      Date.now = now;
    });
    Date.now = () => now() - 900_000;
    const proxy = await withProxy(t, { redis, config: { rules } });
    const through = await withRaw(t, proxy.port);
    const at = Math.floor(now() / 1000) + 300;
    for (const value of ['v', LARGE]) {
      t.equal(String(await through.call('SET', 'c:k', value, 'EXAT', at)), '+OK\r\n');
      const left = await millisecondsLeft(direct, 'c:k');
      t.ok(left > 290_000 && left <= MAX_MS, `${left} ms left`);
    }
    await direct.write(command('QUIT'));
  },
);
