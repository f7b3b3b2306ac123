// The saved corpus: one JSON file for each case that ever failed, replayed before every run.
// Owns the folder's file names. Written to only by the full run.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeCase, encodeCase, type FuzzCase } from './fuzz-case.js';

const FOLDER = new URL('./corpus/', import.meta.url);

export interface SavedCase {
  readonly name: string;
  readonly case: FuzzCase;
}

export function savedCases(): SavedCase[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return names
    .sort()
    .map((name) => ({ name, case: decodeCase(readFileSync(new URL(name, FOLDER), 'utf8')) }));
}

/** Returns the file's path; the same case always gets the same name. */
export function saveCase(fuzzCase: FuzzCase, why: string): string {
  const text = encodeCase(fuzzCase, why.slice(0, 300));
  const name = `${fuzzCase.lane}-${createHash('sha256').update(text).digest('hex').slice(0, 10)}.json`;
  const file = new URL(name, FOLDER);
  writeFileSync(file, text);
  return fileURLToPath(file);
}
