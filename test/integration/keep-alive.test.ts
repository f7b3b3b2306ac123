// limits.tcpKeepAlive: on both sides, plain and by TLS, the system looks after an idle connection as often as it says.
import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import t from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority } from '../support/certificates.js';
import { POOLS, withProxy } from '../support/proxy.js';
import { connectRaw, doors } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

/** As /proc/net/tcp names it, and the unit of its times. */
const KEEP_ALIVE_TIMER = '02';
const JIFFIES_PER_SECOND = 100;

/** Of all connections of this process and its peers with `port` at an end given: seconds until each is looked after. */
async function timers(end: 'local' | 'remote', port: number): Promise<(number | undefined)[]> {
  const rows = (await readFile('/proc/net/tcp', 'latin1')).trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local = '', remote = '', state]) => {
      const address = end === 'local' ? local : remote;
      return state === '01' && Number.parseInt(address.split(':')[1] ?? '', 16) === port;
    })
    .map(([, , , , , timer = '']) => {
      const [kind, when = ''] = timer.split(':');
      return kind === KEEP_ALIVE_TIMER ? Number.parseInt(when, 16) / JIFFIES_PER_SECOND : undefined;
    });
}

const authority = await Authority.create(t);
const { cert, key } = await authority.issue('both');
const tlsPort = await findFreePort();
const redis = await withRedis(t, [
  ...['--tcp-keepalive', '0', '--tls-port', String(tlsPort), '--tls-auth-clients', 'no'],
  ...['--tls-ca-cert-file', authority.ca, '--tls-cert-file', cert, '--tls-key-file', key],
]);

for (const pool of POOLS) {
  for (const secure of [false, true]) {
    for (const [tcpKeepAlive, seconds] of [
      [undefined, 60],
      ['100s', 100],
      ['0s', undefined],
    ] as const) {
      t.test(`${tcpKeepAlive ?? 'as it is'}, pool ${pool}${secure ? ', TLS' : ''}`, async (t) => {
        const upstreamPort = secure ? tlsPort : redis.port;
        const url = `${secure ? 'rediss' : 'redis'}://127.0.0.1:${upstreamPort}`;
        const proxy = await withProxy(t, {
          redis,
          config: {
            upstream: { url, pool, ...(secure && { tls: { ca: authority.ca } }) },
            ...(secure && { listenTls: { cert, key } }),
            ...(tcpKeepAlive !== undefined && { limits: { tcpKeepAlive } }),
            workers: 1,
          },
        });
        if (secure) {
          const open = () => tls.connect({ port: proxy.port, host: '127.0.0.1', rejectUnauthorized: false });
          doors.set(proxy.port, { open, opened: 'secureConnect' });
        }
        const client = await connectRaw(proxy.port);
        t.equal(String(await client.call('PING')), '+PONG\r\n');
        const fits = (timer: number | undefined): boolean =>
          seconds === undefined
            ? timer === undefined
            : timer !== undefined && timer > seconds - 20 && timer <= seconds;
        // What was sent last may have a timer of its own for a moment. The monitor's connection is its own matter.
        await until(async () => (await timers('local', proxy.port)).every(fits), {
          describe: 'the client side',
        });
        await until(async () => (await timers('remote', upstreamPort)).some(fits), {
          describe: 'the server side',
        });
        client.destroy();
      });
    }
  }
}

t.test('less than a second cannot be had', async (t) => {
  await t.rejects(withProxy(t, { redis, config: { limits: { tcpKeepAlive: '500ms' } } }), /1s or more/);
});
