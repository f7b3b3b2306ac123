// The dashboard in a real Chromium, in front of a real proxy under load: what it shows is what the API says.
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import type { LiveSnapshot } from '../../src/observe/snapshots/live.js';
import { withProxy } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';
import { tapLive } from './live-tap.js';
import { type Batch, startLoad } from './load.js';
import { launch, openPage } from './open-page.js';

const browser = await launch();
t.teardown(() => browser.close());
const SHOWN_MS = 20_000;

const rules = [
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'cache', match: ['cache:*', 'page:*'], ttl: '1h', priority: 'low' },
];

async function proxyUnderLoad(t: Test, { maxmemory = '200mb', batch }: { maxmemory?: string; batch: Batch }) {
  const redis = await withRedis(t, ['--maxmemory', maxmemory]);
  const proxy = await withProxy(t, { redis, config: { rules, upstream: { pool: 'command' } } });
  const load = startLoad(proxy.port, 'shop', batch);
  t.teardown(() => load.stop());
  return { proxy, load };
}

const mixed: Batch = (round) => [
  [`session:${round}`, 'x'.repeat(100)],
  ['cache:always', 'y'],
  [`order:${round}:items`, 'z'],
];

/** Rows of a table as they are shown, by header. */
function tableOf(page: Page, id: string): Promise<Record<string, string>[]> {
  return page.evaluate((id) => {
    const heads = [...document.querySelectorAll(`#${id} thead th`)].map((head) => head.textContent ?? '');
    return [...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
      Object.fromEntries([...row.children].map((cell, i) => [heads[i], cell.textContent ?? ''])),
    );
  }, id);
}

function number(text: string | undefined): number {
  return Number(text?.replaceAll(',', ''));
}

t.test('the figures of a second on the page are those of the API for that second', async (t) => {
  const { proxy } = await proxyUnderLoad(t, { batch: mixed });
  const live = await tapLive(proxy.adminPort ?? 0);
  t.teardown(() => live.close());
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  const compared = new Set<string>();
  while (compared.size < 3) {
    const shown = await page.evaluate(() => ({
      takenAt: document.getElementById('main')?.dataset.takenAt ?? '',
      headline: document.getElementById('headline')?.textContent ?? '',
      levels: document.querySelectorAll('#levels li').length,
      columns: [...document.querySelectorAll('#rules thead th')].map(
        (head) => (head.querySelector('button') ?? head).textContent ?? '',
      ),
      rules: [...document.querySelectorAll('#rules tbody tr')].map((row) =>
        [...row.children].map((cell) => cell.firstElementChild?.textContent ?? cell.textContent ?? ''),
      ),
      discovered: [...document.querySelectorAll('#discovered tbody tr')].map((row) =>
        [...row.children].map((cell) => cell.textContent ?? ''),
      ),
      clients: [...document.querySelectorAll('#clients tbody tr')].map((row) =>
        [...row.children].map((cell) => cell.textContent ?? ''),
      ),
      events: document.querySelectorAll('#events li').length,
    }));
    const said: LiveSnapshot | undefined = live.byTime.get(shown.takenAt);
    if (said === undefined || compared.has(shown.takenAt)) {
      await page.waitForTimeout(50);
      continue;
    }
    compared.add(shown.takenAt);
    const { stats, growth } = said;
    t.equal(shown.levels, 4);
    t.match(shown.headline, `Memory ${((said.memory.pressure ?? 0) * 100).toFixed(1)}% of 200 MB`);
    t.match(shown.headline, 'nothing refused');
    for (const rule of [...stats.rules, stats.unregistered]) {
      const row = shown.rules.find(([name]) => name === rule.name) ?? [];
      const cell = (column: string) => row[shown.columns.indexOf(column)];
      const rate = growth.rules.find(({ name }) => name === rule.name)?.writesPerSecond ?? 0;
      t.equal(number(cell('Writes')), rule.writes, `${rule.name}: writes`);
      t.equal(number(cell('Keys')), rule.distinctKeys, `${rule.name}: keys`);
      t.equal(number(cell('Refused')), rule.shed, `${rule.name}: refused`);
      t.equal(number(cell('TTLs lost')), rule.ttlDropped, `${rule.name}: TTLs lost`);
      t.ok(
        Math.abs(number(cell('Writes/s')) - rate) <= 0.5,
        `${rule.name}: writes/s ${cell('Writes/s')} is ${rate}`,
      );
    }
    t.equal(shown.rules.length, 3);
    t.same(
      shown.discovered.map(([pattern, writes]) => [pattern, number(writes)]),
      stats.discovered.map(({ pattern, writes }) => [pattern, writes]),
    );
    t.same(
      shown.clients.map(([address, name]) => [address, name]),
      said.clients.map(({ address, name }) => [address, name]),
    );
    t.equal(shown.events, said.events.length);
  }
  t.match(
    await page.locator('#state li.ok').first().textContent(),
    /^OKall writes are admitted · for \d/,
    'the state of the service',
  );
  const [session] = (await tableOf(page, 'rules')).filter((row) => row.Rule?.startsWith('sessions'));
  t.equal(session['With TTL'], '100%');
  await page.locator('#rules svg path.spark').first().waitFor({ state: 'attached', timeout: SHOWN_MS });
  t.ok(await page.locator('#memory-chart path.used').count(), 'memory is drawn');
  t.match(
    await page.locator('#report').textContent(),
    /^In the last \d+ \w+: [\d,]+ TTLs given, 0 writes refused\.$/,
  );
  t.equal(await page.locator('#memory-chart rect.band').count(), 3, 'with the bands of three priorities');
  t.same(complaints, []);
});

