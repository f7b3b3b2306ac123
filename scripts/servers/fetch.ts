// Fetches a server of another Debian release without installing it: by an apt with lists, sources and folders of its own,
// unpacked by dpkg, started by the loader and libraries of its release.
// Owns ~/.cache/spillway/servers. Invariants: nothing outside of it is changed; a folder is there whole or not at all; a
// server that does not tell the expected version is an error.
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Release } from './releases.js';

const run = promisify(execFile);
const MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What a server is linked against; nothing else of a release is needed to run it. */
const LIBRARY = /^(?:lib|lua|zlib1g$|gcc-\d+-base$)/;
/** Depends on the whole of an init system, by way of maintainer scripts that never run here. */
const SKIPPED = /^(?:libpam|libnss-|libc-bin|libcrypt)/;
const MOST_OUTPUT = 64 << 20;

const CACHE = path.join(
  process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'),
  'spillway',
  'servers',
);

/** Path of a script that starts the server as its binary would start. @throws Error that says what failed */
export async function fetchServer(release: Release, report: (line: string) => void): Promise<string> {
  const folder = path.join(CACHE, release.name);
  const starter = path.join(folder, 'redis-server');
  if (await exists(starter)) return starter;
  await mkdir(CACHE, { recursive: true });
  const part = await mkdtemp(path.join(CACHE, `${release.name}.part-`));
  try {
    report(`${release.name}: fetching ${release.packages.join(', ')} of Debian ${release.suite}`);
    await unpack(release, part);
    await writeStarter(release, part, folder);
    await rename(part, folder);
    return starter;
  } catch (error) {
    const { message, stderr = '' } = error as Error & { stderr?: string };
    throw new Error(`${release.name}: ${message}\n${stderr.trim().split('\n').slice(-5).join('\n')}`);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function unpack({ suite, packages }: Release, part: string): Promise<void> {
  const [apt, debs, root] = ['apt', 'debs', 'root'].map((name) => path.join(part, name)) as [
    string,
    string,
    string,
  ];
  for (const each of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d'])
    await mkdir(path.join(apt, each), { recursive: true });
  for (const each of [debs, root]) await mkdir(each);
  // Experimental and backports are no releases by themselves: what they lack is in the release that they go with.
  const suites = [suite, ...(BASE[suite] ?? [])];
  await writeFile(
    path.join(apt, 'etc/sources.list'),
    suites.map((each) => `deb [signed-by=${KEYRING}] ${MIRROR} ${each} main\n`).join(''),
  );
  await writeFile(path.join(apt, 'status'), '');
  const settings = [
    ['Dir::Etc', path.join(apt, 'etc')],
    ['Dir::Etc::sourcelist', path.join(apt, 'etc/sources.list')],
    ['Dir::Etc::sourceparts', '-'],
    ['Dir::State', apt],
    ['Dir::State::status', path.join(apt, 'status')],
    ['Dir::State::lists', path.join(apt, 'lists')],
    ['Dir::Cache', path.join(apt, 'cache')],
    ['APT::Default-Release', suite],
    ['APT::Get::List-Cleanup', 'false'],
    ['Acquire::Languages', 'none'],
    // Fetched by whoever runs this, who may be no root.
    ['APT::Sandbox::User', os.userInfo().username],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const options = { cwd: debs, maxBuffer: MOST_OUTPUT };
  await run('apt-get', [...settings, 'update'], options);
  const closure = [
    'depends',
    '--recurse',
    '--no-recommends',
    '--no-suggests',
    '--no-conflicts',
    '--no-breaks',
  ];
  const { stdout } = await run(
    'apt-cache',
    [...settings, ...closure, '--no-replaces', '--no-enhances', ...packages],
    options,
  );
  const names = new Set<string>(packages);
  for (const line of stdout.split('\n')) {
    const name = line.trim();
    if (/^\S+$/.test(name) && LIBRARY.test(name) && !SKIPPED.test(name)) names.add(name.replace(/:.*$/, ''));
  }
  await run('apt-get', [...settings, 'download', ...names], options);
  for (const deb of await readdir(debs)) await run('dpkg', ['-x', path.join(debs, deb), root]);
  for (const each of [apt, debs]) await rm(each, { recursive: true });
}

/** Where the rest of an add-on suite is. */
const BASE: Readonly<Record<string, readonly string[]>> = {
  experimental: ['sid'],
  'bookworm-backports': ['bookworm'],
};

/** A script of one exec: so the process is the server itself, by its pid, its signals and its end. */
async function writeStarter({ binary }: Release, part: string, folder: string): Promise<void> {
  const root = path.join(folder, 'root');
  const found = (await run('find', [path.join(part, 'root'), '-name', 'ld-linux-*.so.*'])).stdout.split(
    '\n',
  )[0];
  if (found === undefined || found === '') throw new Error('its libc has no loader');
  const loader = path.join(root, path.relative(path.join(part, 'root'), found));
  const libraries = ['lib', 'usr/lib'].flatMap((each) => {
    const base = path.join(root, each);
    return [path.join(base, `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`), base];
  });
  const words = [loader, '--library-path', libraries.join(':'), path.join(root, 'usr/bin', binary)];
  // Redis 6.0 of Debian loads a part of its Lua by this.
  const lua = libraries.map((each) => path.join(each, 'lua/5.1/?.so')).join(';');
  const script = `#!/bin/sh\nLUA_CPATH='${lua}' exec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`;
  await writeFile(path.join(part, 'redis-server'), script, { mode: 0o755 });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
