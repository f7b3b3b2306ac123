// The files of bench/results.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const FOLDER = new URL('../results/', import.meta.url);

export function keepResults(name: string, results: object): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(new URL(`${name}.json`, FOLDER), `${JSON.stringify(results, null, 2)}\n`);
  console.log(`saved: bench/results/${name}.json`);
}

/** What was kept before; undefined: nothing yet. */
export function keptResults<Results>(name: string): Partial<Results> | undefined {
  const file = new URL(`${name}.json`, FOLDER);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Results>) : undefined;
}
