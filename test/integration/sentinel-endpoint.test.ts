// The Sentinel endpoint (sentinelListen): clients that are configured for Sentinel find the proxy there, and nothing that leads
// around it. What it answers is held against a real Sentinel.
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { Authority } from '../support/certificates.js';
import { withIoredis } from '../support/ioredis.js';
import { type ProxyOptions, type TestProxy, withProxy } from '../support/proxy.js';
import { fromAddress } from '../support/proxy-header.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { withSentinelClients } from '../support/sentinel-clients.js';
import { until } from '../support/wait.js';

const redis = await withRedis(t);
const PASSWORD = 'of-the-endpoint';

interface Endpoint {
  readonly announce?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
  readonly secrets?: ProxyOptions['secrets'];
}

async function withEndpoint(t: Test, { announce = {}, config = {}, secrets }: Endpoint = {}) {
  const proxy = await withProxy(t, {
    redis,
    config: {
      sentinelListen: '127.0.0.1:0',
      sentinelAnnounce: announce,
      rules: [{ name: 'cache', match: 'cache:*', ttl: '1h' }],
      ...config,
    },
    ...(secrets && { secrets }),
  });
  return { proxy, port: proxy.running.sentinelAddress?.port as number };
}

const endpointOf = async (proxy: TestProxy) => (await proxy.admin('/api/connections')).sentinelEndpoint;

const text = async (client: RawClient, ...words: string[]) => String(await client.call(...words));

t.test('ioredis, node-redis and redis-py connect to the proxy', async (t) => {
  const { proxy, port } = await withEndpoint(t, { secrets: { sentinelListenPassword: PASSWORD } });
  const direct = withIoredis(t, redis.port);
  for (const { name, set } of await withSentinelClients(t, {
    ...{ port, primary: SENTINEL_PRIMARY, password: PASSWORD },
  })) {
    for (let i = 0; i < 20; i++) t.ok(await set(`cache:${name}:${i}`));
    const keys = await direct.keys(`cache:${name}:*`);
    const ttls = await Promise.all(keys.map((key) => direct.ttl(key)));
    t.equal(ttls.filter((ttl) => ttl > 0).length, 20, `${name}: the rule applies to all that it wrote`);
  }
  t.ok(
    (await proxy.admin('/api/connections')).sentinelEndpoint?.clients,
    'some stay connected, and are counted',
  );
});

t.test('it answers as a real Sentinel does, and names nothing behind the proxy', async (t) => {
  const sentinel = await withSentinel(t, redis.port);
  const { proxy, port } = await withEndpoint(t);
  const [real, own] = [await withRaw(t, sentinel.port), await withRaw(t, port)];
  for (const protocol of ['2', '3']) {
    const [theirs, ours] = await Promise.all([real, own].map((each) => text(each, 'HELLO', protocol)));
    t.equal(shape(ours as string), shape(theirs as string), `HELLO ${protocol}`);
    for (const words of [
      ['PING'],
      ['PING', 'hello'],
      ['ROLE'],
      ['CLIENT', 'SETNAME', 'app'],
      ['CLIENT', 'GETNAME'],
      ['SENTINEL', 'MASTER', 'unknown'],
      ['SENTINEL', 'REPLICAS', SENTINEL_PRIMARY],
      ['SENTINEL', 'SLAVES', 'unknown'],
      ['SENTINEL', 'SENTINELS', SENTINEL_PRIMARY],
      ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'unknown'],
      ['SENTINEL', 'CKQUORUM', SENTINEL_PRIMARY],
      ['SENTINEL', 'MASTER'],
      ['SENTINEL'],
      ['CLIENT'],
    ]) {
      const [theirs, ours] = await Promise.all([real, own].map((each) => text(each, ...words)));
      t.equal(ours, theirs, `RESP${protocol} ${words.join(' ')}`);
    }
    for (const words of [
      ['SENTINEL', 'MASTER', SENTINEL_PRIMARY],
      ['SENTINEL', 'MASTERS'],
      ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', SENTINEL_PRIMARY],
      ['SENTINEL', 'MYID'],
    ]) {
      const [theirs, ours] = await Promise.all([real, own].map((each) => text(each, ...words)));
      t.equal(shape(ours as string), shape(theirs as string), `RESP${protocol} ${words.join(' ')}`);
    }
    const heard = await Promise.all(
      [real, own].map(async (each) => {
        const replies: string[] = [];
        for (const words of [
          ['SUBSCRIBE', '+switch-master'],
          ['PSUBSCRIBE', '*', '[-+]sdown'],
          ['PING'],
          ['PUNSUBSCRIBE'],
          ['UNSUBSCRIBE', '+switch-master'],
        ]) {
          await each.write(`${words.join(' ')}\r\n`);
          const expected = words[0] === 'PSUBSCRIBE' || words[0] === 'PUNSUBSCRIBE' ? 2 : 1;
          replies.push(...(await each.readReplies(expected)).map(String));
        }
        return replies;
      }),
    );
    t.same(heard[1]?.map(shape), heard[0]?.map(shape), `RESP${protocol}: subscriptions`);
  }
  t.equal(
    await text(own, 'SENTINEL', 'get-master-addr-by-name', SENTINEL_PRIMARY),
    `*2\r\n$9\r\n127.0.0.1\r\n$${String(proxy.port).length}\r\n${proxy.port}\r\n`,
  );
  for (const words of ['SENTINEL MASTERS', 'INFO', 'ROLE', `SENTINEL MASTER ${SENTINEL_PRIMARY}`])
    t.notMatch(await text(own, ...words.split(' ')), String(redis.port), `${words} does not name the server`);
  t.match(await text(own, 'INFO', 'sentinel'), new RegExp(`address=127.0.0.1:${proxy.port},slaves=0`));
  for (const words of [
    'SENTINEL FAILOVER mymaster',
    'SENTINEL RESET *',
    'CLIENT MAINT_NOTIFICATIONS ON',
    'GET x',
  ])
    t.match(await text(own, ...words.split(' ')), /^-ERR unknown /, `${words} changes nothing`);
});

