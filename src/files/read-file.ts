// Reads a whole file that a config names, or the config itself. Whoever writes such a file may err: a FIFO or a device in
// its place would hold the process up for ever, a file of gigabytes would take its memory.
// Invariants: what is no regular file is not waited for, unless that was asked for; LARGEST_BYTES at most are read.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** A config of 10,000 rules takes less than 2 MiB. */
const LARGEST_BYTES = 4 * 1024 * 1024;

/** Codes of this module's own errors, beside the system's. */
const NOT_REGULAR = 'ENOTREGULAR';
const TOO_LARGE = 'EFBIG';

/** @throws the system's error, or one with a code of REASONS */
export function readRegularFile(path: string): Buffer {
  // Opening a FIFO would wait for whoever writes to it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw failure('EISDIR');
    if (!stats.isFile()) throw failure(NOT_REGULAR);
    if (stats.size > LARGEST_BYTES) throw failure(TOO_LARGE);
    return readAll(file);
  } finally {
    closeSync(file);
  }
}

/** Before anything is served: a FIFO, such as a shell's `<(…)`, may be waited for. @throws as readRegularFile() */
export function readAnyFile(path: string): Buffer {
  const bytes = readFileSync(path);
  if (bytes.length > LARGEST_BYTES) throw failure(TOO_LARGE);
  return bytes;
}

/** Why a file could not be read, as the end of "cannot read …: ". */
export function whyUnreadable(error: unknown): string {
  const code = codeOf(error);
  return REASONS[code] ?? code;
}

/** It says nothing of the file: this process cannot open any just now. */
export function isOutOfFiles(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied; the user that Spillway runs as must be able to read it',
  EISDIR: 'it is a directory',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  [NOT_REGULAR]: 'it is no regular file',
  [TOO_LARGE]: 'it is larger than 4 MiB',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(REASONS[code]), { code });
}

/** The size may change meanwhile, and some file systems say 0. */
function readAll(file: number): Buffer {
  const pieces: Buffer[] = [];
  for (let length = 0; ; ) {
    const piece = Buffer.allocUnsafe(64 * 1024);
    const read = readSync(file, piece);
    if (read === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, read));
    length += read;
    if (length > LARGEST_BYTES) throw failure(TOO_LARGE);
  }
}
