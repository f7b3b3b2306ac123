// What a sweep is about to do and how far it has come, in a file: it can be undone from it, and gone on with.
// JSON lines: a header, then for each page the keys with the expiry that they are about to get, and the cursor behind it.
// Owns the file. Invariants: a page stands on the disk before anything of it is sent; no line is ever overwritten, and
// nobody goes on with a file that another process is writing; a last line that was cut short counts as not written. Keys
// are bytes, so they stand as base64.
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
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
  | { readonly kind: 'undone' }
  /** A line that nothing can be made of; the others stand for themselves. */
  | { readonly kind: 'damaged'; readonly line: number };

/** Bytes of keys in a line, about. */
const LINE_BYTES = 2 ** 24;

export class Journal {
  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private length: number,
  ) {}

  /** `terms`: see digestTerms(). @throws ServerError when there is such a file, or none can be made */
  static async create(file: string, terms: string): Promise<Journal> {
    const header: JournalHeader = { spillway: 'sweep', version: 1, begun: new Date().toISOString(), terms };
    let journal: Journal | undefined;
    try {
      // One that is empty was made by somebody who could not write to it, or was killed before.
      const known = await stat(file).catch(() => undefined);
      const empty = known?.isFile() === true && known.size === 0;
      journal = new Journal(file, await open(file, empty ? 'r+' : 'wx', 0o600), 0);
      await journal.append(header);
      return journal;
    } catch (error) {
      await journal?.remove();
      throw unusable(file, error);
    }
  }

  /**
   * Goes on with a file; `length`: of its whole lines, as it was read.
   * @throws ServerError also when more has been written since
   */
  static async reopen(file: string, length: number): Promise<Journal> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(file, 'r+');
      const { size } = await handle.stat();
      const more = Math.max(0, size - length);
      const { buffer } = await handle.read(Buffer.alloc(more + 1), 0, more, length);
      if (size < length || buffer.includes('\n')) throw new ServerError(`${file}: ${IN_USE}`);
      await handle.truncate(length);
      return new Journal(file, handle, length);
    } catch (error) {
      await handle?.close();
      throw unusable(file, error);
    }
  }

  /** @throws ServerError when it cannot be written: then nothing of it may be sent */
  async give(place: Place, keys: readonly Given[]): Promise<void> {
    let [line, bytes]: [[string, number][], number] = [[], 0];
    for (const [key, expireAt] of keys) {
      if (line.length > 0 && bytes + key.length > LINE_BYTES) {
        await this.append({ ...place, give: line });
        [line, bytes] = [[], 0];
      }
      line.push([key.toString('base64'), expireAt]);
      bytes += key.length;
    }
    await this.append({ ...place, give: line });
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

  /** Of a file that nothing stands in. */
  private async remove(): Promise<void> {
    await this.close();
    await unlink(this.file).catch(() => {});
  }

  private async append(line: object): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      if ((await this.handle.stat()).size !== this.length) throw new ServerError(`${this.file}: ${IN_USE}`);
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
 * @throws ServerError when it is no such file
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
      const text = Buffer.from(line, 'latin1').toString();
      const entry = number === 1 ? headerOf(text) : (entryOf(text) ?? { kind: 'damaged', line: number });
      if (entry === undefined) throw new ServerError(`${file}: ${NO_JOURNAL}`);
      length += line.length + 1;
      yield entry;
    }
    if (length === 0) throw new ServerError(`${file}: ${size === 0 ? NOTHING : NO_JOURNAL}`);
    whole(length);
  } finally {
    await handle.close();
  }
}

const IN_USE =
  'another process has written to it since: nothing further was sent; is another sweep, or --undo, running?';
const NO_JOURNAL = 'this is no journal of a sweep';
const NOTHING = 'it is empty, so nothing was done: begin by --journal instead';

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