t.test('it announces the name, the address and the Sentinels of sentinelAnnounce', async (t) => {
  const announce = { primary: 'orders', address: 'spillway.example:6380', sentinels: ['10.0.0.7:26380'] };
  const { port } = await withEndpoint(t, { announce });
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2, enableReadyCheck: false });
  t.teardown(() => client.disconnect());
  t.same(await client.call('sentinel', 'get-master-addr-by-name', 'orders'), ['spillway.example', '6380']);
  t.equal(await client.call('sentinel', 'get-master-addr-by-name', SENTINEL_PRIMARY), null);
  const [other] = (await client.call('sentinel', 'sentinels', 'orders')) as string[][];
  t.same(other?.slice(2, 6), ['ip', '10.0.0.7', 'port', '26380']);
  t.match(
    await client.call('info', 'sentinel'),
    'name=orders,status=ok,address=spillway.example:6380,slaves=0,sentinels=2',
  );

  await t.test('on all interfaces: the address by which the client came', async (t) => {
    const { proxy, port } = await withEndpoint(t, { config: { listen: ':0', sentinelListen: ':0' } });
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const client = new Redis({ port, host, enableReadyCheck: false });
      t.teardown(() => client.disconnect());
      const named = await client.call('sentinel', 'get-master-addr-by-name', SENTINEL_PRIMARY);
      t.same(named, [host, String(proxy.port)]);
    }
  });
});

t.test('with a password it answers nothing before the right one', async (t) => {
  const { port } = await withEndpoint(t, { secrets: { sentinelListenPassword: PASSWORD } });
  const client = await withRaw(t, port);
  const question = ['SENTINEL', 'MASTERS'];
  for (const words of [question, ['PING'], ['SUBSCRIBE', 'x'], ['HELLO', '3']])
    t.match(await text(client, ...words), /^-NOAUTH /, words.join(' '));
  for (const words of [
    ['AUTH', 'x'],
    ['AUTH', 'default', 'x'],
    ['HELLO', '3', 'AUTH', 'default', 'x'],
  ])
    t.match(await text(client, ...words), /^-WRONGPASS /, words.join(' '));
  t.match(await text(client, ...question), /^-NOAUTH /);
  t.match(await text(client, 'HELLO', '3', 'AUTH', 'anyone', PASSWORD, 'SETNAME', 'app'), /^%6\r\n/);
  t.match(await text(client, ...question), /^\*1\r\n%/);
  t.match(await text(client, 'RESET'), '+RESET');
  t.match(await text(client, ...question), /^-NOAUTH /);
  t.equal(await text(client, 'AUTH', PASSWORD), '+OK\r\n');
  t.match(await text(client, ...question), /^\*1\r\n\*/);
});

