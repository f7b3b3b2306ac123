// Where the log goes: lines to one descriptor, written by a thread of Node's pool and never by the event loop, so that a
// full disk, a reader that has stopped or a file system that hangs costs lines and nothing else.
// Owns the lines that wait, and the count of those that were lost.
// Invariants: write() returns at once, whatever becomes of the line; one write is under way at a time, so that at most
// one thread of the pool is ever stuck; lines keep their order and are never cut or mixed, since what a write left over
// goes first; QUEUE_BYTES at most wait, and a line beyond that is lost and counted; the process can end at any time, by
// SIGKILL where a write under way may never end: Node's exit waits for the thread that writes.
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { type Logger, pino } from 'pino';

/** So much waits for a destination that takes nothing: some 5,000 lines. */
const QUEUE_BYTES = 1024 * 1024;
/** Writes of up to PIPE_BUF are whole or not at all, so lines of several processes never mix in a pipe. */
const CHUNK_BYTES = 4096;
/** The code of a write to a pipe that can take nothing now. */
const FULL = 'EAGAIN';
/** Before the next attempt at a reader that does not keep up, and at anything else. */
const FULL_RETRY_MS = 20;
const FAILED_RETRY_MS = 500;
/**
 * A write that is not over after so many turns of the event loop will not end: the process does not wait for it when it
 * ends. Turns, not time: while the loop itself is held up, nobody hears that a write is over.
 */
const STUCK = { turns: 20, everyMs: 50 } as const;
/** A stuck write is known as such after this time. */
export const STUCK_AFTER_MS = 1.5 * STUCK.turns * STUCK.everyMs;
/** What a write under way gets at an exit that has not waited for it, where it may be one that never ends. */
const LAST_WAIT_MS = 50;

export interface LogLosses {
  /** Lines since the start. */
  readonly lost: number;
}

export class LogOutput implements LogLosses {
  lost = 0;
  /** Called when lines arrive again: how many were lost meanwhile, and why. */
  onRecovered: (lost: number, why: string) => void = () => {};
  private readonly fd: number;
  /** A write may wait for a reader: nothing could be done about that. */
  private readonly mayBlock: boolean;
  private readonly lines: string[] = [];
  private queued = 0;
  /** What is being written, or has to be before all else. */
  private current: Buffer | undefined;
  /** Runs while a write is under way. */
  private writing: NodeJS.Timeout | undefined;
  /** Of the event loop, since the write under way began. */
  private turns = 0;
  private retry: NodeJS.Timeout | undefined;
  private lostBefore = 0;
  /** Of the last attempt; undefined: it did not fail, or all was written since. */
  private failure: string | undefined;
  private idle: (() => void) | undefined;

  /** @param fd is not closed, and is not to be written to by anybody else in this process */
  constructor(
    fd: number,
    private readonly limitBytes = QUEUE_BYTES,
  ) {
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

  /** Resolves when all lines are written, or cannot be, or after `limitMs`. */
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

  /** Ends the process, with `code` unless a write is stuck, once the last lines are written or cannot be. */
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

  /** The process ends: what waits is written as far as that is possible at once. */
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
      // Nobody can be told any more.
    }
  }
}

function whyLost(code: string | undefined): string {
  if (code === undefined) return 'more was logged than could be written';
  return code === FULL ? 'whoever reads the log did not read it' : `the log could not be written (${code})`;
}

/** A logger that writes to `output`, Node's own warnings included: those would go to standard error, and wait for it. */
export function logTo(output: LogOutput, level: string, base: object | null = null): Logger {
  const log = pino({ level, base }, output);
  output.onRecovered = (lines, why) =>
    log.warn({ lines, why }, 'the log can be written again; some lines were lost');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, 'a warning from Node'));
  return log;
}

/**
 * A descriptor of the same pipe or terminal on which a write that cannot be done at once says so. It is opened anew,
 * since the flag belongs to the open file, which other processes may share. What cannot be opened so, such as a pipe of
 * another user, is used as it is.
 */
function neverBlocking(fd: number): { readonly fd: number; readonly mayBlock: boolean } {
  let mayBlock = false;
  try {
    const stats = fstatSync(fd);
    // A socket cannot be opened; Node makes it so when it wraps it.
    if (stats.isSocket() && fd === 1) void process.stdout;
    else mayBlock = stats.isSocket() || stats.isFIFO() || stats.isCharacterDevice();
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return { fd, mayBlock };
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return { fd: openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY), mayBlock: false };
  } catch {
    return { fd, mayBlock };
  }
}
