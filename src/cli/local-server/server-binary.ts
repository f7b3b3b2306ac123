// Finds a Redis or Valkey server binary on this machine, or installs one with the system's package manager. Never starts, stops
// or configures a service; reports every command before it runs it.
import { execFile, spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { type InstallStep, PACKAGE_MANAGERS, type PackageManager, suggestion } from './package-manager.js';
import { ServerSetupError } from './setup-error.js';

/**
 * `*-check-rdb` comes last: it is the server under another name (see SERVER_ARGV0), present if only the tools are installed.
 */
const SERVER_NAMES = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'];

/** Places that are often missing from a user's PATH. */
const USUAL_PLACES = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/home/linuxbrew/.linuxbrew/bin',
];

/** Start every binary found here under this argv[0]: it is how the multi-call binary knows that it is a server. */
export const SERVER_ARGV0 = 'redis-server';

const INSTALL_TIMEOUT_MS = 300_000;
const PROBE_TIMEOUT_MS = 10_000;
const OWN_SERVER_HINT = 'or point SPILLWAY_REDIS_SERVER at a redis-server or valkey-server binary';

/**
 * Path of a server binary: SPILLWAY_REDIS_SERVER, else the first of redis-server and valkey-server on PATH or in
 * the usual places; undefined when there is none. To be started with argv[0] = SERVER_ARGV0.
 * @throws ServerSetupError ERR_SERVER_BINARY when SPILLWAY_REDIS_SERVER is set and is no executable file.
 */
export async function findServerBinary(folders = searchFolders()): Promise<string | undefined> {
  const named = process.env.SPILLWAY_REDIS_SERVER;
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return named;
    throw new ServerSetupError(
      'ERR_SERVER_BINARY',
      `SPILLWAY_REDIS_SERVER is "${named}", which is not an executable file: correct it, or unset it to search PATH.`,
    );
  }
  for (const name of SERVER_NAMES) {
    const found = await findExecutable(name, folders);
    if (found !== undefined && isServer(found)) return found;
  }
  return undefined;
}

/**
 * Like findServerBinary, but installs a server if there is none. `report` receives each command before it runs.
 * @throws ServerSetupError with instructions if it cannot install.
 */
export async function ensureServerBinary(
  report: (line: string) => void,
  folders = searchFolders(),
): Promise<string> {
  const present = await findServerBinary(folders);
  if (present !== undefined) return present;
  const manager = await findPackageManager(folders);
  if (manager === undefined) {
    const known = PACKAGE_MANAGERS.map((candidate) => candidate.name).join(', ');
    throw new ServerSetupError(
      'ERR_NO_PACKAGE_MANAGER',
      `Found neither redis-server nor valkey-server, and no package manager to install one with (looked for ${known}). ` +
        `Install Redis or Valkey yourself (https://redis.io/docs/latest/operate/oss_and_stack/install/), ${OWN_SERVER_HINT}.`,
    );
  }
  const prefix = await privilegePrefix(manager, folders);
  report(`No redis-server or valkey-server on this machine: installing one with ${manager.name}.`);
  const failures: string[] = [];
  for (const plan of manager.plans) {
    const failure = await runPlan(plan, prefix, folders, report);
    const installed = await findServerBinary(folders);
    if (installed !== undefined) {
      report(`Installed: ${installed}`);
      return installed;
    }
    failures.push(
      failure ?? `${plan.map((each) => each.args.join(' ')).join('; ')}: succeeded but brought no server`,
    );
  }
  throw new ServerSetupError(
    'ERR_INSTALL_FAILED',
    `Could not install a Redis server with ${manager.name}:\n${failures.join('\n')}\n` +
      `Try "${suggestion(manager)}" by hand, ${OWN_SERVER_HINT}.`,
  );
}

/** Where executables are looked for: PATH, then the places that are often missing from it. */
function searchFolders(): readonly string[] {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return [...new Set([...onPath, ...USUAL_PLACES])];
}

/** Path of the first executable called `name` in these folders; undefined when there is none. */
export async function findExecutable(name: string, folders = searchFolders()): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = path.join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** Under another name it may be a separate tool and not a server: its --version shows that. */
/** By spawn, not execFile, which takes no argv0. */
function isServer(file: string): boolean {
  const { status, stdout } = spawnSync(file, ['--version'], {
    timeout: PROBE_TIMEOUT_MS,
    argv0: SERVER_ARGV0,
    encoding: 'utf8',
  });
  return status === 0 && /server v=/i.test(stdout);
}

async function findPackageManager(folders: readonly string[]): Promise<PackageManager | undefined> {
  for (const manager of PACKAGE_MANAGERS) {
    if ((await findExecutable(manager.name, folders)) !== undefined) return manager;
  }
  return undefined;
}

/** What to put before the manager's command: nothing, or a sudo that never asks. */
async function privilegePrefix(
  manager: PackageManager,
  folders: readonly string[],
): Promise<readonly string[]> {
  if (!manager.needsRoot || process.getuid?.() === 0) return [];
  const sudo = await findExecutable('sudo', folders);
  if (sudo !== undefined && !(await run(sudo, ['-n', 'true'], { timeout: PROBE_TIMEOUT_MS, folders })).failed)
    return [sudo, '-n'];
  throw new ServerSetupError(
    'ERR_NO_PRIVILEGE',
    `Found neither redis-server nor valkey-server, and installing one with ${manager.name} needs root (this user has ` +
      `no passwordless sudo). Run "${suggestion(manager)}", then this command again, ${OWN_SERVER_HINT}.`,
  );
}

/** undefined if every needed step succeeded, otherwise what failed and how. */
async function runPlan(
  plan: readonly InstallStep[],
  prefix: readonly string[],
  folders: readonly string[],
  report: (line: string) => void,
): Promise<string | undefined> {
  for (const { command, args, mayFail } of plan) {
    const line = [...prefix, command, ...args];
    report(`Running: ${line.join(' ')}`);
    const [file = command, ...rest] = line;
    // Package scripts need the sbin folders, which a user's PATH may lack.
    const { failed, output } = await run(file, rest, { timeout: INSTALL_TIMEOUT_MS, folders });
    if (failed && !mayFail)
      return `"${line.join(' ')}" failed:\n${output.trim().split('\n').slice(-8).join('\n')}`;
  }
  return undefined;
}

function run(
  file: string,
  args: readonly string[],
  { timeout, folders = searchFolders() }: { timeout: number; folders?: readonly string[] },
): Promise<{ failed: boolean; output: string }> {
  const PATH = folders.join(path.delimiter);
  const env = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const options = { timeout, env, maxBuffer: 64 << 20 };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: `${stdout}${stderr}${error?.message ?? ''}` });
    });
  });
}
