// The commands that deploy/README.md prints under "systemd", run as they stand but for where they install: below a folder,
// without sudo, and without systemctl, since nothing here runs systemd.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SYSTEM = ['/usr/local', '/etc'];

/** Returns the path of the installed unit, which names what is installed. @throws Error of the command that failed. */
export function installFromTarball(folder: string): string {
  const guide = readFileSync(path.join(ROOT, 'deploy/README.md'), 'utf8');
  const section = guide.slice(guide.indexOf('\n## systemd\n'));
  const [pack, install] = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    ([, commands = '']) => commands,
  );
  // The dependencies are there already, or this would not run.
  const tarball = pack?.replace('npm ci && ', '').trim();
  if (tarball !== 'npm pack' || install === undefined)
    throw new Error('deploy/README.md has other commands by now');
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const place of [...SYSTEM, '/etc/systemd/system'])
    mkdirSync(path.join(folder, place), { recursive: true });
  const here = (text: string) => text.replaceAll(/(^|[\s=])(\/usr\/local|\/etc)(?=\/|\s)/gm, `$1${folder}$2`);
  const commands = here(install.replaceAll(/^sudo systemctl.*$/gm, '').replaceAll(/^sudo /gm, ''));
  execFileSync('bash', ['-euc', commands], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  const unit = path.join(folder, 'etc/systemd/system/spillway.service');
  writeFileSync(unit, here(readFileSync(unit, 'utf8')));
  return unit;
}
