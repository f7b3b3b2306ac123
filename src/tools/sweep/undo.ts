// Takes the TTLs back that a sweep gave, and no others: a key that was given another one since, or is gone, is left alone.
// It is told by its expiry, to the millisecond, so it does not matter at which server it is by now: after a failover, or
// in a Cluster whose slots have moved (there to a second, see MIGRATED_MS). May be interrupted and begun again.
import { ConnectionLost, ServerError } from '../keyspace/endpoint.js';
import { Pace } from '../keyspace/pace.js';
import { Patience } from '../keyspace/patience.js';
import type { Reply } from '../keyspace/pipe.js';
import type { WalkProgress } from '../keyspace/progress.js';
import { Follower } from '../keyspace/redirect.js';
import type { Server, Servers } from '../keyspace/servers.js';
import { Journal, type JournalEntry, readJournal } from './journal.js';
import { takeBackBy } from './scripts.js';

export interface UndoResult {
  readonly version: 1;
  /** In the journal; a key may stand there more than once. */
  readonly entries: number;
  /** Have no TTL any more. */
  readonly undone: number;
  /** Gone, or with another TTL, or with none already. */
  readonly left: number;
  /** Lines of the journal that cannot be read: what stood there keeps its TTL. */
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

/** MIGRATE passes on what is left of a TTL, so a key that moves ends later by as long as the way takes. */
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
      `${file} is of ${there}, and nothing that it gave is at ${here}: is it the right server?`,
    );
  }
  if (!signal.aborted && damaged === 0) {
    const journal = await Journal.reopen(file, length);
    await journal.undone();
    await journal.close();
  }
  return { version: 1, ...counts, damaged, interrupted: signal.aborted };
}

/** Read once before: how much there is to do, and that the file is one. */
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

/** What is asked of one server first. */
class Undoer {
  private constructor(
    private readonly server: Server,
    private readonly options: UndoOptions,
    private readonly takeBackAt: Awaited<ReturnType<typeof takeBackBy>>,
    private readonly pace: Pace,
    private readonly follower: Follower,
  ) {}

  static async begin(server: Server, slackMs: number, options: UndoOptions): Promise<Undoer> {
    const { maxRate, name, progress } = options;
    const takeBackAt = await takeBackBy(server.redis, server.name, slackMs);
    const pace = new Pace(server.redis, { maxRate, onPause: (reason) => progress?.waiting(reason) });
    await pace.start();
    return new Undoer(server, options, takeBackAt, pace, new Follower(name));
  }

  /** Returns how many have none any more. @throws ServerError */
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
        // What was taken back before the connection was lost has none any more, and counts as left then.
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
