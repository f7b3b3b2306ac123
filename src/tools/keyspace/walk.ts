// Visits every key of one database by SCAN, page by page. The questions about a page and the SCAN for the next page go out
// together, and the replies of a page are processed while the next ones arrive.
//
//   server   [ about page 1, SCAN ] [ about page 2, SCAN ] …
//   here              process page 1    process page 2 …
//
// Invariants: a page counts as a whole, once all of its replies were processed. After a lost connection the walk continues
// from the last page that counts, so it may meet a key twice (as SCAN itself may), but misses none. A server that has
// restarted, or another server in its place, has its keys in another order: then the walk starts over. It also starts over
// if the server does not say which run it is.
import { encodeCommand } from '../../core/resp/encode.js';
import { Batch } from './batch.js';
import { ConnectionLost, type Endpoint, endpointName, refusal } from './endpoint.js';
import { Patience } from './patience.js';
import { Pipe, type Reply } from './pipe.js';

/** Keys and replies are views of the bytes that were read: copy them to keep them. */
export interface Visitor {
  /** Puts the questions about these keys into `batch`. They are sent when the promise resolves. */
  ask(keys: readonly Buffer[], batch: Batch): void | Promise<void>;
  /**
   * Gets a reply for each command of `ask`, in order. May be called again for a page after a lost connection.
   * @param next the cursor after this page; '0': it was the last
   */
  take(keys: readonly Buffer[], replies: readonly Reply[], next: string): void | Promise<void>;
  /** The walk starts over from the first key. */
  restart(): void;
  /**
   * Estimates the server's time for these replies, in milliseconds. It is not measured: on a busy machine a page takes long
   * for other reasons, and smaller pages would only be more pages.
   */
  weigh?(replies: readonly Reply[]): number;
}

export interface WalkOptions {
  readonly endpoint: Endpoint;
  readonly db: number;
  /** For CLIENT LIST. */
  readonly name: string;
  /** SCAN's COUNT; default: depends on the round trip. */
  readonly pageKeys?: number;
  /** Where to continue; '0': from the beginning. */
  readonly cursor?: string;
  /** The run_id of the server at which `cursor` was valid; at another one the walk starts from the first key. */
  readonly run?: string | undefined;
  readonly signal: AbortSignal;
  /** Called before the questions about a page of this many keys are sent; the walk waits for the promise. */
  readonly pace?: (keys: number, signal: AbortSignal) => Promise<void> | undefined;
  /** A page counts; the walk continues from `cursor`, '0' at the end. */
  readonly onPage?: (keys: number, cursor: string) => void;
  /** How long a server may be away. */
  readonly patienceMs?: number;
  /** Called with the reason why the walk waits for the server, and with undefined when the server is there again. */
  readonly onAway?: ((reason: string | undefined) => void) | undefined;
}

// A page blocks the server's other clients for about 2 µs a key, and costs the walk a round trip. A page that takes the
// server about as long as the round trip loses little time and never blocks others for long.
const LEAST_PAGE_KEYS = 20;
const MOST_PAGE_KEYS = 200;
const PAGE_KEYS_PER_MS = 200;
/** A server with this round trip counts as local: on a slow machine the loopback takes as long. */
const NEAR_MS = 0.1;
const WAYS = 5;
/** If a page takes the server longer than this, the next pages have fewer keys. */
const PAGE_MS = 1;
const SMALLEST_PAGE_KEYS = 4;
/** Interval of PINGs during a pause: a server closes idle connections after its `timeout`, at least a second. */
const KEEP_MS = 400;
const PING = { bytes: encodeCommand('PING'), count: 1 };

/**
 * Resolves with true when every key was visited, with false when `signal` was aborted before.
 * @throws ServerError when the server refuses a command, or stays away
 */
export async function walk(options: WalkOptions, visitor: Visitor): Promise<boolean> {
  const { endpoint, db, name, signal } = options;
  const position = { cursor: options.cursor ?? '0', begun: false };
  const patience = new Patience(options.patienceMs);
  let runId = options.run;
  for (;;) {
    let pipe: Pipe | undefined;
    const before = position.cursor;
    try {
      pipe = await Pipe.connect(endpoint, db, name);
      const now = await runIdOf(pipe);
      if (runId !== undefined && (now !== runId || now === '')) {
        position.cursor = '0';
        visitor.restart();
      }
      runId = now;
      options.onAway?.(undefined);
      const size = new PageSize(options.pageKeys ?? pageFor(await roundTripMs(pipe)));
      return await stretch(pipe, position, size, options, visitor);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      if (signal.aborted) return false;
      // The walk does not wait for a server that was never there.
      if (!position.begun) throw error;
      if (position.cursor !== before) patience.renew();
      options.onAway?.(error.message);
      await patience.wait(error, signal);
    } finally {
      pipe?.close();
    }
  }
}

