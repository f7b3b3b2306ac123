// The program as users run it: what `npm run build` made of src, and of nothing older.
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The path of dist/cli/main.js. @throws Error when it is not there, or older than a file of src */
export function builtMain(): string {
  const built = existsSync(MAIN) ? statSync(MAIN).mtimeMs : Number.NEGATIVE_INFINITY;
  const newer = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).find(
    (file) => statSync(path.join(SOURCE, file)).mtimeMs > built,
  );
  if (newer !== undefined)
    throw new Error(`src/${newer} is newer than what was built of it: run "npm run build"`);
  return MAIN;
}