t.test('after a reload it shows the rules that there are now', async (t) => {
  const redis = await withRedis(t);
  const changed = [rules[1], { name: 'sessions', match: 'login:*', ttl: '1h' }];
  const proxy = await withProxy(t, { redis, config: { rules }, reloaded: () => ({ rules: changed }) });
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  await page.locator('#rules tbody tr', { hasText: 'session:*' }).waitFor({ timeout: SHOWN_MS });
  t.match(await proxy.running.reload('SIGHUP'), { ok: true, applied: ['rules'] });
  await page.locator('#rules tbody tr', { hasText: 'login:*' }).waitFor({ timeout: SHOWN_MS });
  await page
    .locator('#events li', { hasText: 'reloaded (SIGHUP); changed: rules' })
    .waitFor({ timeout: SHOWN_MS });
  t.equal((await tableOf(page, 'rules')).length, 3);
  t.same(complaints, []);
});

t.test('a level change appears, in words, in the levels and among what happened', async (t) => {
  const { proxy } = await proxyUnderLoad(t, {
    maxmemory: '12mb',
    batch: (round) => [[`cache:${round}`, 'x'.repeat(100_000)]],
  });
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  await page
    .locator('#levels li.full', { hasText: 'low: all refused' })
    .or(page.locator('#levels li.partial', { hasText: /low: \d+ % refused/ }))
    .waitFor({ timeout: SHOWN_MS });
  // On so small a server what connections take may bring other levels along.
  const headline = page.locator('#headline', { hasText: /writes\/s refused \(LOW/ });
  await headline.waitFor({ timeout: SHOWN_MS }).catch(async (error: Error) => {
    throw new Error(`the headline: ${await page.locator('#headline').textContent()}`, { cause: error });
  });
  await page
    .locator('#events li', { hasText: /writes of priority low refused in part/ })
    .waitFor({ timeout: SHOWN_MS });
  await page.locator('#rules td.alarm').first().waitFor({ timeout: SHOWN_MS });
  t.match(await page.locator('#headline').getAttribute('class'), /warn|bad/);
  t.same(complaints, []);
});

t.test('sorted by keyboard, a rule copied', async (t) => {
  const { proxy, load } = await proxyUnderLoad(t, { batch: mixed });
  const { page } = await openPage(t, browser, proxy.adminPort, {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await page.locator('#discovered tbody tr').first().waitFor({ timeout: SHOWN_MS });
  await load.stop();
  const rulesShown = async () =>
    (await tableOf(page, 'rules')).map((row) => row.Rule?.replace(/(sessions|cache).*/, '$1'));
  await page.locator('#rules thead button', { hasText: 'Growth' }).first().focus();
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await page.keyboard.press('Shift+Tab');
  t.equal(await focused(), 'Mode');
  await page.locator('#rules thead button', { hasText: 'Rule' }).focus();
  t.ok(
    await page.evaluate(
      () => getComputedStyle(document.activeElement ?? document.body).outlineStyle === 'solid',
    ),
    'the focus is seen',
  );
  await page.keyboard.press('Enter');
  const head = page.locator('#rules thead th').first();
  t.equal(await head.getAttribute('aria-sort'), 'ascending');
  t.same(await rulesShown(), ['cache', 'sessions', 'unregisteredkeys that no rule matches']);
  await page.keyboard.press('Space');
  t.equal(await head.getAttribute('aria-sort'), 'descending');
  t.same(await rulesShown(), ['unregisteredkeys that no rule matches', 'sessions', 'cache']);
  t.equal(await page.locator('#rules th[aria-sort]').count(), 1, 'one column is sorted by');

  await page.locator('#discovered button', { hasText: 'Copy rule' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('#copied', { hasText: 'Copied' }).waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  t.match(copied, { match: 'order:*:*', durable: true, priority: 'normal', mode: 'observe' });
});

t.test('keys are text, whatever they say; nothing but its own scripts runs', async (t) => {
  const hostile = '<img/src=x/onerror=document.title=1>:';
  const { proxy } = await proxyUnderLoad(t, { batch: (round) => [[`${hostile}${round}`, 'x']] });
  const { page, complaints } = await openPage(t, browser, proxy.adminPort);
  const cell = page.locator('#discovered tbody th', { hasText: '<img' });
  await cell.waitFor({ timeout: SHOWN_MS });
  t.equal(await page.locator('main img').count(), 0);
  t.same(complaints, []);
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.body.dataset.ran = "yes"';
    document.body.append(script);
  });
  t.equal(await page.evaluate(() => document.body.dataset.ran), undefined);
  await until(() => complaints.some((text) => /Content Security Policy/.test(text)));
  const response = await fetch(`http://127.0.0.1:${proxy.adminPort}/`, { headers: { accept: 'text/html' } });
  t.equal(
    response.headers.get('content-security-policy'),
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
      "base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
  );
});

t.test('at the width of a phone nothing is cut off, in light and dark', async (t) => {
  const { proxy } = await proxyUnderLoad(t, { batch: mixed });
  const grounds = new Set<string>();
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: 360, height: 740 };
    const { page, complaints } = await openPage(t, browser, proxy.adminPort, { viewport, colorScheme });
    await page.locator('#memory-chart svg').waitFor({ timeout: SHOWN_MS });
    t.equal(
      await page.evaluate(() => document.documentElement.scrollWidth),
      360,
      `${colorScheme}: no sideways scrolling`,
    );
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll('body *:not(.scroll *)')]
        .filter((element) => element.getBoundingClientRect().right > 361)
        .map((element) => element.tagName),
    );
    t.same(wide, [], 'all that does not scroll by itself is within');
    grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    t.same(complaints, []);
  }
  t.equal(grounds.size, 2);
});

