// `spillway sweep --undo`: takes back the TTLs that a sweep gave, and no others. It recognizes a key by its expiry, to the
// millisecond, and leaves a key that has another expiry by now. So a failover or moved slots do not matter (in a Cluster the
// expiry may differ by a second, see MIGRATED_MS). It can be interrupted and run again.
import { ConnectionLost, ServerError } from '../keyspace/endpoint.js';
import { Patience } from '../keyspace/patience.js';
import type { Reply } from '../keyspace/pipe.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { Follower } from '../keyspace/redirect.js';
import type { Server, Servers } from '../keyspace/servers.js';
import { WalkPace } from '../keyspace/walk-pace.js';
import { Journal, type JournalEntry, readJournal } from './journal.js';
import { takeBackBy } from './scripts.js';

export interface UndoResult {
  readonly version: 1;
  /** Keys in the journal; the same key may be in it more than once. */
  readonly entries: number;
  /** Keys that have lost their TTL. */
  readonly undone: number;
  /** Keys that are gone, or have another TTL or none. */
  readonly left: number;
  /** Lines of the journal that cannot be read; their keys keep their TTLs. */
  readonly damaged: number;
  readonly interrupted: boolean;
}

export interface UndoOptions {
  /** For CLIENT LIST. */
  readonly name: string;
  readonly file: string;
  /** Keys a second; undefined: as fast as the servers answer. */
  readonly maxRate: number | undefined;
  readonly signal: AbortSignal;
  readonly progress?: WalkProgress;
}

/** MIGRATE passes on the time that is left, so a key that moves expires later by the time of the transfer. */
const MIGRATED_MS = 1000;

type Give = Extract<JournalEntry, { kind: 'give' }>;

/** @throws ServerError */
export async function undo(servers: Servers, options: UndoOptions): Promise<UndoResult> {
  const { file, signal, progress } = options;
  const { keys, damaged, names, length } = await summaryOf(file);
  progress?.begin('undo', keys);
  const slackMs = servers.kind === 'cluster' ? MIGRATED_MS : 0;
  const workers = new Map<Server, Undoer>();
  const counts = { entries: 0, undone: 0, left: 0 };
  try {
    for await (const entry of readJournal(file)) {
      if (signal.aborted) break;
      if (entry.kind !== 'give') continue;
      const server =
        servers.all.find(({ name }) => name === entry.place.server) ?? (servers.all[0] as Server);
      const worker = workers.get(server) ?? (await Undoer.begin(server, slackMs, options));
      workers.set(server, worker);
      const undone = await worker.takeBack(entry);
      counts.entries += entry.keys.length;
      counts.undone += undone;
      counts.left += entry.keys.length - undone;
      progress?.advance(entry.keys.length);
    }
  } finally {
    for (const worker of workers.values()) await worker.close();
  }
  const strange = !servers.all.some(({ name }) => names.has(name));
  if (strange && keys > 0 && counts.undone === 0 && !signal.aborted) {
    const [there, here] = [[...names].join(', '), servers.all.map(({ name }) => name).join(', ')];
    throw new ServerError(
      `${file} belongs to ${there}, and none of its TTLs is on ${here}: check that this is the right server`,
    );
  }
  if (!signal.aborted && damaged === 0) {
    const journal = await Journal.reopen(file, length);
    await journal.undone();
    await journal.close();
  }
  return { version: 1, ...counts, damaged, interrupted: signal.aborted };
}

/** Reads the journal once before the work: it counts the keys and checks the file. */
async function summaryOf(file: string) {
  const names = new Set<string>();
  let [keys, damaged, length] = [0, 0, 0];
  const entries = readJournal(file, (whole) => {
    length = whole;
  });
  for await (const entry of entries) {
    if (entry.kind === 'damaged') damaged++;
    if (entry.kind !== 'give') continue;
    names.add(entry.place.server);
    keys += entry.keys.length;
  }
  return { keys, damaged, names, length };
}

/** Takes back TTLs, asking one server first. */
class Undoer {
  private constructor(
    private readonly server: Server,
    private readonly options: UndoOptions,
    private readonly takeBackAt: Awaited<ReturnType<typeof takeBackBy>>,
    private readonly pace: WalkPace,
    private readonly follower: Follower,
  ) {}

  static async begin(server: Server, slackMs: number, options: UndoOptions): Promise<Undoer> {
    const { maxRate, name, progress } = options;
    const takeBackAt = await takeBackBy(server.redis, server.name, slackMs);
    const onPause = (reason: string | undefined) => progress?.waiting(reason);
    const pace = await WalkPace.begin(server.redis, { maxRate, onPause });
    return new Undoer(server, options, takeBackAt, pace, new Follower(name));
  }

  /** Returns how many of the keys have lost their TTL. @throws ServerError */
  async takeBack({ place, keys }: Give): Promise<number> {
    const { signal } = this.options;
    await this.pace.go(keys.length, signal);
    const questions = keys.map(([key, expireAt]) => ({ key, command: this.takeBackAt(expireAt) }));
    const patience = new Patience();
    for (;;) {
      try {
        const replies: Reply[] = await this.follower.ask(this.server.endpoint, place.db, questions);
        return replies.filter((reply) => reply === 1).length;
      } catch (error) {
        // A key whose TTL was taken back before the connection was lost has none by now, and counts as left.
        if (!(error instanceof ConnectionLost) || signal.aborted) throw error;
        this.options.progress?.waiting(error.message);
        await patience.wait(error, signal);
        this.options.progress?.waiting(undefined);
      }
    }
  }

  async close(): Promise<void> {
    this.follower.close();
    await this.pace.close();
  }
}
