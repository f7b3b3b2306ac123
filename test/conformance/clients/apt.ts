// Installs Debian packages that the tests need, where apt-get may be run. Says every command before it runs it.
// Never touches the machine's own list of sources.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../../src/cli/local-server/server-binary.js';

const INSTALL_TIMEOUT_MS = 300_000;

/** @throws Error that says what to install by hand, where this user cannot install anything. */
export async function installPackages(
  packages: readonly string[],
  report: (line: string) => void,
): Promise<void> {
  const aptGet = await findExecutable('apt-get');
  if (aptGet === undefined || process.getuid?.() !== 0) {
    throw new Error(`not on this machine; on Debian: sudo apt-get install ${packages.join(' ')}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    report(`running apt-get ${args.join(' ')}`);
    await promisify(execFile)(aptGet, ['-q', ...args], {
      env,
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: 64 << 20,
    });
  }
}

/** The first of these programs that is there, from `debianPackage` when none is. @throws Error as above. */
export async function need(
  names: readonly string[],
  debianPackage: string,
  report: (line: string) => void = () => {},
): Promise<string> {
  const find = async () => {
    for (const name of names) {
      const found = await findExecutable(name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const found = (await find()) ?? (await installPackages([debianPackage], report).then(find));
  if (found === undefined) throw new Error(`${debianPackage} was installed and has no ${names.join(' or ')}`);
  return found;
}
