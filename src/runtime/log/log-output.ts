// Writes log lines to one descriptor, on a thread of Node's pool and never on the event loop. So a full disk, a reader that has
// stopped or a hanging file system costs lines and nothing else.
// Owns the lines that wait and the count of lost ones.
// Invariants: write() returns at once, whatever happens to the line. One write runs at a time, so at most one thread is ever
// stuck. Lines keep their order and are never cut or mixed: the rest of a write goes first. At most QUEUE_BYTES wait; a line
// beyond that is lost and counted. The process can end at any time, by SIGKILL if a write may never end, because Node's exit
// waits for the thread that writes.
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import { textLine } from './text-line.js';

/** The most bytes that may wait for a destination that accepts nothing: some 5,000 lines. */
const QUEUE_BYTES = 1024 * 1024;
/** A write of up to PIPE_BUF is all or nothing, so lines of several processes never mix in a pipe. */
const CHUNK_BYTES = 4096;
/** The error code of a pipe that is full now. */
const FULL = 'EAGAIN';
/** Delay before the next attempt: for a reader that does not keep up, and for any other failure. */
const FULL_RETRY_MS = 20;
const FAILED_RETRY_MS = 500;
/**
 * A write that takes more turns of the event loop than this counts as stuck, and the process does not wait for it when it
 * ends. Turns, not time: while the loop itself is blocked, it cannot learn that a write has ended.
 */
const STUCK = { turns: 20, everyMs: 50 } as const;
/** A stuck write is recognized after this time. */
export const STUCK_AFTER_MS = 1.5 * STUCK.turns * STUCK.everyMs;
/** How long an exit that did not wait for the log gives a running write that may never end. */
const LAST_WAIT_MS = 50;

export interface LogOptions {
  /** One of pino's. */
  readonly level: string;
  readonly format: 'auto' | 'json' | 'text';
}

export interface LogLosses {
  /** Lines since the start. */
  readonly lost: number;
}

export class LogOutput implements LogLosses {
  lost = 0;
  /** Called when lines can be written again: how many were lost, and why. */
  onRecovered: (lost: number, why: string) => void = () => {};
  readonly isTerminal: boolean;
  private readonly fd: number;
  /** A write may block until somebody reads; that could not be prevented. */
  private readonly mayBlock: boolean;
  private readonly lines: string[] = [];
  private queued = 0;
  /** What is being written, or must be written next. */
  private current: Buffer | undefined;
  /** Runs while a write is under way. */
  private writing: NodeJS.Timeout | undefined;
  /** Turns of the event loop since the running write began. */
  private turns = 0;
  private retry: NodeJS.Timeout | undefined;
  private lostBefore = 0;
  /** Why the last attempt failed; undefined: it did not, or everything was written since. */
  private failure: string | undefined;
  private idle: (() => void) | undefined;

  /** @param fd stays open; nothing else in this process may write to it */
  constructor(
    fd: number,
    private readonly limitBytes = QUEUE_BYTES,
  ) {
    this.isTerminal = isatty(fd);
    const destination = neverBlocking(fd);
    this.fd = destination.fd;
    this.mayBlock = destination.mayBlock;
    process.once('exit', () => this.end());
  }

