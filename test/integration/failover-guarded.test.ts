// Sentinels and servers that want TLS and a login: the proxy follows them through a failover, and so does each tool; a password
// that is wrong or missing, and a right that is missing, are said in words.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { checkConnected } from '../../src/cli/check-connected.js';
import { declareDoctor } from '../../src/cli/doctor-command.js';
import { declareSweep } from '../../src/cli/sweep-command.js';
import { declareWatch } from '../../src/cli/watch-command.js';
import { runCommand, runExit } from '../support/command.js';
import { type EventOutcome, FailoverLab, failoverOf } from '../support/failover-lab.js';
import { withFolder } from '../support/folder.js';
import { type GuardedRig, WATCH, withGuardedRig } from '../support/guarded-rig.js';
import { withProxy } from '../support/proxy.js';
import { until } from '../support/wait.js';

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

function nothingLost(t: Test, { played }: EventOutcome): void {
  for (const { lost, acknowledged, pool } of played)
    t.same(lost.slice(0, 3), [], `${pool}: ${lost.length} of ${acknowledged} acknowledged writes are lost`);
}

t.test('by TLS with a login, a failover loses nothing, and the tools follow', async (t) => {
  const guarded = await withGuardedRig(t);
  const { places } = guarded;
  const lab = await withLab(t, guarded);
  const outcome = await lab.planned();
  nothingLost(t, outcome);
  const place = `127.0.0.1:${places.get(outcome.primary)}`;
  for (const { proxy } of lab.proxies) t.match(await failoverOf(proxy), { state: 'here', address: place });
  nothingLost(t, await lab.switched(0));
  const { address } = await failoverOf((lab.proxies[0] as FailoverLab['proxies'][number]).proxy);
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

t.test('Sentinels that may not be subscribed to: it is said, and nothing is lost all the same', async (t) => {
  const guarded = await withGuardedRig(t, { events: false });
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
  nothingLost(t, await lab.planned());
  await guarded.mayHear();
  for (const proxy of proxies)
    await until(async () => (await failoverOf(proxy)).blind === null, {
      timeoutMs: 60_000,
      describe: 'the Sentinels to be heard',
    });
  nothingLost(t, await lab.planned());
});

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
