// Finds a python3 that has redis-py, or installs Debian's python3-redis where apt-get may be run.
// Without either it throws, and says what is missing: a test that needs it fails, it is not skipped.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../../src/cli/local-server/server-binary.js';
import { installPackages } from './apt.js';

/** Debian's own before others on PATH: a version manager's python does not see Debian's packages. */
const DEBIAN_FOLDERS = ['/usr/bin'];

/** The path of a python3 that can import redis. @throws Error that says what to install. */
export async function ensurePythonRedis(report: (line: string) => void): Promise<string> {
  const present = await findPython();
  if (present !== undefined) return present;
  await installPackages(['python3-redis'], report);
  const installed = await findPython();
  if (installed === undefined)
    throw new Error('python3-redis was installed, and python3 cannot import redis');
  return installed;
}

async function findPython(): Promise<string | undefined> {
  const found = [await findExecutable('python3', DEBIAN_FOLDERS), await findExecutable('python3')];
  for (const python of found) {
    if (python === undefined) continue;
    const works = await promisify(execFile)(python, ['-c', 'import redis, redis.asyncio']).then(
      () => true,
      () => false,
    );
    if (works) return python;
  }
  return undefined;
}