  /** @param line with its line feed */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.queued + bytes > this.limitBytes) {
      this.lost++;
      return;
    }
    this.lines.push(line);
    this.queued += bytes;
    this.next();
  }

  /** Resolves when all lines are written, or cannot be written, or after `limitMs`. */
  async flush(limitMs: number): Promise<void> {
    if (this.current === undefined && this.lines.length === 0) return;
    if (this.writing === undefined && this.failure !== undefined && this.failure !== FULL) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the process, with `code` unless a write is stuck, once the last lines are written or cannot be written. */
  async exit(code: number): Promise<never> {
    await this.flush(STUCK_AFTER_MS);
    process.exit(code);
  }

  private next(): void {
    if (this.writing !== undefined || this.retry !== undefined) return;
    this.current ??= this.takeChunk();
    if (this.current === undefined) {
      this.idle?.();
      return;
    }
    this.turns = 0;
    this.writing = setInterval(() => this.turns++, STUCK.everyMs).unref();
    write(this.fd, this.current, (error, written) => {
      clearInterval(this.writing);
      this.writing = undefined;
      if (error === null) this.wrote(written);
      else this.failed(error);
      this.next();
    });
  }

  private wrote(bytes: number): void {
    const rest = this.current?.subarray(bytes);
    this.current = rest?.length === 0 ? undefined : rest;
    if (this.current !== undefined || this.lines.length > 0) return;
    const lost = this.lost - this.lostBefore;
    const why = whyLost(this.failure);
    this.lostBefore = this.lost;
    this.failure = undefined;
    if (lost > 0) this.onRecovered(lost, why);
  }

  private failed({ code = 'unknown error' }: NodeJS.ErrnoException): void {
    this.failure = code;
    const isFull = code === FULL;
    if (!isFull) this.idle?.();
    const retry = (): void => {
      this.retry = undefined;
      this.next();
    };
    this.retry = setTimeout(retry, isFull ? FULL_RETRY_MS : FAILED_RETRY_MS).unref();
  }

  private takeChunk(): Buffer | undefined {
    if (this.lines.length === 0) return undefined;
    let count = 0;
    let bytes = 0;
    while (count < this.lines.length) {
      const length = Buffer.byteLength(this.lines[count]);
      if (count > 0 && bytes + length > CHUNK_BYTES) break;
      bytes += length;
      count++;
    }
    this.queued -= bytes;
    return Buffer.from(this.lines.splice(0, count).join(''));
  }

  /** The process ends: writes the waiting lines, as far as that is possible at once. */
  private end(): void {
    const stuck = this.turns >= STUCK.turns;
    if (this.writing !== undefined && (stuck || this.mayBlock)) {
      if (!stuck) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_WAIT_MS);
      process.kill(process.pid, 'SIGKILL');
    }
    if (this.failure !== undefined) return;
    if (this.writing === undefined && this.current !== undefined) this.writeNow(this.current);
    if (this.lines.length > 0) this.writeNow(Buffer.from(this.lines.join('')));
  }

  private writeNow(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    } catch {
      // Nobody is left to be told.
    }
  }
}

function whyLost(code: string | undefined): string {
  if (code === undefined) return 'more was logged than could be written';
  return code === FULL ? 'the reader of the log did not read it' : `the log could not be written (${code})`;
}

/** A logger that writes to `output`. It also logs Node's warnings, which would otherwise block on standard error. */
export function logTo(output: LogOutput, { level, format }: LogOptions, base: object | null = null): Logger {
  const asText = format === 'text' || (format === 'auto' && output.isTerminal);
  const log = pino({ level, base }, asText ? { write: (line) => output.write(textLine(line)) } : output);
  output.onRecovered = (lines, why) =>
    log.warn({ lines, why }, 'the log can be written again; some lines were lost');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning from Node'));
  return log;
}

/**
 * A non-blocking descriptor of the same pipe or terminal. It is opened again, since the flag belongs to the open file, which
 * other processes may share. A file that cannot be opened, such as another user's pipe, is used as it is.
 */
function neverBlocking(fd: number): { readonly fd: number; readonly mayBlock: boolean } {
  let mayBlock = false;
  try {
    const stats = fstatSync(fd);
    // A socket cannot be opened again; Node makes it non-blocking when it wraps it.
    if (stats.isSocket() && fd === 1) void process.stdout;
    else mayBlock = stats.isSocket() || stats.isFIFO() || stats.isCharacterDevice();
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return { fd, mayBlock };
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return { fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), mayBlock: false };
  } catch {
    return { fd, mayBlock };
  }
}
