// Reads a whole file that a config names, or the config itself. A wrong path must do no harm: a FIFO or a device would block
// the process for ever, and a file of gigabytes would take its memory.
// Invariants: it does not wait for a file that is not regular, unless the caller asks for that; it reads at most one piece
// beyond LARGEST_BYTES.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { FileLane, NO_ANSWER } from './file-lane.js';

/** A config of 10,000 rules takes less than 2 MB. */
const LARGEST_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
// Otherwise opening a FIFO waits for a writer.
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;
/** Of this process. */
const lane = new FileLane();

/** Codes of this module's own errors, in addition to the system's. */
const NOT_REGULAR = 'ENOTREGULAR';
const TOO_LARGE = 'EFBIG';

/** @throws the system's error, or one with a code of REASONS */
export function readRegularFile(path: string): Buffer {
  const file = openSync(path, WITHOUT_WAITING);
  try {
    refuse(fstatSync(file));
    return readAll(file);
  } finally {
    closeSync(file);
  }
}

/** For the start: may wait for a FIFO, such as a shell's `<(…)`. @throws as readRegularFile() */
export function readAnyFile(path: string): Buffer {
  const file = openSync(path, constants.O_RDONLY);
  try {
    return readAll(file);
  } finally {
    closeSync(file);
  }
}

/** Like readRegularFile(), in the background: a file system that hangs blocks nothing else. */
export function readInBackground(path: string): Promise<Buffer> {
  return lane.run(async () => {
    const file = await open(path, WITHOUT_WAITING);
    try {
      refuse(await file.stat());
      const pieces = new Pieces();
      while (pieces.take((await file.read(pieces.next, 0)).bytesRead));
      return pieces.all;
    } finally {
      await file.close();
    }
  });
}

/** Why a file could not be read, as the end of "cannot read …: ". */
export function whyUnreadable(error: unknown): string {
  const code = codeOf(error);
  return REASONS[code] ?? code;
}

/** The error says nothing about the file: this process cannot open or reach any file now. */
export function isPassing(error: unknown): boolean {
  return PASSING.has(codeOf(error));
}

const PASSING: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', NO_ANSWER]);

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied; the user that Spillway runs as must be able to read it',
  EISDIR: 'it is a directory',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  [NO_ANSWER]: 'the file system does not answer',
  [NOT_REGULAR]: 'it is not a regular file',
  [TOO_LARGE]: 'it is larger than 4 MB',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(REASONS[code]), { code });
}

function refuse(stats: Stats): void {
  if (stats.isDirectory()) throw failure('EISDIR');
  if (!stats.isFile()) throw failure(NOT_REGULAR);
  if (stats.size > LARGEST_BYTES) throw failure(TOO_LARGE);
}

function readAll(file: number): Buffer {
  const pieces = new Pieces();
  while (pieces.take(readSync(file, pieces.next)));
  return pieces.all;
}

/** The content of a file that is read to its end. Its size may change meanwhile, and some file systems report 0. */
class Pieces {
  /** The buffer for the next piece. */
  next = Buffer.allocUnsafe(PIECE_BYTES);
  private readonly taken: Buffer[] = [];
  private length = 0;

  /** This many bytes were read into `next`. Returns whether there may be more. */
  take(bytes: number): boolean {
    if (bytes === 0) return false;
    this.taken.push(this.next.subarray(0, bytes));
    this.length += bytes;
    if (this.length > LARGEST_BYTES) throw failure(TOO_LARGE);
    this.next = Buffer.allocUnsafe(PIECE_BYTES);
    return true;
  }

  get all(): Buffer {
    return Buffer.concat(this.taken);
  }
}
