// Has tap built with the plugins that .taprc wants before it runs. It would do that by itself, but its first run would
// still start each test by those that it came with: with TypeScript's compiler, which takes a second of each file.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'yaml';

const { plugin } = parse(readFileSync('.taprc', 'utf8')) as { plugin: readonly string[] };
const unwanted = plugin.filter((name) => name.startsWith('!')).map((name) => name.slice(1));
const tap = createRequire(import.meta.resolve('tap'));
const built = readFileSync(tap.resolve('@tapjs/test/test-built'), 'utf8');
if (unwanted.some((name) => built.includes(name))) {
  console.error('tap is built with the plugins of .taprc, once');
  const { status } = spawnSync('npx', ['tap', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.exit(status ?? 1);
}
