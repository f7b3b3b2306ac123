// Distributes the samples of a round over the databases, by their shares of the keys. Pure.
import type { DatabaseKeys } from '../reading.js';

export interface Allotment {
  readonly db: number;
  readonly samples: number;
}

/**
 * Systematic sampling: as if all keys stood in a row and every n-th was taken, starting at random. So each key is equally
 * likely, and a database with few keys gets a sample now and then. `random`: 0 (included) to 1 (excluded).
 */
export function allot(databases: readonly DatabaseKeys[], samples: number, random: number): Allotment[] {
  const keys = databases.reduce((sum, database) => sum + database.keys, 0);
  if (keys === 0) return [];
  const step = keys / samples;
  let passed = 0;
  let taken = 0;
  const allotments: Allotment[] = [];
  for (const database of databases) {
    passed += database.keys;
    const upTo = Math.min(samples, Math.max(taken, Math.ceil(passed / step - random)));
    if (upTo > taken) allotments.push({ db: database.db, samples: upTo - taken });
    taken = upTo;
  }
  return allotments;
}
