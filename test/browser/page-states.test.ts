// The page in each state of the service beside the API of the same second, by axe in light and dark; hundreds of rules by
// filter and by address; figures that change move nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type axe from 'axe-core';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import type { ServiceStateSnapshot } from '../../src/observe/state/service-state.js';
import { withProxy } from '../support/proxy.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { until } from '../support/wait.js';
import { tapLive } from './live-tap.js';
import { startLoad } from './load.js';
import { launch, openPage } from './open-page.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOWN_MS = 20_000;
const browser = await launch();
t.teardown(() => browser.close());

/** The violations, in light and in dark. */
async function violations(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    for (const { id, nodes } of violations)
      found.push(`${colorScheme}: ${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }
  return found;
}

function shownStates(page: Page) {
  return page.evaluate(() => ({
    takenAt: document.getElementById('main')?.dataset.takenAt ?? '',
    states: [...document.querySelectorAll('#state li')].map((line) => ({
      severity: line.className,
      text: line.textContent ?? '',
    })),
    levels: [...document.querySelectorAll('#levels li')].map((level) => level.className),
  }));
}

/** Tables that are wider than their place, so that a part of them is out of sight. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.scroll')]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ id, scrollWidth, clientWidth }) => `${id}: ${scrollWidth} px in ${clientWidth}`),
  );
}

/** Holds what is shown of a second against what the API said of it. */
async function compare(t: Test, page: Page, live: Awaited<ReturnType<typeof tapLive>>, state: string) {
  let shown = await shownStates(page);
  await until(
    async () => {
      shown = await shownStates(page);
      return live.byTime.get(shown.takenAt)?.state.state === state;
    },
    { timeoutMs: SHOWN_MS, describe: `the page to show ${state}` },
  );
  const said = live.byTime.get(shown.takenAt);
  if (said === undefined) throw new Error('no such second');
  const { also, ...first } = said.state;
  t.same(
    shown.states.map(({ severity }) => severity),
    [first, ...also].map(({ severity }) => severity),
    `${state}: as many conditions, as severe`,
  );
  for (const [i, { text }] of [first, ...also].entries())
    t.ok(shown.states[i]?.text.includes(text), `${state}: ${text}`);
  t.same(
    shown.levels,
    Object.values(said.memory.level).map(({ shedShare }) =>
      state === 'down' || shedShare === 1 ? 'full' : shedShare > 0 ? 'partial' : 'open',
    ),
    `${state}: levels`,
  );
}

t.test(
  'the page shows each state of the service as the API names it, without an axe violation',
  { timeout: 120_000 },
  async (t) => {
    const redis = await withRedis(t, ['--maxmemory', '100mb']);
    const config = {
      ...{ upstream: { url: `redis://127.0.0.1:${redis.port}` }, admin: { listen: '127.0.0.1:0' } },
      memory: { pollInterval: '100ms', staleAfter: '1s', reserve: 'off' },
      rules: [{ name: 'cache', match: 'cache:*', ttl: '1h', priority: 'low', evict: true }],
    };
    const authorization = { authorization: 'Bearer a-token-of-this-test' };
    const proxy = await withProxyProcess(t, {
      config,
      env: { ...process.env, SPILLWAY_ADMIN_TOKEN: 'a-token-of-this-test' },
    });
    const url = `http://127.0.0.1:${proxy.adminPort}`;
    const live = await tapLive(Number(proxy.adminPort), authorization);
    t.teardown(() => live.close());
    const { page, complaints } = await openPage(t, browser, proxy.adminPort, {
      prepare: (page) =>
        page.addInitScript(() => sessionStorage.setItem('spillway-token', 'a-token-of-this-test')),
    });
    const reload = (text: string) => {
      writeFileSync(proxy.file, text);
      proxy.signal('SIGHUP');
    };
    const check = async (state: string) => {
      await compare(t, page, live, state);
      t.same(await violations(page), [], `${state}: axe`);
    };
    const good = JSON.parse(readFileSync(proxy.file, 'utf8'));

    await check('ok');
    t.match(await page.textContent('.identity'), `redis://127.0.0.1:${redis.port}`);
    t.match(
      await page.textContent('.identity'),
      /version \d.* · mode enforce · .*\.json · 1 worker · counting for/,
    );

    reload(JSON.stringify({ ...good, mode: 'observe' }));
    await check('observing');
    await page
      .locator('#rules td', { hasText: /^observe$/ })
      .first()
      .waitFor({ timeout: SHOWN_MS });
    reload(JSON.stringify(good));
    await compare(t, page, live, 'ok');

    const simulate = (method: string, body?: object) =>
      fetch(`${url}/api/simulate`, {
        method,
        headers: { ...authorization, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
    await (await withRaw(t, Number(proxy.port))).call('SET', 'cache:1', 'a page');
    t.equal((await simulate('POST', { pressure: 0.9, seconds: 600 })).status, 200);
    await check('rehearsing');
    await page
      .locator('#eviction', { hasText: /Spillway would remove keys of cache \(.*\)\.$/ })
      .waitFor({ timeout: SHOWN_MS });
    const { also } = (await (
      await fetch(`${url}/api/state`, { headers: authorization })
    ).json()) as ServiceStateSnapshot;
    t.ok(
      also.some(({ state }) => state === 'shedding'),
      'and it sheds',
    );
    await simulate('DELETE');
    await compare(t, page, live, 'ok');

    reload('{ "mdoe": 1 }');
    await check('config-error');
    reload(JSON.stringify(good));
    await compare(t, page, live, 'ok');

    const client = await withRaw(t, redis.port);
    await client.call('CONFIG', 'SET', 'maxmemory', '1mb');
    await check('shedding');
    await client.call('CONFIG', 'SET', 'maxmemory', '100mb');
    await compare(t, page, live, 'ok');

    await client.call('ACL', 'SETUSER', 'default', '-info');
    await check('blind');
    await client.call('ACL', 'SETUSER', 'default', '+info');
    await compare(t, page, live, 'ok');

    await redis.stop();
    await check('down');
    t.same(complaints, []);
  },
);

t.test('hundreds of rules: filter, address, keyboard, 390 px', { timeout: 120_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '200mb']);
  const rules = Array.from({ length: 200 }, (_, i) => ({
    ...{
      name: i === 9 ? 'rule-9-of-a-service-that-has-a-long-name' : `rule-${i}`,
      match: `r${i}:*`,
      ttl: `${i + 1}m`,
      priority: i % 2 === 0 ? 'low' : 'high',
    },
    ...(i === 7 && { mode: 'observe' }),
  }));
  const proxy = await withProxy(t, { redis, config: { rules } });
  const load = startLoad(proxy.port, 'shop', (round) => [
    [`r7:${round}`, 'x'.repeat(300)],
    ['r8:always', 'y'],
  ]);
  t.teardown(() => load.stop());
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  await page.locator('#rules tbody tr').first().waitFor({ timeout: SHOWN_MS });

  await page.getByLabel('Filter').fill('r7:* observe');
  await page.locator('#rules-found', { hasText: '1 of 201 rules' }).waitFor({ timeout: SHOWN_MS });
  t.match(await page.locator('#rules tbody tr').allTextContents(), [/^rule-7r7:\*high8mobserve/]);
  await page.keyboard.press('Escape');
  await page.getByLabel('Filter').fill('r7:*');

  await page.locator('#rules tbody a').focus();
  await page.keyboard.press('Enter');
  await page.locator('#rule-title', { hasText: 'rule-7' }).waitFor();
  t.equal(await page.evaluate(() => location.hash), '#rule=rule-7');
  t.equal(await page.evaluate(() => document.activeElement?.id), 'rule-title', 'the focus goes along');
  const fact = (list: string, term: string) =>
    page
      .locator(`#${list} div`, { has: page.locator('dt', { hasText: new RegExp(`^${term}$`) }) })
      .locator('dd');
  t.equal(await fact('rule-settings', 'Mode').textContent(), 'observe');
  t.equal(await fact('rule-did', 'Refused').textContent(), '0');
  await until(async () => Number(await fact('rule-would', 'TTLs set').textContent()) > 0, {
    timeoutMs: SHOWN_MS,
  });
  await page.locator('#explain-key').fill('r7:1');
  await page.keyboard.press('Enter');
  await page
    .locator('#explained li', { hasText: 'Rule: rule-7 (r7:*), priority high, mode observe.' })
    .waitFor();
  t.same(await violations(page), [], 'the view of a rule: axe');

  await page.setViewportSize({ width: 390, height: 800 });
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'no sideways scrolling');
  await page.goBack();
  await page.locator('#overview').waitFor();
  t.match(await page.evaluate(() => document.activeElement?.textContent), 'rule-7', 'and comes back');
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'nor in the overview');
  await page.getByLabel('Filter').fill('');
  const tallest = await page.evaluate(() =>
    Math.max(...[...document.querySelectorAll('tbody tr')].map((row) => row.getBoundingClientRect().height)),
  );
  t.ok(tallest <= 64, `rows are at most ${tallest} px high`);
  t.same(await cutOff(page), [], 'no table is cut off');
  t.same(
    await page.locator('#rules thead th:visible').allTextContents(),
    ['Rule', 'Writes/s', 'Refused/s', 'Holds'],
    'what matters at night',
  );
  t.same(await violations(page), [], 'on a phone: axe');

  await page.setViewportSize({ width: 1280, height: 900 });
  // Layout shifts right after the window's size has changed are its own.
  await page.evaluate(() => {
    const sums = window as unknown as { shifted: number; seen: number };
    sums.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[])
        if (!entry.hadRecentInput) sums.shifted += entry.value;
    }).observe({ type: 'layout-shift' });
  });
  const taken = new Set<string>();
  await until(async () => taken.add((await shownStates(page)).takenAt).size > 4, {
    timeoutMs: SHOWN_MS,
    describe: 'four snapshots more',
  });
  const shifted = await page.evaluate(() => (window as unknown as { shifted: number }).shifted);
  t.ok(shifted < 0.01, `layout shift while figures change: ${shifted}`);
  t.same(complaints, []);

  // By pointer and by keyboard, a chart says what it shows.
  await page.locator('#writes-chart').hover();
  t.match(
    await page.locator('#writes-chart .readout').textContent(),
    /^\d\d:\d\d:\d\d: admitted [\d.,–]+, refused/,
  );
  await page.locator('#memory-chart').focus();
  await page.keyboard.press('ArrowLeft');
  t.match(await page.locator('#memory-chart .readout').textContent(), /: used [\d.,]+ [KM]B$/);

  await page.goto(`http://127.0.0.1:${proxy.adminPort}/#rule=gone`);
  await page.locator('#rule-match', { hasText: 'There is no such rule' }).waitFor({ timeout: SHOWN_MS });
});

