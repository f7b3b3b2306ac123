// npm run build:types: the declarations of the package's exports into dist/, beside their JavaScript: src/index.d.ts and
// those that it refers to, which are few of all. Plain JavaScript, since it runs before anything is compiled.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';

const MADE = 'node_modules/.cache/types';
const ENTRY = 'index.d.ts';

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], {
  stdio: 'inherit',
});
const copied = new Set([ENTRY]);
for (const file of copied) {
  const text = readFileSync(path.join(MADE, file), 'utf8');
  for (const [, name = ''] of text.matchAll(/(?:from|import\()\s*["'](\.[^"']+)\.js["']/g)) {
    copied.add(path.join(path.dirname(file), `${name}.d.ts`));
  }
  cpSync(path.join(MADE, file), path.join('dist', file));
}
