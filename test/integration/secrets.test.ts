// Where secrets must not stand: on the command line that `ps` shows, and in processes that have no use for them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { builtMain } from '../support/built.js';
import { childrenOf } from '../support/proxy-process.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const PASSWORD = 'a-password-that-nobody-sees';
const TOKEN = 'a-token-that-nobody-sees';
const WEBHOOK = 'http://127.0.0.1:9/a-webhook-that-nobody-sees';

t.test('the command line and the workers', async (t) => {
  const redis = await withRedis(t, ['--requirepass', PASSWORD]);
  const admin = await findFreePort();
  const url = `redis://:${PASSWORD}@127.0.0.1:${redis.port}`;
  const args = ['-u', url, '-l', '127.0.0.1:0', '--admin', `127.0.0.1:${admin}`, '--workers', '2'];
  const env = { ...process.env, SPILLWAY_ADMIN_TOKEN: TOKEN, SPILLWAY_ALERTS_WEBHOOK: WEBHOOK };
  const child = spawn(process.execPath, [builtMain(), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (text) => {
    said += String(text);
  });
  child.stdout.resume();
  const ready = async (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(ready, { timeoutMs: 20_000 });
  t.notMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), PASSWORD);
  t.match(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), `redis://:***@127.0.0.1:${redis.port}`);
  t.match(said, 'a password on the command line can be seen');
  t.notMatch(said, PASSWORD);
  t.match(readFileSync(`/proc/${child.pid}/environ`, 'latin1'), TOKEN, 'where they are, they are found');
  const workers = childrenOf(child.pid as number);
  t.equal(workers.length, 2);
  for (const pid of workers) {
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
      for (const secret of [PASSWORD, TOKEN, WEBHOOK]) t.notMatch(text, secret);
    }
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
});