t.test('a token is asked for once, kept by the tab and sent with every request', async (t) => {
  const { proxy } = await proxyUnderLoad(t, { batch: mixed });
  const refused: string[] = [];
  const { page } = await openPage(t, browser, proxy.adminPort, {
    prepare: (page) =>
      page.route('**/api/**', (route) => {
        if (route.request().headers().authorization === 'Bearer a secret') return route.continue();
        refused.push(route.request().url());
        return route.fulfill({ status: 401, json: { error: 'unauthorized', message: 'a token is needed' } });
      }),
  });
  await page.locator('#token').fill('wrong');
  await page.keyboard.press('Enter');
  await until(() => refused.length === 2, { describe: 'the wrong one to be refused' });
  await page.locator('#token').fill('a secret');
  await page.keyboard.press('Enter');
  await page.locator('#rules tbody tr').first().waitFor({ timeout: SHOWN_MS });
  t.equal(refused.length, 2, 'nothing more was refused');
  t.equal(await page.locator('#login').isVisible(), false);
  await page.reload();
  await page.locator('#rules tbody tr').first().waitFor({ timeout: SHOWN_MS });
  t.equal(refused.length, 2, 'the tab has kept it');
});

t.test('when the proxy is gone, the page says so and shows no longer as if it were live', async (t) => {
  const { proxy, load } = await proxyUnderLoad(t, { batch: mixed });
  const { page } = await openPage(t, browser, proxy.adminPort);
  await page.locator('#connection', { hasText: /^live$/ }).waitFor({ timeout: SHOWN_MS });
  await load.stop();
  await proxy.running.stop(0);
  await page.locator('#connection', { hasText: /trying again/ }).waitFor({ timeout: SHOWN_MS });
  t.ok(await page.evaluate(() => document.body.classList.contains('stale')));
});
