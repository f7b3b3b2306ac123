// Sentinels and servers that want TLS and a login: the proxy follows them through a failover, and so does each tool; a password
// that is wrong or missing, and a right that is missing, are said in words.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { checkConnected } from '../../src/cli/check-connected.js';
import { declareDoctor } from '../../src/cli/doctor-command.js';
import { declareSweep } from '../../src/cli/sweep-command.js';
import { declareWatch } from '../../src/cli/watch-command.js';
import type { SwitchPlanSnapshot } from '../../src/observe/snapshots/failover.js';
import { runCommand, runExit } from '../support/command.js';
import { type EventOutcome, FailoverLab, failoverOf } from '../support/failover-lab.js';
import { withFolder } from '../support/folder.js';
import { type GuardedRig, WATCH, withGuardedRig } from '../support/guarded-rig.js';
import { withProxy } from '../support/proxy.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 60_000 };
const VARIANTS = [
  { pool: 'command', workers: 1 },
  { pool: 'session', workers: 2 },
] as const;

function withLab(t: Test, { rig, places, upstream }: GuardedRig): Promise<FailoverLab> {
  return FailoverLab.start(t, {
    ...{ rig, places, variants: VARIANTS },
    ...{ config: { upstream }, secrets: { sentinelPassword: WATCH.password } },
  });
}

/** All go on at the primary. How many writes that nobody waited for are lost depends on the processor: failover.test counts. */
async function moved(t: Test, { proxies }: FailoverLab, { places }: GuardedRig, outcome: EventOutcome) {
  const address = `127.0.0.1:${places.get(outcome.primary)}`;
  for (const [i, { proxy, variant }] of proxies.entries()) {
    const { lost, acknowledged } = outcome.played[i] as EventOutcome['played'][number];
    t.comment(`${variant.pool}: ${lost.length} of ${acknowledged} acknowledged writes are lost`);
    t.match(await failoverOf(proxy), { state: 'here', address, returned: 0 }, variant.pool);
  }
  return address;
}

t.test('by TLS with a login, a failover loses nothing, and the tools follow', async (t) => {
  const guarded = await withGuardedRig(t);
  const lab = await withLab(t, guarded);
  await moved(t, lab, guarded, await lab.planned());
  const { proxy } = lab.proxies[0] as FailoverLab['proxies'][number];
  const plan = await until(
    async () => ((await proxy.post('/api/failover', { dryRun: true })) as { plan?: SwitchPlanSnapshot }).plan,
    { ...PATIENCE, describe: 'a switch to be possible' },
  );
  const named = [plan.primary, ...plan.replicas.map(({ address }) => address)].sort();
  t.same(named, [...guarded.places.values()].map((port) => `127.0.0.1:${port}`).sort(), 'by natMap');
  const asked = await lab.switched(0);
  t.same(asked.played[0]?.lost, [], 'the proxy that is asked loses nothing');
  const address = await moved(t, lab, guarded, asked);
  for (const [name, { status, stdout, stderr }] of Object.entries(await tools(t, guarded))) {
    t.equal(status, 0, `${name} ${stderr}`);
    t.match(stdout, address, `${name} looks at the primary`);
  }

  await t.test('with a wrong password of the Sentinels each says what to do', async (t) => {
    const wrong = 'a wrong secret';
    const help =
      /WRONGPASS .*set the Sentinels' password in SPILLWAY_SENTINEL_PASSWORD, and their user in upst/;
    const proxy = await withProxy(t, {
      ...{ redis: { port: 0 }, config: { upstream: guarded.upstream } },
      secrets: { sentinelPassword: wrong },
    });
    const ready = await proxy.admin('/readyz');
    t.match(ready, { ready: false, reasons: [help] });
    t.notMatch(JSON.stringify(ready), wrong);
    for (const [name, { status, stdout, stderr }] of Object.entries(await tools(t, guarded, wrong))) {
      t.equal(status, 1, name);
      t.match(stdout + stderr, help, name);
      t.notMatch(stdout + stderr, wrong, name);
    }
  });
});

t.test(
  'Sentinels that may not be subscribed to: it is said, and clients wait in time all the same',
  async (t) => {
    const guarded = await withGuardedRig(t, { events: false });
    const { rig } = guarded;
    const lab = await withLab(t, guarded);
    const proxies = lab.proxies.map(({ proxy }) => proxy);
    for (const proxy of proxies) {
      t.match(await proxy.admin('/readyz'), {
        ready: true,
        reasons: [/^Sentinels do not announce failovers to Spillway, .*NOPERM .*'subscribe'/],
      });
      t.match((await proxy.admin('/api/connections')).failover, {
        sentinels: [{ state: 'agrees', error: /^NOPERM/ }],
      });
    }
    const outcome = await lab.play(async () => {
      const after = rig.failover();
      for (const proxy of proxies)
        await until(
          async () => {
            const { state, reason } = await failoverOf(proxy);
            return state === 'paused' && reason === 'a Sentinel has begun a failover';
          },
          { ...PATIENCE, describe: 'clients to wait before the Sentinels name another primary' },
        );
      return after;
    });
    await moved(t, lab, guarded, outcome);
    await guarded.mayHear();
    for (const proxy of proxies)
      await until(async () => (await failoverOf(proxy)).blind === null, {
        ...PATIENCE,
        describe: 'the Sentinels to be heard',
      });
  },
);

/** Runs each tool with this password of the Sentinels, as the servers' user `default`. */
async function tools(t: Test, { upstream }: GuardedRig, password = WATCH.password) {
  const folder = withFolder(t, 'spillway-guarded-');
  const [file, secret] = [path.join(folder, 'config.json'), path.join(folder, 'secret')];
  writeFileSync(secret, `${password}\n`);
  const url = upstream.url.replace(/:\/\/.*@/, '://');
  const config = { upstream: { ...upstream, url }, rules: [{ name: 'all', match: '*', ttl: '1h' }] };
  writeFileSync(file, JSON.stringify(config));
  process.env.SPILLWAY_SENTINEL_PASSWORD_FILE = secret;
  try {
    return {
      doctor: await runCommand(declareDoctor, ['doctor', '-c', file, '--fail-on', 'critical', '--json']),
      watch: await runCommand(declareWatch, ['watch', '-c', file, '--once', '--json']),
      sweep: await runCommand(declareSweep, ['sweep', '-c', file, '--json']),
      check: await runExit(() => checkConnected({ config: file }, process.env)),
    };
  } finally {
    delete process.env.SPILLWAY_SENTINEL_PASSWORD_FILE;
  }
}
