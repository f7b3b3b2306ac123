// Fetches a package's source from Debian, as its authors released it, through a private list of sources:
// the machine's own apt configuration is neither read for sources nor changed.
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { need } from '../apt.js';

const run = promisify(execFile);
const TIMEOUT_MS = 300_000;

export interface Source {
  /** The folder of the unpacked source. */
  readonly source: string;
  readonly version: string;
}

/** Unpacks it inside `folder`. @throws Error where this is no Debian with apt-get. */
export async function debianSource(name: string, folder: string): Promise<Source> {
  const aptGet = await need(['apt-get'], 'apt');
  const [parts, lists, cache, unpacked] = ['parts', 'lists', 'cache', name].map((each) =>
    path.join(folder, each),
  );
  if (!parts || !lists || !cache || !unpacked) throw new Error('no folder');
  const wanted = [parts, path.join(lists, 'partial'), path.join(cache, 'archives', 'partial'), unpacked];
  for (const each of wanted) await mkdir(each, { recursive: true });
  await writeFile(path.join(parts, 'source.sources'), await sourcesOfThisRelease());
  const options = {
    'Dir::Etc::sourceparts': parts,
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::State::lists': lists,
    'Dir::Cache': cache,
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const settings = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: 64 << 20 };
  await run(aptGet, ['-q', ...flags, 'update'], settings);
  await run(aptGet, ['-q', ...flags, 'source', '--download-only', name], settings);
  const archive = (await readdir(folder)).find(
    (file) => file.startsWith(`${name}_`) && file.includes('.orig.tar.'),
  );
  if (archive === undefined) throw new Error(`apt-get source ${name} brought no .orig.tar`);
  await run('tar', ['-xf', path.join(folder, archive), '-C', unpacked, '--strip-components=1'], settings);
  const version = archive.slice(name.length + 1, archive.indexOf('.orig.'));
  return { source: unpacked, version };
}

async function sourcesOfThisRelease(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (suite === undefined)
    throw new Error('the sources of the suites come from Debian, and this is no Debian');
  const entry = (uri: string, suites: string) =>
    `Types: deb-src\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\n` +
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n';
  const security = entry('http://deb.debian.org/debian-security', `${suite}-security`);
  return `${entry('http://deb.debian.org/debian', suite)}\n${security}`;
}
