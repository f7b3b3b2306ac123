// Visits every key of one database by SCAN, a page at a time: asks about a page's keys and for the next page in one go,
// and looks at the answers while the next ones are on their way.
//
//   server   [ about page 1, SCAN ] [ about page 2, SCAN ] …
//   here                 look at page 1    look at page 2 …
//
// Invariants: a page counts once its answers were taken, whole; what a lost connection leaves open is asked again from
// the last page that counts, so a key may be met twice (as SCAN itself allows), never missed. A server that has
// restarted, or another one in its place, or one that does not tell, has its keys in another order: then all are visited
// again.
import { encodeCommand } from '../../core/resp/encode.js';
import { Batch } from './batch.js';
import { ConnectionLost, type Endpoint, endpointName, refusal } from './endpoint.js';
import { Patience } from './patience.js';
import { Pipe, type Reply } from './pipe.js';

/** Keys and replies are views of what was read: whoever keeps one copies it. */
export interface Visitor {
  /** Puts what is to be asked about these keys into `batch`. Nothing is sent before a promise resolves. */
  ask(keys: readonly Buffer[], batch: Batch): void | Promise<void>;
  /**
   * As many replies as `ask` put commands, in order. May be called again for a page after a lost connection.
   * @param next the cursor behind this page; '0': it was the last
   */
  take(keys: readonly Buffer[], replies: readonly Reply[], next: string): void | Promise<void>;
  /** All keys are visited again from the first. */
  restart(): void;
  /**
   * Milliseconds of the server's time that these answers took, about. Reckoned, not measured: on a busy machine a page
   * takes long for other reasons, and smaller ones would only be more.
   */
  weigh?(replies: readonly Reply[]): number;
}

export interface WalkOptions {
  readonly endpoint: Endpoint;
  readonly db: number;
  /** For CLIENT LIST. */
  readonly name: string;
  /** SCAN's COUNT; else by how far away the server is. */
  readonly pageKeys?: number;
  /** Where to go on from; '0': from the beginning. */
  readonly cursor?: string;
  /** The server's run that `cursor` is of, as INFO tells it; in another one all keys are visited from the first. */
  readonly run?: string | undefined;
  readonly signal: AbortSignal;
  /** Waited for before a page of so many keys is asked about. */
  readonly pace?: (keys: number, signal: AbortSignal) => Promise<void> | undefined;
  /** A page counts: from `cursor` it goes on, '0' at the end. */
  readonly onPage?: (keys: number, cursor: string) => void;
  /** How long a server may be away. */
  readonly patienceMs?: number;
  /** Told why the server is waited for, and with undefined that it is there again. */
  readonly onAway?: ((reason: string | undefined) => void) | undefined;
}

// A page keeps the server from its other clients, by about 2 µs a key; the walk waits for each page's way there and back.
// As many keys as take the server about as long as the way takes lose little time to it, and never keep others for long.
const LEAST_PAGE_KEYS = 20;
const MOST_PAGE_KEYS = 200;
const PAGE_KEYS_PER_MS = 200;
/** Who answers within that is as near as can be: on a slow machine the loopback takes so long. */
const NEAR_MS = 0.1;
const WAYS = 5;
/** Where a page takes the server longer than that, fewer keys come at once. */
const PAGE_MS = 1;
const SMALLEST_PAGE_KEYS = 4;
/** Servers close connections that are idle for their `timeout`, of a second at least. */
const KEEP_MS = 400;
const PING = { bytes: encodeCommand('PING'), count: 1 };

/**
 * Resolves with true when every key was visited, with false when `signal` ended it before.
 * @throws ServerError when the server refuses, or stays away
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
      // Who was never there is not waited for.
      if (!position.begun) throw error;
      if (position.cursor !== before) patience.renew();
      options.onAway?.(error.message);
      await patience.wait(error, signal);
    } finally {
      pipe?.close();
    }
  }
}

/** Another one after each start of a server; '' where the user may not ask. */
async function runIdOf(pipe: Pipe): Promise<string> {
  const [info] = await pipe.ask({ bytes: encodeCommand('INFO', 'server'), count: 1 });
  return /^run_id:(\w+)/m.exec(String(info))?.[1] ?? '';
}

/** The quickest of a few: what a busy server or machine adds is not the way. */
async function roundTripMs(pipe: Pipe): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WAYS; i++) {
    const asked = performance.now();
    await pipe.ask(PING);
    least = Math.min(least, performance.now() - asked);
  }
  return least;
}

/** Keys of a page where the way there and back takes so long. */
export function pageFor(roundTripMs: number): number {
  const keys = Math.round((roundTripMs - NEAR_MS) * PAGE_KEYS_PER_MS);
  return Math.min(Math.max(keys, LEAST_PAGE_KEYS), MOST_PAGE_KEYS);
}

/** How many keys are asked about at once. */
class PageSize {
  keys: number;

  constructor(private readonly most: number) {
    this.keys = most;
  }

  /** @param ms that a page of so many took the server */
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

/** As far as one connection goes. */
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
    // What the last page was asked by has gone out: it was answered.
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

/** Nothing is asked of the connection meanwhile, and it stays. */
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
