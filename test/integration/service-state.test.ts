// The state of the service, said in the same words everywhere: by a proxy whose config file breaks and whose server goes away.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import t from 'tap';
import type { ServiceStateSnapshot } from '../../src/observe/state/service-state.js';
import { builtMain } from '../support/built.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const run = promisify(execFile);

t.test('the state, wherever it is shown', { timeout: 90_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const upstream = { url: `redis://127.0.0.1:${redis.port}` };
  const config = {
    upstream,
    mode: 'observe',
    admin: { listen: '127.0.0.1:0' },
    memory: { pollInterval: '100ms' },
  };
  const proxy = await withProxyProcess(t, { config });
  const url = `http://127.0.0.1:${proxy.adminPort}`;
  const state = async () => (await (await fetch(`${url}/api/state`)).json()) as ServiceStateSnapshot;
  const ready = async () =>
    (await (await fetch(`${url}/readyz`)).json()) as { ready: boolean; state: string };
  const stats = async () => (await run(process.execPath, [builtMain(), 'stats', '--admin', url])).stdout;
  const levelTexts = async () =>
    ((await (await fetch(`${url}/api/events`)).json()) as { kind: string; text: string }[])
      .filter(({ kind }) => kind === 'level')
      .map(({ text }) => text);
  const becomes = (wanted: string) =>
    until(async () => (await state()).state === wanted, { timeoutMs: 30_000, describe: `state ${wanted}` });

  await becomes('observing');
  const client = await withRaw(t, proxy.port);
  t.match(
    String(await client.call('PROXY', 'INFO')),
    /\r\nstate:observing\r\nstate_text:nothing is changed or refused\r\n/,
  );
  t.match(await stats(), /^state: OBSERVING(?: for [\d.]+ \w+)?: nothing is changed or refused\n/);

  // In observe mode nothing is refused, however full the server is, and nothing says that it is.
  const control = await withRaw(t, redis.port);
  await control.call('CONFIG', 'SET', 'maxmemory', '500kb');
  await until(async () => (await stats()).includes('would be refused'), { timeoutMs: 30_000 });
  t.match(
    await stats(),
    /^refusing: nothing; in observe mode, so only counted: low \(all\), normal \(all\), high \(all\); shedding /m,
  );
  t.match(String(await client.call('PROXY', 'MEMORY')), /^\+normal +0% \(would: 100%\)/m);
  const levels = await levelTexts();
  t.equal(levels.length, 3);
  for (const text of levels) t.match(text, /^writes of priority \w+ would be all refused \(open → full\)/);
  t.notMatch(proxy.log(), /Spillway refuses/);
  t.match(
    proxy.log(),
    'Spillway would refuse all growing writes of this priority (observe mode: it refuses nothing)',
  );

  // A reload that enforces while memory is full begins the refusals, and one that observes ends them.
  const switchTo = async (mode: 'enforce' | 'observe', text: RegExp) => {
    writeFileSync(proxy.file, JSON.stringify({ ...config, mode }));
    proxy.signal('SIGHUP');
    await until(async () => (await levelTexts()).some((found) => text.test(found)), { timeoutMs: 30_000 });
  };
  const logs = (text: string) => until(() => proxy.log().includes(text), { describe: text });
  await switchTo('enforce', /^writes of priority low are all refused from now on: .* enforced/);
  t.equal((await levelTexts()).filter((text) => /are all refused from now on/.test(text)).length, 3);
  await logs('Spillway refuses all growing writes of this priority from now on');
  await switchTo('observe', /^writes of priority low would be all refused from now on: .* only observed/);
  await logs('Spillway no longer refuses writes of this priority');

  await control.call('CONFIG', 'SET', 'maxmemory', '100mb');
  await until(async () => !(await stats()).includes('would be refused'), { timeoutMs: 30_000 });

  const { since } = await state();
  writeFileSync(proxy.file, '{ "mdoe": 1 }');
  proxy.signal('SIGHUP');
  await becomes('config-error');
  t.match(await state(), {
    text: /the old one stays in use: mdoe: is not a setting here/,
    also: [{ state: 'observing', since }],
  });
  t.match(await stats(), /^state: CONFIG-ERROR.*\n {3}also: OBSERVING(: | for )/);
  t.match(await ready(), { ready: true, state: 'config-error' });

  await redis.stop();
  await becomes('down');
  t.match(await ready(), { ready: false, state: 'down' });
  t.match(await stats(), /^state: DOWN/);
  t.match(await (await fetch(`${url}/metrics`)).text(), /^spillway_state\{state="down"\} 1$/m);
});
