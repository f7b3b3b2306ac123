// Alerts of a proxy in front of a real Redis, to a real receiver: one that takes them, fails, sends elsewhere, hangs.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { compileConfig } from '../../src/config/compile.js';
import { configSchema } from '../../src/config/schema.js';
import { type AlertMessage, alertMessage } from '../../src/observe/alerts/message.js';
import { CALM } from '../../src/observe/alerts/situation.js';
import type { AlertsSnapshot } from '../../src/observe/alerts/snapshot.js';
import { post } from '../../src/observe/alerts/webhook.js';
import type { LiveSnapshot } from '../../src/observe/snapshots/live.js';
import { startProxy } from '../../src/runtime/proxy.js';
import { POOL } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
interface Taken {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: AlertMessage;
}

const OK: Answer = (_request, response) => response.end('ok');
const status =
  (code: number, headers = {}): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end();
const SECRET = 'hunter2';
const UNHURRIED = { timeoutMs: 30_000 };

/** `answer` may be set while it runs. */
async function withReceiver(t: Test) {
  const taken: Taken[] = [];
  const receiver = { url: '', taken, answer: OK };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { url, headers } = request;
      const body = JSON.parse(String(Buffer.concat(chunks))) as AlertMessage;
      taken.push({ url, authorization: headers.authorization, body });
      receiver.answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${SECRET}`;
  return receiver;
}

async function withAlerting(t: Test, redis: { port: number }, webhook: string, workers = 1) {
  const logged: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    upstream: { url: `redis://127.0.0.1:${redis.port}`, pool: POOL },
    memory: { pollInterval: '20ms', shed: { low: ['70%', '80%'], normal: ['80%', '90%'] } },
    alerts: { hold: '0s' },
    workers,
  });
  const secrets = {
    alertsWebhook: webhook,
    alertsAuthorization: `Bearer ${SECRET}`,
    adminToken: 'a-token-of-a-test',
  };
  const running = await startProxy(compileConfig(config, secrets), pino(sink));
  t.teardown(() => running.stop(0));
  const ask = async (path: string, body?: object) => {
    const response = await fetch(`http://127.0.0.1:${running.adminAddress?.port}${path}`, {
      headers: { authorization: 'Bearer a-token-of-a-test', 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    return response.text();
  };
  const alerts = async () => JSON.parse(await ask('/api/alerts')) as AlertsSnapshot;
  const control = await withRaw(t, redis.port);
  const limit = (bytes: string) => control.call('CONFIG', 'SET', 'maxmemory', bytes);
  return { running, ask, alerts, limit, logged };
}

for (const workers of [1, 2]) {
  t.test(`a level that rises and falls, and a rehearsal, ${workers} worker(s)`, async (t) => {
    const receiver = await withReceiver(t);
    const redis = await withRedis(t, ['--maxmemory', '100mb']);
    const { ask, alerts, limit, logged } = await withAlerting(t, redis, receiver.url, workers);
    const told = (count: number) =>
      until(() => receiver.taken.length >= count, { ...UNHURRIED, describe: `alert ${count}` });
    await limit('500kb');
    await told(1);
    t.match(receiver.taken[0], {
      url: `/${SECRET}`,
      authorization: `Bearer ${SECRET}`,
      body: {
        ...{ version: 1, number: 1, status: 'alert', rehearsal: false, limitBytes: 500 * 1024 },
        levels: { low: 'full', normal: 'full', critical: 'open' },
        instance: /\(127\.0\.0\.1:\d+\)$/,
        text: /^Spillway .*writes of priority low are all refused; .*; memory is at \d+\.\d% of its limit/,
      },
    });
    t.match(receiver.taken[0]?.body.changes[0], {
      event: 'level',
      priority: 'low',
      from: 'open',
      to: 'full',
    });
    await limit('100mb');
    await until(() => receiver.taken.at(-1)?.body.status === 'ok', {
      ...UNHURRIED,
      describe: 'the end of it',
    });
    const after = receiver.taken.length;

    await ask('/api/simulate', { pressure: 0.85, seconds: 600 });
    await told(after + 1);
    t.match(receiver.taken.at(-1)?.body, {
      ...{ status: 'alert', rehearsal: true, number: after + 1 },
      text: /REHEARSAL: writes of priority low are all refused; writes of priority normal are refused in part; a rehearsal has begun/,
    });
    // Two who look, since one may have looked before.
    await until(async () => (await alerts()).told.rehearsal, UNHURRIED);
    t.match(await alerts(), { webhook: true, delivered: after + 1, failed: 0, problem: null });
    t.match(await ask('/metrics'), `spillway_alerts_sent_total{result="delivered"} ${after + 1}`);
    t.notMatch((await ask('/api/config')) + logged.join(''), SECRET, 'and nothing says where they go');
  });
}

t.test('a receiver that fails, sends elsewhere, and works again', async (t) => {
  const [elsewhere, receiver] = [await withReceiver(t), await withReceiver(t)];
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  receiver.answer = status(500);
  const { ask, alerts, limit, logged } = await withAlerting(t, redis, receiver.url);
  await limit('500kb');
  await until(async () => (await alerts()).problem === 'it answered 500', UNHURRIED);
  receiver.answer = status(307, { location: elsewhere.url });
  await until(async () => (await alerts()).problem?.includes('a redirect, which is not followed'), UNHURRIED);
  t.match(await ask('/metrics'), /^spillway_alerts_failing 1$/m);
  receiver.answer = OK;
  await until(async () => (await alerts()).problem === null, UNHURRIED);
  t.match(await alerts(), { delivered: 1, told: { levels: { low: 'full' } } });
  t.ok(receiver.taken.length >= 3);
  t.same(new Set(receiver.taken.map(({ body }) => body.number)), new Set([1]));
  t.same(elsewhere.taken, []);
  const about = logged.filter((line) => /alert/.test(line));
  t.equal(about.length, 2, 'said once, and once when it is over');
  t.match(about, [/could not be delivered.*/, /are delivered again/]);
  t.notMatch(logged.join(''), SECRET);
});

t.test('the last alert is sent while the proxy closes; one that hangs does not hold it up', async (t) => {
  const receiver = await withReceiver(t);
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  receiver.answer = status(503);
  const { running, alerts, limit } = await withAlerting(t, redis, receiver.url);
  await limit('500kb');
  await until(async () => (await alerts()).problem !== null, UNHURRIED);
  receiver.answer = OK;
  const before = receiver.taken.length;
  await running.stop(5000);
  t.equal(receiver.taken.length, before + 1);

  receiver.answer = () => {};
  const hung = await withAlerting(t, redis, receiver.url);
  await until(() => receiver.taken.length === before + 2, UNHURRIED);
  await hung.running.stop(600_000);
  t.equal(receiver.taken.length, before + 2);
});

t.test('why an attempt failed, in words without the address', async (t) => {
  const receiver = await withReceiver(t);
  const attempt = (signal = new AbortController().signal, url = receiver.url) =>
    post({ url, authorization: undefined }, { text: 'é' }, signal);
  t.equal(await attempt(), undefined);
  t.equal(receiver.taken[0]?.authorization, undefined);
  receiver.answer = status(204);
  t.equal(await attempt(), undefined);
  receiver.answer = status(404);
  t.equal(await attempt(), 'it answered 404');
  receiver.answer = () => {};
  t.equal(await attempt(AbortSignal.timeout(50)), 'it did not answer in time');
  t.equal(await attempt(AbortSignal.abort()), 'the proxy has ended first');
  receiver.answer = (request) => request.socket.destroy();
  t.match(await attempt(), /^it could not be reached \([A-Z_]+\)$/);
  const closed = `http://127.0.0.1:${await findFreePort()}/`;
  t.equal(await attempt(undefined, closed), 'it could not be reached (ECONNREFUSED)');
  t.notMatch(await attempt(undefined, 'http://127.0.0.1:99999/hunter2'), SECRET);
});

t.test('docs/ALERTS.md shows a body with all its fields', async (t) => {
  const doc = readFileSync(new URL('../../docs/ALERTS.md', import.meta.url), 'utf8');
  const shown = JSON.parse(/```json\n([^`]*)```/.exec(doc)?.[1] ?? '') as AlertMessage;
  const live = {
    state: { state: shown.state, text: shown.stateText, since: shown.stateSince },
    memory: { pressure: 0.912, usedBytes: 979252634, limitBytes: 1073741824 },
    growth: {
      timeToFull: { seconds: 800 },
      timeToFullUnrefused: { seconds: 731.4 },
      rules: [
        { name: 'still', growthBytesPerSecond: 0 },
        { name: 'cache', growthBytesPerSecond: 90211.5 },
      ],
    },
  } as unknown as LiveSnapshot;
  const { number, instance, at, levels } = shown;
  const from = { ...CALM, levels: { ...levels, low: 'partial' as const } };
  const to = { ...CALM, levels, fullSoon: true };
  t.same(alertMessage({ number, instance, at, from, to, live }), shown);
  const better = alertMessage({ number, instance, at, from: to, to: { ...to, fullSoon: false }, live });
  t.match(
    better.text,
    'memory is no longer about to be full; still refused: low (all), normal (in part)',
    'good news about one thing is no all clear',
  );
  const described = [...doc.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names]) =>
    names.replaceAll('`', '').split(', '),
  );
  t.same(described, Object.keys(shown));
});
