// Chromium with the dashboard open, closed with the test. Nothing that the page complains about goes unseen.
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { findChromium } from './chromium.js';

export async function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium: npm run test:browser installs one');
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}

export interface OpenPage {
  readonly page: Page;
  /** What the page reported as an error, violations of its Content-Security-Policy included. */
  readonly complaints: string[];
}

export interface PageOptions {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly prepare?: (page: Page) => Promise<void>;
}

export async function openPage(
  t: Pick<Test, 'teardown'>,
  adminPort: number,
  { width = 1280, colorScheme = 'light', prepare }: PageOptions = {},
): Promise<OpenPage> {
  const browser = await launch();
  t.teardown(() => browser.close());
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await prepare?.(page);
  await page.goto(`http://127.0.0.1:${adminPort}/`);
  return { page, complaints };
}
