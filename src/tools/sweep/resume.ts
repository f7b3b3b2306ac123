// Where an interrupted sweep continues: the last cursor of each place in its journal. Reads the journal; writes nothing.
// Invariant: a cursor is used only in the place where it was given: the same server process, database and placement of slots.
import { createHash } from 'node:crypto';
import { ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';
import { type Place, readJournal } from './journal.js';

/** Cursors by place; see keyOf(). */
export type Progressed = ReadonlyMap<string, string>;

/**
 * How far the sweep of this journal came, and the length of the journal's whole lines.
 * @param terms of the sweep that continues it; see digestTerms()
 * @throws ServerError also when it began with other terms, because these decided which keys it passed over
 */
export async function progressOf(file: string, terms: string): Promise<{ from: Progressed; length: number }> {
  const from = new Map<string, string>();
  let length = 0;
  const entries = readJournal(file, (whole) => {
    length = whole;
  });
  for await (const entry of entries) {
    if (entry.kind === 'begun' && entry.terms !== terms) throw new ServerError(`${file} ${OTHER_TERMS}`);
    if (entry.kind === 'damaged') throw new ServerError(`${file}, line ${entry.line}: ${DAMAGED}`);
    if (entry.kind === 'undone') throw new ServerError(`${file} has been undone: begin a new sweep`);
    // If the server's run is unknown, it may be another one by now, and then the cursor means nothing.
    if (entry.kind === 'done' && entry.place.run !== '') from.set(keyOf(entry.place), entry.cursor);
  }
  return { from, length };
}

const DAMAGED =
  'it is damaged: begin a new sweep without --resume, which keeps the TTLs that are there; --undo skips damaged lines';
const OTHER_TERMS =
  'was begun with other rules, another --rule or another --idle, which decided the keys that it passed over: continue with those, or begin ' +
  'a new sweep without --resume, which keeps the TTLs that are there';

/** A cursor is valid while the server's process runs and slots stay where they are. */
export function placeOf({ name, info }: Server, db: number, placement: string | undefined): Place {
  const run = info.get('run_id') ?? '';
  const placed = createHash('sha256')
    .update(placement ?? '')
    .digest('hex')
    .slice(0, 16);
  return { server: name, db, run: run === '' ? '' : `${run} ${placed}` };
}

/** The key of a place in Progressed. */
export function keyOf({ server, db, run }: Place): string {
  return JSON.stringify([server, db, run]);
}