t.test('behind Sentinels the page names the primary of the moment', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t);
  const sentinel = await withSentinel(t, redis.port);
  const proxy = await withProxy(t, {
    redis,
    config: { upstream: { url: `redis-sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_PRIMARY}` } },
  });
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  await page
    .locator('#identity', {
      hasText: `redis-sentinel://127.0.0.1:${sentinel.port}/${SENTINEL_PRIMARY}, primary 127.0.0.1:${redis.port} (`,
    })
    .waitFor({ timeout: SHOWN_MS });
  t.same(complaints, []);
});

t.test('the advice on the eviction policy', { timeout: 60_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
  const rules = [{ name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' }];
  const proxy = await withProxy(t, { redis, config: { rules } });
  const client = await withRaw(t, proxy.port);
  await client.call('LPUSH', 'queue:mail', 'job');
  type Said = { advice: { title: string }[]; policies: { policy: string; current: boolean }[] };
  let said: Said = { advice: [], policies: [] };
  await until(
    async () => {
      said = await proxy.admin('/api/advice');
      return said.advice.length > 0;
    },
    { timeoutMs: SHOWN_MS, describe: 'advice' },
  );
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  await page.locator('#advice-list li').first().waitFor({ timeout: SHOWN_MS });
  t.same(
    await page.locator('#advice-list strong').allTextContents(),
    said.advice.map(({ title }) => title),
  );
  t.same(
    await page.locator('#policies tbody th').allTextContents(),
    said.policies.map(({ policy, current }) => `${policy}${current ? ' (now)' : ''}`),
  );
  t.same(await violations(page), [], 'axe');
  await page.setViewportSize({ width: 390, height: 800 });
  t.same(await cutOff(page), [], 'nor is its table on a phone');
  t.same(complaints, []);
});
