// Reads a whole file that a config names, or the config itself. Whoever writes such a file may err: a FIFO or a device in
// its place would hold the process up for ever, a file of gigabytes would take its memory.
// Invariants: what is no regular file is not waited for, unless that was asked for; no more than a piece beyond
// LARGEST_BYTES is read.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { FileLane, NO_ANSWER } from './file-lane.js';

/** A config of 10,000 rules takes less than 2 MiB. */
const LARGEST_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
// Opening a FIFO would wait for whoever writes to it.
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;
/** Of this process. */
const lane = new FileLane();

/** Codes of this module's own errors, beside the system's. */
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

/** Before anything is served: a FIFO, such as a shell's `<(…)`, may be waited for. @throws as readRegularFile() */
export function readAnyFile(path: string): Buffer {
  const file = openSync(path, constants.O_RDONLY);
  try {
    return readAll(file);
  } finally {
    closeSync(file);
  }
}

/** The same as readRegularFile(), by threads of Node's pool: a file system that hangs holds up nobody else. */
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

/** It says nothing of the file: this process can open or reach none just now. */
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
  [NOT_REGULAR]: 'it is no regular file',
  [TOO_LARGE]: 'it is larger than 4 MiB',
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

/** Of a file that is read to its end: its size may change meanwhile, and some file systems say 0. */
class Pieces {
  /** Where the next one goes. */
  next = Buffer.allocUnsafe(PIECE_BYTES);
  private readonly taken: Buffer[] = [];
  private length = 0;

  /** So much was read into `next`. Returns whether there may be more. */
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
