// npm run release:check: packs the release and uses it as a stranger would. Fails at the first thing that is wrong:
// the tarball holds what the program needs and nothing else, installs into an empty folder without development
// packages, locally and with --global, and its `spillway` prints its version, checks a configuration, and serves. What it
// exports has types, and is a proxy in another program's process.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../src/cli/local-server/free-port.js';
import { until } from '../test/support/wait.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const INSTALL = ['install', '--no-audit', '--no-fund', '--loglevel=error'];
const START_TIMEOUT_MS = 30_000;
/** What the tarball must hold, and the only folders that it may hold. */
const NEEDED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'dist/surfaces/admin/page/index.html',
  'dist/cli/main.js',
  'dist/index.d.ts',
  'dist/index.js',
  'package.json',
  'proxy.config.json',
  'proxy.schema.json',
];
const FOLDERS = new Set(['deploy', 'dist', 'docs']);
const UNWANTED = /(?:(?<!\.d)\.ts|\.map|\.tsbuildinfo|\.test\.js)$/;

const APP = `
import { ConfigError, Spillway, type SpillwayConfig } from 'redis-spillway';
const config: SpillwayConfig = {
  listen: '127.0.0.1:0',
  admin: { listen: '127.0.0.1:0' },
  upstream: { url: 'redis://127.0.0.1:1' },
  rules: [{ name: 'cache', match: 'cache:*', ttl: '1h' }],
};
// @ts-expect-error a mistyped setting
const wrong: SpillwayConfig = { lisen: '' };
try {
  new Spillway({ config: wrong });
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
}
const proxy = new Spillway({ config });
await proxy.start();
const { status } = await fetch(proxy.adminUrl + '/healthz');
const writes: number = (await proxy.stats()).rules[0].writes;
console.log(status === 200 && writes === 0 ? 'healthy' : 'not healthy');
await proxy.stop();
`;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'spillway-release-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
const tarball = pack();

const project = path.join(folder, 'project');
mkdirSync(project);
writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n');
run('npm', [...INSTALL, '--omit=dev', tarball], project);
const installed = path.join(project, 'node_modules/redis-spillway');
await tryOut(path.join(project, 'node_modules/.bin/spillway'), path.join(installed, 'proxy.config.json'));

embed();

const prefix = path.join(folder, 'global');
run('npm', [...INSTALL, '--global', '--prefix', prefix, tarball], folder);
await tryOut(path.join(prefix, 'bin/spillway'), path.join(installed, 'proxy.config.json'));
console.log(`release ${version} holds`);

function pack(): string {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], ROOT)) as Packed[];
  const paths = packed.files.map((file) => file.path);
  const missing = NEEDED.filter((name) => !paths.includes(name));
  const stray = paths.filter(
    (name) => UNWANTED.test(name) || (name.includes('/') && !FOLDERS.has(name.split('/')[0])),
  );
  if (missing.length > 0) fail(`the tarball lacks ${missing.join(', ')}`);
  if (stray.length > 0) fail(`the tarball holds what no user needs: ${stray.join(', ')}`);
  // A file that is left in dist/ from a source that is gone would be published.
  const sources = paths.filter((name) => name.startsWith('dist/') && name.endsWith('.js'));
  const orphans = sources.filter((name) => {
    const stem = path.join(ROOT, name.replace(/^dist/, 'src').replace(/\.js$/, ''));
    return !existsSync(`${stem}.ts`) && !existsSync(`${stem}.js`);
  });
  if (orphans.length > 0)
    fail(`dist/ holds files without a source; remove dist/ and build: ${orphans.join(', ')}`);
  if (!readFileSync(path.join(ROOT, 'CHANGELOG.md'), 'utf8').includes(`## [${version}]`)) {
    fail(`CHANGELOG.md has no section for ${version}`);
  }
  console.log(`${packed.filename}: ${paths.length} files, ${Math.round(packed.size / 1000)} kB`);
  return path.join(folder, packed.filename);
}

/** Has the program print its version, check a configuration, start, pass a health check and end by SIGTERM. */
async function tryOut(program: string, config: string): Promise<void> {
  const printed = run(program, ['--version'], folder).trim();
  if (printed !== version) fail(`${program} --version prints ${printed}, not ${version}`);
  run(program, ['check', '--config', config], folder);
  const [port, admin, nobody] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const proxy = spawn(program, ['--config', config], {
    cwd: folder,
    env: {
      ...process.env,
      SPILLWAY_LISTEN: `127.0.0.1:${port}`,
      SPILLWAY_ADMIN: `127.0.0.1:${admin}`,
      SPILLWAY_UPSTREAM: `redis://127.0.0.1:${nobody}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', (text) => (log += text));
  try {
    const url = `http://127.0.0.1:${admin}/healthz`;
    await until(async () => proxy.exitCode !== null || (await fetch(url).catch(() => undefined))?.ok, {
      timeoutMs: START_TIMEOUT_MS,
      describe: () => `${url}; the log says:\n${log}`,
    });
    if (proxy.exitCode !== null) fail(`${program} ended with exit code ${proxy.exitCode}:\n${log}`);
    const code = await end(proxy);
    if (code !== 0) fail(`${program} ended with exit code ${code} after SIGTERM:\n${log}`);
  } finally {
    proxy.kill('SIGKILL');
  }
  console.log(
    `${path.relative(folder, program)}: prints its version, checks a configuration, is healthy, ends`,
  );
}

/** Has a program in TypeScript, with all checks, start a proxy in its own process. */
function embed(): void {
  writeFileSync(path.join(project, 'app.mts'), APP);
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const types = ['--types', 'node', '--typeRoots', path.join(ROOT, 'node_modules/@types')];
  const checks = ['--strict', '--module', 'nodenext', '--target', 'es2022', ...types];
  run(process.execPath, [compiler, ...checks, 'app.mts'], project);
  const said = run(process.execPath, ['app.mjs'], project);
  if (said !== 'healthy\n') fail(`a program that uses the package said ${said}`);
  console.log('redis-spillway: a TypeScript program runs a proxy in its own process');
}

async function end(proxy: ChildProcess): Promise<number | null> {
  const exited = once(proxy, 'exit');
  proxy.kill('SIGTERM');
  const [code] = (await exited) as [number | null];
  return code;
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0)
    fail(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`);
  return stdout;
}

function fail(message: string): never {
  console.error(`release:check: ${message}`);
  process.exit(1);
}
