// Finds a python3 that has the modules a test needs, or installs Debian's packages where apt-get may be run.
// Without either it throws, and says what is missing: a test that needs it fails, it is not skipped.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../../src/cli/local-server/server-binary.js';
import { installPackages } from './apt.js';

/** Debian's own before others on PATH: a version manager's python does not see Debian's packages. */
const DEBIAN_FOLDERS = ['/usr/bin'];

/** The path of a python3 that can import redis. @throws Error that says what to install. */
export function ensurePythonRedis(report: (line: string) => void): Promise<string> {
  return ensurePython(['redis', 'redis.asyncio'], ['python3-redis'], report);
}

/** The path of a python3 that can import the modules. @throws Error that says what to install. */
export async function ensurePython(
  modules: readonly string[],
  packages: readonly string[],
  report: (line: string) => void,
): Promise<string> {
  const present = await findPython(modules);
  if (present !== undefined) return present;
  await installPackages(packages, report);
  const installed = await findPython(modules);
  if (installed === undefined)
    throw new Error(`${packages.join(', ')} was installed, and python3 cannot import ${modules.join(', ')}`);
  return installed;
}

async function findPython(modules: readonly string[]): Promise<string | undefined> {
  const found = [await findExecutable('python3', DEBIAN_FOLDERS), await findExecutable('python3')];
  for (const python of found) {
    if (python === undefined) continue;
    const works = await promisify(execFile)(python, ['-c', `import ${modules.join(', ')}`]).then(
      () => true,
      () => false,
    );
    if (works) return python;
  }
  return undefined;
}
