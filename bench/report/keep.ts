// The files of bench/results, or of the folder that SPILLWAY_RESULTS names: for runs that must not change those.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = process.env.SPILLWAY_RESULTS || fileURLToPath(new URL('../results/', import.meta.url));

export function keepResults(name: string, results: object): void {
  const file = fileOf(name);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`saved: ${path.relative('', file)}`);
}

/** What was kept before; undefined: nothing yet. */
export function keptResults<Results>(name: string): Partial<Results> | undefined {
  const file = fileOf(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Results>) : undefined;
}

function fileOf(name: string): string {
  return path.join(FOLDER, `${name}.json`);
}
