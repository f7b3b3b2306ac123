// A page open in Chromium, closed with the test. Nothing that the page complains about goes unseen.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { findChromium } from './chromium.js';

export async function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('no Chromium: npm run test:rest installs one, and names it in CHROMIUM_PATH');
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}

export interface OpenPage {
  readonly page: Page;
  /** What the page reported as an error, violations of its Content-Security-Policy included. */
  readonly complaints: string[];
}

export async function openPage(
  t: Pick<Test, 'teardown'>,
  browser: Browser,
  /** Of the proxy whose dashboard it is; or the page itself. */
  where: number | undefined | URL,
  options: BrowserContextOptions & { prepare?: (page: Page) => Promise<unknown> } = {},
): Promise<OpenPage> {
  const { prepare, ...contextOptions } = options;
  const context = await browser.newContext(contextOptions);
  t.teardown(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await prepare?.(page);
  await page.goto(where instanceof URL ? where.href : `http://127.0.0.1:${where}/`);
  return { page, complaints };
}
