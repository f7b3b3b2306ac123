// Makes the pictures of the dashboard in docs anew, light and dark: the overview, a rule, and the width of a phone, in front of a
// small Redis that fills up under a mixed load.
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { startRedis } from '../src/cli/local-server/redis-server.js';
import { ensureServerBinary } from '../src/cli/local-server/server-binary.js';
import { compileConfig } from '../src/config/compile.js';
import { configSchema } from '../src/config/schema.js';
import { startProxy } from '../src/runtime/proxy.js';
import { launch } from '../test/browser/open-page.js';

const FOLDER = new URL('../docs/', import.meta.url).pathname;
/** So long the load goes on after the first refusals: long enough for these to be a curve. */
const REFUSING_MS = 25_000;
/** Charts are drawn again every other second. */
const SETTLING_MS = 3000;
const LONGEST_MS = 300_000;
const REFUSING = '#levels li.partial, #levels li.full';
const VALUE = 'x'.repeat(400);

const binary = await ensureServerBinary((line) => console.error(line));
const redis = await startRedis({ binary, args: ['--maxmemory', '56mb'] });
const config = configSchema.parse({
  listen: '127.0.0.1:0',
  admin: { listen: '127.0.0.1:0' },
  upstream: { url: `redis://127.0.0.1:${redis.port}`, pool: 'command' },
  rules: [
    { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
    { name: 'cache', match: 'cache:*', ttl: '1m', priority: 'low' },
    { name: 'temp', match: ['temp:*', 'tmp:*'], ttl: '30s', priority: 'low' },
    { name: 'jobs', match: 'queue:*', durable: true, priority: 'critical' },
  ],
});
const proxy = await startProxy(compileConfig(config), pino({ level: 'silent' }));

let going = true;
async function run(name: string, write: (client: Redis, n: number) => Promise<unknown>[]): Promise<void> {
  const client = new Redis(proxy.address.port, { connectionName: name, enableReadyCheck: false });
  // A refused write is what the picture is about.
  for (let n = 0; going; n++) {
    await Promise.allSettled(write(client, n));
    await delay(10 + 5 * Math.sin(n / 40));
  }
  client.disconnect();
}
const running = [
  run('checkout', (client, n) => [0, 1, 2, 3, 4].map((i) => client.set(`session:${5 * n + i}`, VALUE))),
  run('catalog', (client, n) =>
    [0, 1, 2, 3].map((i) => client.set(`cache:product:${(4 * n + i) % 30_000}`, VALUE)),
  ),
  run('reports', (client, n) => [
    client.set(`temp:report:${n}`, VALUE),
    client.set(`order:${n}:lines`, 'paid'),
  ]),
  run('mailer', (client) => [client.lpush('queue:mail', 'job'), client.rpop('queue:mail')]),
];

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
await page.goto(`http://127.0.0.1:${proxy.adminAddress?.port}/`);
await page.locator(REFUSING).first().waitFor({ timeout: LONGEST_MS });
await delay(REFUSING_MS);
const overview = page.url();
for (const colorScheme of ['light', 'dark'] as const) {
  const suffix = colorScheme === 'light' ? '' : '-dark';
  await page.emulateMedia({ colorScheme });
  const take = async (name: string, width: number, hash: string) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${overview}${hash}`);
    // What the pictures are about: something is refused.
    if (hash === '#overview') await page.locator(REFUSING).first().waitFor({ timeout: LONGEST_MS });
    await delay(SETTLING_MS);
    // The link to the rule that was left has the focus, and may be far down.
    await page.evaluate('document.activeElement?.blur(); scrollTo(0, 0)');
    const path = `${FOLDER}${name}${suffix}.png`;
    await page.screenshot({ path, fullPage: width > 760 });
    console.log(path);
  };
  await take('dashboard', 1280, '#overview');
  await take('dashboard-rule', 1280, '#rule=cache');
  await take('dashboard-phone', 390, '#overview');
}
console.log(await page.textContent('#headline'));
going = false;
await Promise.all(running);
await browser.close();
await proxy.stop(0);
await redis.stop();
