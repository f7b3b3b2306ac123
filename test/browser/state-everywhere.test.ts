// Every state of the service on a real proxy, and every place that shows it: the page, /api/state, /readyz, PROXY INFO,
// PROXY MEMORY, stats, top, the metrics, the webhook. All say the same state in the same words, and since when.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import type { AlertMessage } from '../../src/observe/alerts/message.js';
import { type ServiceStateSnapshot, STATES, type StateName } from '../../src/observe/state/service-state.js';
import { builtMain } from '../support/built.js';
import { type ProxyProcess, withProxyProcess } from '../support/proxy-process.js';
import { type RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';
import { launch, openPage } from './open-page.js';

const run = promisify(execFile);
const TOKEN = 'a-token-of-this-test';
const HEADERS = { authorization: `Bearer ${TOKEN}` };
const PATIENCE = { timeoutMs: 60_000 };
const browser = await launch();
t.teardown(() => browser.close());

/** A state as one place shows it; what the place leaves out is undefined. */
interface Shown {
  readonly place: string;
  readonly state: string;
  readonly text?: string | undefined;
  readonly since?: string | undefined;
  /** What else holds. */
  readonly also?: readonly string[];
}

interface Lab {
  readonly proxy: ProxyProcess;
  /** On the data port. */
  readonly client: RawClient;
  readonly page: Page;
  readonly alerts: readonly AlertMessage[];
}

async function withLab(t: Test, config: Record<string, unknown>): Promise<Lab> {
  const alerts: AlertMessage[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      alerts.push(JSON.parse(String(Buffer.concat(chunks))));
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const env = {
    ...process.env,
    SPILLWAY_ADMIN_TOKEN: TOKEN,
    SPILLWAY_ALERTS_WEBHOOK: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
  };
  const proxy = await withProxyProcess(t, { config: { ...config, alerts: { hold: '0s' } }, env });
  const client = await withRaw(t, proxy.port);
  const { page } = await openPage(t, browser, proxy.adminPort, {
    prepare: (page) => page.addInitScript((token) => sessionStorage.setItem('spillway-token', token), TOKEN),
  });
  return { proxy, client, page, alerts };
}

const ask = (proxy: ProxyProcess, path: string) =>
  fetch(`http://127.0.0.1:${proxy.adminPort}${path}`, { headers: HEADERS });

const stateOf = async (proxy: ProxyProcess) =>
  (await (await ask(proxy, '/api/state')).json()) as ServiceStateSnapshot;

async function said(proxy: ProxyProcess, command: string): Promise<string> {
  const args = [builtMain(), command, '--admin', `http://127.0.0.1:${proxy.adminPort}`];
  const env = { ...process.env, SPILLWAY_ADMIN_TOKEN: TOKEN, NO_COLOR: '1' };
  return (await run(process.execPath, args, { env })).stdout;
}

/** `state: SHEDDING for 3 s: refusing …`, and `   also: …` below it. */
function readLines(place: string, lines: string): Shown {
  const line = /^( {3}also|state): ([A-Z-]+)(?: for [\d.]+ (?:s|min|h|days))?: (.*)$/gm;
  const [first, ...also] = [...lines.matchAll(line)].map(([, , state = '', text]) => ({
    state: state.toLowerCase(),
    text,
  }));
  return { place, state: first?.state ?? '', text: first?.text, also: also.map(({ state }) => state) };
}

async function readReady(proxy: ProxyProcess): Promise<Shown> {
  const { state, since } = (await (await ask(proxy, '/readyz')).json()) as Record<string, string>;
  return { place: '/readyz', state: state ?? '', since };
}

async function readMetrics(proxy: ProxyProcess, first: StateName): Promise<Shown> {
  const text = await (await ask(proxy, '/metrics')).text();
  const holding = STATES.filter((name) => text.includes(`\nspillway_state{state="${name}"} 1\n`));
  const since = Number(/^spillway_state_since_timestamp_seconds (\S+)$/m.exec(text)?.[1]) * 1000;
  return {
    place: 'metrics',
    state: holding.includes(first) ? first : holding.join(),
    since: new Date(since).toISOString(),
    also: holding.filter((name) => name !== first),
  };
}

async function readPage(page: Page): Promise<Shown> {
  const lines = await page.locator('#state li').evaluateAll((all) =>
    all.map((one) => ({
      state: (one.querySelector('strong')?.textContent ?? '').toLowerCase().replace(' ', '-'),
      text: (one.querySelector('span')?.textContent ?? '').replace(/ · for .*$/, ''),
    })),
  );
  const [first, ...also] = lines;
  return {
    place: 'page',
    state: first?.state ?? '',
    text: first?.text,
    also: also.map(({ state }) => state),
  };
}

async function readConsole(client: RawClient): Promise<Shown[]> {
  const info = String(await client.call('PROXY', 'INFO'));
  const field = (name: string) => new RegExp(`^state${name}:(.*)\r$`, 'm').exec(info)?.[1];
  // Its lines are at most 80 columns long; what does not fit goes on below.
  const memory = String(await client.call('PROXY', 'MEMORY')).replace(/\r\n\+ {10,11}(?! )/g, ' ');
  const [, state = '', text] = /^\+state +([a-z-]+): (.*)\r$/m.exec(memory) ?? [];
  return [
    {
      place: 'PROXY INFO',
      state: field('') ?? '',
      text: field('_text'),
      since: field('_since'),
      also: (field('_also') ?? '').split(' ').filter((word) => word !== ''),
    },
    { place: 'PROXY MEMORY', state, text },
  ];
}

interface Row {
  readonly state: StateName;
  readonly enter: () => unknown;
  readonly leave?: () => unknown;
  /** Clients get no answer, not even to PROXY. */
  readonly deaf?: boolean;
  /** The webhook tells it. */
  readonly told?: boolean;
}

/** Asks all places until nothing changed meanwhile, and holds them against /api/state. */
async function compareAll(t: Test, lab: Lab, { state, deaf = false, told = false }: Row) {
  const { proxy, client, page, alerts } = lab;
  await until(async () => (await stateOf(proxy)).state === state, { ...PATIENCE, describe: state });
  if (told) await until(() => alerts.at(-1)?.state === state, { ...PATIENCE, describe: `alert: ${state}` });
  const inWords = (one: ServiceStateSnapshot) => JSON.stringify([one, one.also]);
  const { api, places } = await until(
    async () => {
      const api = await stateOf(proxy);
      const places: Shown[] = [
        await readReady(proxy),
        await readMetrics(proxy, api.state),
        readLines('stats', await said(proxy, 'stats')),
        readLines('top', await said(proxy, 'top')),
        ...(deaf ? [] : await readConsole(client)),
        await readPage(page),
      ];
      const shown = places.at(-1);
      // The page is a second behind.
      const steady = inWords(await stateOf(proxy)) === inWords(api) && shown?.text === api.text;
      return steady ? { api, places } : undefined;
    },
    { ...PATIENCE, describe: `all places to show ${state}` },
  );
  for (const { place, ...shown } of places) {
    t.equal(shown.state, api.state, `${state}, ${place}: the state`);
    if (shown.text !== undefined) t.equal(shown.text, api.text, `${state}, ${place}: the words`);
    if (shown.since !== undefined) t.equal(shown.since, api.since, `${state}, ${place}: since`);
    if (shown.also !== undefined)
      t.same([...shown.also].sort(), api.also.map((one) => one.state).sort(), `${state}, ${place}: also`);
  }
  const alert = alerts.at(-1);
  if (told)
    t.same(
      [alert?.state, alert?.stateText, alert?.stateSince],
      [api.state, api.text, api.since],
      `${state}, webhook`,
    );
}

async function play(t: Test, lab: Lab, rows: readonly Row[]) {
  for (const row of rows) {
    await row.enter();
    await compareAll(t, lab, row);
    await row.leave?.();
  }
}

t.test('each state, wherever it is shown', { timeout: 400_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const control = await withRaw(t, redis.port);
  await control.call('ACL', 'SETUSER', 'watcher', 'on', '>secret', '~*', '&*', '+@all');
  const config = {
    upstream: { url: `redis://watcher:secret@127.0.0.1:${redis.port}` },
    memory: { pollInterval: '100ms', staleAfter: '1s', reserve: 'off' },
    limits: { drainTimeout: '60s' },
    rules: [{ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low' }],
  };
  const lab = await withLab(t, config);
  const { proxy, client, page } = lab;
  const writer = await withRaw(t, proxy.port);
  const reload = (text: string) => {
    writeFileSync(proxy.file, text);
    proxy.signal('SIGHUP');
  };
  const set = (changes: object) =>
    reload(
      JSON.stringify({
        ...{ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, alerts: { hold: '0s' } },
        ...config,
        ...changes,
      }),
    );
  const simulate = (method: string, body?: object) =>
    fetch(`http://127.0.0.1:${proxy.adminPort}/api/simulate`, {
      method,
      headers: { ...HEADERS, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const maxmemory = (bytes: string) => control.call('CONFIG', 'SET', 'maxmemory', bytes);
  const backToOk: Row = { state: 'ok', enter: () => set({}) };
  let writing = true;
  let writes: Promise<void> = Promise.resolve();
  const writeOn = async () => {
    while (writing) {
      await writer.call('SET', 'full', 'x');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  await play(t, lab, [
    { state: 'ok', enter: () => {} },
    { state: 'observing', enter: () => set({ mode: 'observe' }) },
    {
      // The server is full, and Spillway only observes.
      state: 'oom',
      enter: async () => {
        await maxmemory('1mb');
        writes = writeOn();
      },
      leave: async () => {
        writing = false;
        await writes;
        await maxmemory('100mb');
      },
    },
    backToOk,
    {
      state: 'rehearsing',
      told: true,
      enter: () => simulate('POST', { pressure: 1, seconds: 600 }),
      leave: () => simulate('DELETE'),
    },
    backToOk,
    { state: 'config-error', enter: () => reload('{ "mdoe": 1 }') },
    backToOk,
    {
      state: 'limited',
      enter: () => control.call('REPLICAOF', '127.0.0.1', '1'),
      leave: () => control.call('REPLICAOF', 'NO', 'ONE'),
    },
    backToOk,
    { state: 'shedding', told: true, enter: () => maxmemory('1mb'), leave: () => maxmemory('100mb') },
    backToOk,
    {
      state: 'blind',
      enter: () => control.call('ACL', 'SETUSER', 'watcher', '-info'),
      leave: () => control.call('ACL', 'SETUSER', 'watcher', '+info'),
    },
    backToOk,
  ]);

  // A job system that is recognized changes no state; the event, the log and the page tell it in the same words.
  await client.call('LPUSH', 'bull:mail:wait', '1');
  const event = await until(
    async () =>
      ((await (await ask(proxy, '/api/events')).json()) as { kind: string; text: string }[]).find(
        ({ kind }) => kind === 'family',
      ),
    { ...PATIENCE, describe: 'the family' },
  );
  await page.locator('#events li', { hasText: event.text }).waitFor({ timeout: PATIENCE.timeoutMs });
  await page
    .locator('#rules td', { hasText: /^bull$/ })
    .first()
    .waitFor({ timeout: PATIENCE.timeoutMs });
  t.match(proxy.log(), event.text);
  t.equal((await stateOf(proxy)).state, 'ok');

  await redis.stop();
  await compareAll(t, lab, { state: 'down', deaf: true, enter: () => {} });
});

t.test('a failover, wherever it is shown', { timeout: 180_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const sentinel = await withSentinel(t, redis.port);
  const lab = await withLab(t, {
    upstream: {
      url: `redis-sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_PRIMARY}`,
      failover: { pause: '60s' },
    },
    memory: { pollInterval: '100ms', staleAfter: '1s' },
  });
  await play(t, lab, [
    { state: 'ok', enter: () => {} },
    { state: 'failover', deaf: true, enter: () => redis.stop() },
  ]);
});
