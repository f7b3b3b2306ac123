// What npm runs after `npm ci` in a checkout and before it packs: builds the program, so that `npx spillway` works at once.
// It checks no types, which would take most of the time: `npm run build` and `npm run lint` do. `npm ci` also leaves out the
// declarations, which only a package needs. Plain JavaScript, since nothing is compiled yet. Without TypeScript
// (`npm ci --omit=dev`) it builds nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/typescript')) {
  run('build', '--', '--noCheck');
  if (process.env.npm_command !== 'ci') run('build:types');
} else {
  console.error('spillway: TypeScript is not installed, so the program was not built; `npm ci` installs it');
}

function run(...script) {
  const { status } = spawnSync('npm', ['run', '--silent', ...script], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  process.exitCode ||= status ?? 1;
}
