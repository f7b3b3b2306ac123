// The journal of a sweep: a file that says what the sweep is about to do and how far it has come. From it a sweep can be
// undone or continued. It has JSON lines: a header, then for each page the keys with the expiries that they will get, and
// the cursor after the page. Keys are bytes, so they are in base64.
// Owns the file. Invariants: a page is on the disk before any command for it is sent; no line is ever overwritten; a journal
// that another process writes is refused; an incomplete last line counts as not written.
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

/** A database of a server. */
export interface Place {
  readonly server: string;
  readonly db: number;
  /** Identifies the server's process, because a cursor means nothing after a restart. '': unknown. */
  readonly run: string;
}

/** A key, and the time at which it will expire: milliseconds since 1970, by the server's clock. */
export type Given = readonly [key: Buffer, expireAt: number];

export type JournalEntry =
  /** The header. `terms`: see digestTerms(). */
  | { readonly kind: 'begun'; readonly terms: string }
  | { readonly kind: 'give'; readonly place: Place; readonly keys: readonly Given[] }
  /** All keys before `cursor` are done; '0': the whole database. */
  | { readonly kind: 'done'; readonly place: Place; readonly cursor: string }
  /** --undo has taken back everything before this line. */
  | { readonly kind: 'undone' }
  /** A line that cannot be read. Other lines do not depend on it. */
  | { readonly kind: 'damaged'; readonly line: number };

/** A line holds about this many bytes of keys at most. */
const LINE_BYTES = 2 ** 24;

export class Journal {
  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private length: number,
  ) {}

  /** `terms`: see digestTerms(). @throws ServerError when the file exists or cannot be written */
  static async create(file: string, terms: string): Promise<Journal> {
    const header: JournalHeader = { spillway: 'sweep', version: 1, begun: new Date().toISOString(), terms };
    let journal: Journal | undefined;
    try {
      // An empty file was left by a sweep that could not write to it, or was killed before it did.
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
   * Continues a journal; `length`: bytes of its whole lines when it was read.
   * @throws ServerError also when another process has written to it since
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

  /** Records a page. @throws ServerError when it cannot be written: then none of its commands may be sent */
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

  /** Removes a journal that is still empty. */
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
 * The entries of a journal in their order.
 * @param whole called at the end with the length of the whole lines
 * @throws ServerError when the file is not a journal
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
  'another process has written to it, so this one stopped and sent nothing more; check whether another sweep or --undo runs';
const NO_JOURNAL = 'this is not the journal of a sweep';
const NOTHING = 'it is empty: no sweep has begun with it. Start one with --journal instead of --resume';

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
  EEXIST: 'this file already exists; name another one, or continue its sweep with --resume',
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  ENOSPC:
    'the disk is full, so the sweep stopped and sent nothing more; make room, then continue it with --resume',
};
