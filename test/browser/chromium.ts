// A Chromium for the browser tests: the one that CHROMIUM_PATH names, one in the PATH, one that Playwright has
// downloaded before, or one that is installed now. Owns that search and nothing of the browser.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Where it is; it must be there already. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined && named !== '') return named;
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const places = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return [...places, chromium.executablePath()].find(isExecutable);
}

/** Where it is, after it was installed if need be; `say` hears what is done. Throws when there is no way. */
export function ensureChromium(say: (line: string) => void): string {
  const found = findChromium();
  if (found !== undefined) return found;
  const apt = '-o DPkg::Lock::Timeout=120';
  const ways: readonly string[] = [
    'npx --no-install playwright-core install chromium',
    ...(process.getuid?.() === 0
      ? [`apt-get ${apt} update`, `apt-get ${apt} install -y --no-install-recommends chromium`]
      : []),
  ];
  for (const way of ways) {
    say(`there is no Chromium: running ${way}`);
    const [command, ...args] = way.split(' ');
    spawnSync(command, args, { stdio: ['ignore', 2, 2], timeout: 300_000 });
    const installed = findChromium();
    if (installed !== undefined) return installed;
  }
  throw new Error(
    'There is no Chromium and it could not be installed: install it, or name it in CHROMIUM_PATH.',
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
