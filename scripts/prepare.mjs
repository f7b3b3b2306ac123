// What npm runs after `npm ci` in a checkout and before it packs: builds the program, so that `npx spillway` works at
// once, and the types of its exports. Plain JavaScript, since nothing is compiled yet. Without TypeScript (`npm ci --omit=dev`) it builds nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/typescript')) {
  for (const script of ['build', 'build:types']) {
    const { status } = spawnSync('npm', ['run', script, '--silent'], {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    process.exitCode ||= status ?? 1;
  }
} else {
  console.error('spillway: TypeScript is not installed, so the program was not built; `npm ci` installs it');
}