/** The server's run_id, which changes with each start; '': the user may not run INFO. */
async function runIdOf(pipe: Pipe): Promise<string> {
  const [info] = await pipe.ask({ bytes: encodeCommand('INFO', 'server'), count: 1 });
  return /^run_id:(\w+)/m.exec(String(info))?.[1] ?? '';
}

/** The fastest of a few round trips, so that a busy server or machine does not count. */
async function roundTripMs(pipe: Pipe): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WAYS; i++) {
    const asked = performance.now();
    await pipe.ask(PING);
    least = Math.min(least, performance.now() - asked);
  }
  return least;
}

/** Keys of a page for this round trip. */
export function pageFor(roundTripMs: number): number {
  const keys = Math.round((roundTripMs - NEAR_MS) * PAGE_KEYS_PER_MS);
  return Math.min(Math.max(keys, LEAST_PAGE_KEYS), MOST_PAGE_KEYS);
}

/** The number of keys of a page. */
class PageSize {
  keys: number;

  constructor(private readonly most: number) {
    this.keys = most;
  }

  /** @param ms the server's time for a page of `keys` keys */
  fit(ms: number, keys: number): void {
    const fitting = ms > 0 ? Math.floor((keys * PAGE_MS) / ms) : this.most;
    this.keys = Math.min(Math.max(fitting, SMALLEST_PAGE_KEYS), 2 * this.keys, this.most);
  }
}

interface Page {
  readonly keys: readonly Buffer[];
  readonly replies: readonly Reply[];
  readonly next: string;
}

/** Walks as far as one connection lasts. */
async function stretch(
  pipe: Pipe,
  position: { cursor: string; begun: boolean },
  size: PageSize,
  { endpoint, signal, pace, onPage }: WalkOptions,
  visitor: Visitor,
): Promise<boolean> {
  const take = async ({ keys, replies, next }: Page): Promise<void> => {
    await visitor.take(keys, replies, next);
    position.cursor = next;
    onPage?.(keys.length, next);
  };
  const batch = new Batch();
  let scanning = scan(pipe, position.cursor, size.keys);
  let last: Page | undefined;
  for (;;) {
    const { keys, next } = pageOf(await scanning, endpoint);
    position.begun = true;
    const pause = keys.length > 0 ? pace?.(keys.length, signal) : undefined;
    if (pause !== undefined) await keeping(pipe, pause);
    if (signal.aborted) {
      if (last !== undefined) await take(last);
      return false;
    }
    // The batch of the last page can be reused: the server has answered it.
    batch.clear();
    await visitor.ask(keys, batch);
    const asked = pipe.together(() => {
      const replies = pipe.ask(batch);
      if (next !== '0') scanning = scan(pipe, next, size.keys);
      return replies;
    });
    if (last !== undefined) await take(last);
    last = { keys, replies: await asked, next };
    if (visitor.weigh !== undefined) size.fit(visitor.weigh(last.replies), keys.length);
    if (next !== '0') continue;
    await take(last);
    return true;
  }
}

function scan(pipe: Pipe, cursor: string, count: number): Promise<readonly Reply[]> {
  return pipe.ask({ bytes: encodeCommand('SCAN', cursor, 'COUNT', String(count)), count: 1 });
}

/** Keeps an otherwise idle connection open until `pause` resolves. */
async function keeping(pipe: Pipe, pause: Promise<void>): Promise<void> {
  const keep = setInterval(() => void pipe.ask(PING), KEEP_MS);
  try {
    await pause;
  } finally {
    clearInterval(keep);
  }
}

function pageOf([reply]: readonly Reply[], endpoint: Endpoint): { keys: readonly Buffer[]; next: string } {
  if (reply instanceof Error) throw refusal(endpointName(endpoint), reply);
  const [next, keys] = reply as readonly [Buffer, readonly Buffer[]];
  return { keys, next: next.toString('latin1') };
}
