// What a sweep is about to do and how far it has come, in a file: it can be undone from it, and gone on with.
// JSON lines: a header, then for each page the keys with the expiry that they are about to get, and the cursor behind it.
// Owns the file. Invariants: a page stands on the disk before anything of it is sent; no file is ever overwritten; a last
// line that was cut short counts as not written. Keys are bytes, so they stand as base64.
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { ServerError } from '../keyspace/endpoint.js';

export interface JournalHeader {
  readonly spillway: 'sweep';
  readonly version: 1;
  /** ISO 8601. */
  readonly begun: string;
  /** See digestTerms(). */
  readonly terms: string;
}

/** Where in which database of which server. */
export interface Place {
  readonly server: string;
  readonly db: number;
  /** Of the server's process: after a restart cursors mean nothing. '' where it is not told. */
  readonly run: string;
}

/** A key, and the time in milliseconds since 1970, by the server's clock, at which it is to end. */
export type Given = readonly [key: Buffer, expireAt: number];

export type JournalEntry =
  /** The first. `terms`: see digestTerms(). */
  | { readonly kind: 'begun'; readonly terms: string }
  | { readonly kind: 'give'; readonly place: Place; readonly keys: readonly Given[] }
  /** All before `cursor` is done; '0': the whole database. */
  | { readonly kind: 'done'; readonly place: Place; readonly cursor: string }
  /** All before it was taken back. */
  | { readonly kind: 'undone' };

export class Journal {
  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private length: number,
  ) {}

  /** `terms`: see digestTerms(). @throws ServerError when there is such a file, or none can be made */
  static async create(file: string, terms: string): Promise<Journal> {
    const header: JournalHeader = { spillway: 'sweep', version: 1, begun: new Date().toISOString(), terms };
    try {
      const journal = new Journal(file, await open(file, 'wx', 0o600), 0);
      await journal.append(header);
      return journal;
    } catch (error) {
      throw unusable(file, error);
    }
  }

  /** Goes on with a file; `length`: of its whole lines. @throws ServerError */
  static async reopen(file: string, length: number): Promise<Journal> {
    try {
      const handle = await open(file, 'r+');
      await handle.truncate(length);
      return new Journal(file, handle, length);
    } catch (error) {
      throw unusable(file, error);
    }
  }

  /** @throws ServerError when it cannot be written: then nothing of it may be sent */
  async give(place: Place, keys: readonly Given[]): Promise<void> {
    const encoded = keys.map(([key, expireAt]) => [key.toString('base64'), expireAt]);
    await this.append({ ...place, give: encoded });
  }

  /** @throws ServerError */
  async done(place: Place, cursor: string): Promise<void> {
    await this.append({ ...place, done: cursor });
  }

  /** @throws ServerError */
  async undone(): Promise<void> {
    await this.append({ undone: true });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async append(line: object): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.handle.write(bytes, at, bytes.length - at, this.length + at)).bytesWritten;
      }
      await this.handle.datasync();
    } catch (error) {
      throw unusable(this.file, error);
    }
    this.length += bytes.length;
  }
}

/**
 * The entries of a file in their order.
 * @param whole told the length of its whole lines, at the end
 * @throws ServerError when it is no such file, or damaged before its last line
 */
export async function* readJournal(
  file: string,
  whole: (length: number) => void = () => {},
): AsyncGenerator<JournalEntry> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    throw unusable(file, error);
  }
  try {
    const { size } = await handle.stat();
    const input = handle.createReadStream({ encoding: 'latin1', autoClose: false });
    let [length, number] = [0, 0];
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      // The last one has no line end: it was being written when the sweep was killed.
      if (length + line.length + 1 > size) break;
      const entry = number === 1 ? headerOf(line) : entryOf(line);
      if (entry === undefined)
        throw new ServerError(`${file}, line ${number}: this is no journal of a sweep`);
      length += line.length + 1;
      yield entry;
    }
    if (length === 0) throw new ServerError(`${file}: this is no journal of a sweep`);
    whole(length);
  } finally {
    await handle.close();
  }
}

function headerOf(line: string): JournalEntry | undefined {
  const { spillway, version, terms } = parse(line);
  const is = spillway === 'sweep' && version === 1 && typeof terms === 'string';
  return is ? { kind: 'begun', terms } : undefined;
}

function entryOf(line: string): JournalEntry | undefined {
  const { server, db, run, give, done, undone } = parse(line);
  if (undone === true) return { kind: 'undone' };
  if (typeof server !== 'string' || typeof db !== 'number' || typeof run !== 'string') return undefined;
  const place = { server, db, run };
  if (typeof done === 'string' && /^[0-9]+$/.test(done)) return { kind: 'done', place, cursor: done };
  if (!Array.isArray(give)) return undefined;
  const keys: Given[] = [];
  for (const pair of give as unknown[]) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || !Number.isSafeInteger(pair[1]))
      return undefined;
    keys.push([Buffer.from(pair[0], 'base64'), pair[1] as number]);
  }
  return { kind: 'give', place, keys };
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function unusable(file: string, error: unknown): ServerError {
  if (error instanceof ServerError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new ServerError(`${file}: ${REASONS[code] ?? message}`);
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'there is such a file already; name another one, or go on with it by --resume',
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full: nothing further was sent; make room, then go on with it by --resume',
};
