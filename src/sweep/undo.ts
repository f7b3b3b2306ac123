// Takes the TTLs back that a sweep gave, and no others: a key that was given another one since, or is gone, is left alone.
// May be interrupted and begun again.
import { Aside } from '../keyspace/aside.js';
import { Batch } from '../keyspace/batch.js';
import { explainFailure, ServerError } from '../keyspace/endpoint.js';
import type { Server, Servers } from '../keyspace/servers.js';
import { Journal, readJournal } from './journal.js';
import { takeBackBy } from './scripts.js';

export interface UndoResult {
  readonly version: 1;
  /** In the journal; a key may stand there more than once. */
  readonly entries: number;
  /** Have no TTL any more. */
  readonly undone: number;
  /** Gone, or with another TTL, or with none already. */
  readonly left: number;
  readonly interrupted: boolean;
}

export interface UndoOptions {
  /** For CLIENT LIST. */
  readonly name: string;
  readonly file: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (entries: number) => void;
}

/** @throws ServerError */
export async function undo(
  servers: Servers,
  { name, file, signal, onProgress }: UndoOptions,
): Promise<UndoResult> {
  let [entries, undone, left, length] = [0, 0, 0, 0];
  const connections = new Map<string, { aside: Aside; takeBack: Awaited<ReturnType<typeof takeBackBy>> }>();
  try {
    for await (const entry of readJournal(file, (whole) => {
      length = whole;
    })) {
      if (signal.aborted) break;
      if (entry.kind !== 'give') continue;
      const { place, keys } = entry;
      const server = serverOf(servers, place.server, file);
      const id = `${place.db} ${place.server}`;
      const known = connections.get(id);
      const connection = known ?? {
        aside: new Aside(server.endpoint, place.db, name),
        takeBack: await takeBackBy(server.redis, server.name),
      };
      connections.set(id, connection);
      const batch = new Batch();
      for (const [key, expireAt] of keys) batch.about(connection.takeBack(expireAt), key);
      for (const reply of await connection.aside.ask(batch)) {
        if (reply === 1) undone++;
        else if (!(reply instanceof Error)) left++;
        else throw new ServerError(explainFailure(server.name, reply));
      }
      entries += keys.length;
      onProgress?.(keys.length);
    }
  } finally {
    for (const { aside } of connections.values()) aside.close();
  }
  if (!signal.aborted) {
    const journal = await Journal.reopen(file, length);
    await journal.undone();
    await journal.close();
  }
  return { version: 1, entries, undone, left, interrupted: signal.aborted };
}

function serverOf({ all }: Servers, name: string, file: string): Server {
  const found = all.find((server) => server.name === name);
  if (found !== undefined) return found;
  const names = all.map((server) => server.name).join(', ');
  throw new ServerError(`${file} is of ${name}, and here is ${names}: name that server by --upstream`);
}