t.test('listenTls applies to it', async (t) => {
  const authority = await Authority.create(t);
  const files = await authority.issue('server');
  const { proxy, port } = await withEndpoint(t, { config: { listenTls: files } });
  const tls = { ca: readFileSync(authority.ca) };
  const client = new Redis({
    sentinels: [{ host: '127.0.0.1', port }],
    name: SENTINEL_PRIMARY,
    ...{ sentinelTLS: tls, tls, enableTLSForSentinelMode: true },
  });
  t.teardown(() => client.disconnect());
  t.equal(await client.set('cache:tls', 'v'), 'OK');

  t.match(await endpointOf(proxy), { handshakesFailed: 0 });
  const plain = await withRaw(t, port);
  void plain.write('SENTINEL MASTERS\r\n');
  await until(() => plain.closed, { describe: 'a client without TLS to be turned away' });
  t.match(await endpointOf(proxy), { handshakesFailed: 1, proxyHeadersRefused: 0 }, 'it is counted');
});

t.test('proxyProtocol applies to it', async (t) => {
  const { proxy, port } = await withEndpoint(t, { config: { proxyProtocol: { from: ['127.0.0.1'] } } });
  const behind = await withRaw(t, port);
  void behind.write(Buffer.concat([fromAddress('192.0.2.1', 50_000), Buffer.from('PING\r\n')]));
  t.same((await behind.readReplies(1)).map(String), ['+PONG\r\n']);
  const bare = await withRaw(t, port);
  void bare.write('SENTINEL MASTERS\r\n');
  await until(() => bare.closed, { describe: 'a client without a header to be turned away' });
  t.match(await endpointOf(proxy), { clients: 1, handshakesFailed: 0, proxyHeadersRefused: 1 });
});

t.test('bounds: input, subscriptions, replies that nobody reads', async (t) => {
  const { port } = await withEndpoint(t);
  const endless = await withRaw(t, port);
  void endless.write(`*3\r\n$8\r\nSENTINEL\r\n$100000\r\n${'x'.repeat(50_000)}`);
  await until(() => endless.closed, { describe: 'a client with an endless command to be closed' });
  t.match(String(endless.peek()), /^-ERR Protocol error/);

  const greedy = await withRaw(t, port);
  const names = Array.from({ length: 65 }, (_, i) => `c${i}`);
  t.match(await text(greedy, 'SUBSCRIBE', ...names), /^-ERR Spillway keeps at most 64/);
  t.match(await text(greedy, 'SUBSCRIBE', 'x'.repeat(300)), /^-ERR Spillway keeps/);

  const deaf = await withRaw(t, port);
  deaf.socket.pause();
  const asked = 40_000;
  void deaf.write('SENTINEL MASTERS\r\n'.repeat(asked));
  const other = await withRaw(t, port);
  for (let i = 0; i < 20; i++) t.match(await text(other, 'PING'), '+PONG');
  deaf.socket.resume();
  const replies = await deaf.readReplies(asked);
  t.equal(new Set(replies.map(String)).size, 1, 'all answers come, once it reads');
});

t.test('without a server behind the proxy it says that the primary is down', async (t) => {
  const redis = await withRedis(t);
  const proxy = await withProxy(t, { redis, config: { sentinelListen: '127.0.0.1:0' } });
  const client = await withRaw(t, proxy.running.sentinelAddress?.port as number);
  const flags = async () =>
    /flags\r\n\$\d+\r\n(\S+)\r\n/.exec(await text(client, 'SENTINEL', 'MASTERS'))?.[1];
  t.equal(await flags(), 'master');
  await redis.kill('SIGKILL');
  await until(async () => (await flags()) === 'master,s_down,o_down', { describe: 'the primary to be down' });
  await redis.restart();
  await until(async () => (await flags()) === 'master', { describe: 'the primary to be up' });
  await proxy.running.stop(0);
  await until(() => client.closed, { describe: 'the endpoint to close' });
});

/** A reply without its values: types, lengths of arrays and maps, and the names of fields. */
function shape(reply: string): string {
  const fields = new Set(FIELDS);
  return reply
    .split('\r\n')
    .filter((line) => !line.startsWith('$'))
    .map((line) => (/^[*%>:]/.test(line) ? line.replace(/^:.*/, ':') : fields.has(line) ? line : '?'))
    .join(' ');
}

const FIELDS = [
  ...['server', 'version', 'proto', 'id', 'mode', 'modules', 'name', 'ip', 'port', 'runid', 'flags'],
  ...['link-pending-commands', 'link-refcount', 'last-ping-sent', 'last-ok-ping-reply', 'last-ping-reply'],
  ...['down-after-milliseconds', 'info-refresh', 'role-reported', 'role-reported-time', 'config-epoch'],
  ...['num-slaves', 'num-other-sentinels', 'quorum', 'failover-timeout', 'parallel-syncs'],
  ...['subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe', '+switch-master', '[-+]sdown'],
];
