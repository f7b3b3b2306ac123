// Runs the tests of what is shown in a browser in a real Chromium: finds one, or installs it and says so.
import { spawnSync } from 'node:child_process';
import { ensureChromium } from '../test/browser/chromium.js';

const chromium = ensureChromium((line) => console.error(line));
console.error(`browser tests use ${chromium}`);
const { status } = spawnSync(
  'npx',
  ['tap', 'run', 'test/browser/dashboard.test.ts', 'test/browser/report.test.ts', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, CHROMIUM_PATH: chromium },
  },
);
process.exit(status ?? 1);
