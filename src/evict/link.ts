// A connection on which the evictor examines and unlinks keys of one database, with the address and login of the memory
// monitor. If it is lost or silent it reconnects after a while, and finds out on each connection whether it may do its work.
// Invariants: it never leaves its database, so no refused SELECT can lead to another one's keys; what is under way when it is
// lost fails, and is not sent again; one attempt to connect at a time.
import { BackOff } from '../core/back-off.js';
import { encodeCommand } from '../core/resp/encode.js';
import { type Endpoint, endpointName, explainFailure } from '../tools/keyspace/endpoint.js';
import { Pipe, type Reply } from '../tools/keyspace/pipe.js';

export interface LinkOptions {
  /** Called before each connection. */
  readonly endpoint: () => Endpoint;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** `bytes` get `count` replies. */
export interface Question {
  readonly bytes: Buffer;
  readonly count: number;
}

const NAME = 'spillway-evictor';
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2000;
/** A server that answers nothing for this time is given up. */
const SILENT_MS = 3000;
/** A key that does not exist: a server that lets its user unlink it answers 0. */
const NO_KEY = `spillway:nobody's:${process.pid}`;
const PROBE: Question = {
  bytes: Buffer.concat([encodeCommand('UNLINK', NO_KEY), encodeCommand('OBJECT', 'IDLETIME', NO_KEY)]),
  count: 2,
};
/** A user that may run the command, but not on this key, gets another text. */
const MAY_NOT_RUN = /^NOPERM .*\brun the\b/;
const UNKNOWN = /unknown command/i;

export class Link {
  /** Why nothing can be unlinked; undefined: keys can be unlinked, or it is unknown yet. */
  trouble: string | undefined;
  /** Whether it can ask how long a key has not been read. A server may have renamed OBJECT. */
  mayAsk = true;
  private pipe: Pipe | undefined;
  /** Where it leads. */
  private where = '';
  private connecting: Promise<void> | undefined;
  private closed = false;
  private retryAt = Number.NEGATIVE_INFINITY;
  private readonly delays = new BackOff(FIRST_DELAY_MS, LONGEST_DELAY_MS);

  constructor(
    private readonly db: number,
    private readonly options: LinkOptions,
  ) {}

  /** Connects if there is no connection and the next attempt is due. Must be called now and then. */
  tend(): void {
    if (this.closed || this.connecting !== undefined) return;
    this.leaveMoved();
    if (this.pipe?.isEnded === true) this.lost(new Error('the server closed the connection'));
    if (this.pipe !== undefined || this.options.clock() < this.retryAt) return;
    this.connecting = this.connect().finally(() => {
      this.connecting = undefined;
    });
  }

  /** Resolves once there is a connection, or an attempt has failed: then ask() sends, or rejects, at once. */
  async open(): Promise<void> {
    this.leaveMoved();
    if (this.pipe === undefined) this.tend();
    if (this.connecting !== undefined) await this.connecting;
  }

  /** Resolves with the replies. Rejects if the connection is lost, or the server is silent. */
  async ask(question: Question): Promise<readonly Reply[]> {
    await this.open();
    return this.send(question);
  }

  /** The server refuses the work: it tries again on a new connection, after a while. */
  refused(error: Error): void {
    this.lost(error);
  }

  close(): void {
    this.closed = true;
    this.pipe?.close();
  }

  private async send(question: Question): Promise<readonly Reply[]> {
    const { pipe } = this;
    if (pipe === undefined) throw new Error(this.trouble ?? 'there is no connection');
    const silent = setTimeout(() => {
      this.lost(new Error(`the server was silent for ${SILENT_MS / 1000} s`));
    }, SILENT_MS);
    try {
      return await pipe.ask(question);
    } finally {
      clearTimeout(silent);
    }
  }

  private async connect(): Promise<void> {
    const endpoint = this.options.endpoint();
    this.where = endpointName(endpoint);
    try {
      this.pipe = await Pipe.connect(endpoint, this.db, NAME);
      if (this.closed) this.pipe.close();
      const [unlinked, asked] = await this.send(PROBE);
      this.mayAsk = !(asked instanceof Error && UNKNOWN.test(asked.message));
      if (unlinked instanceof Error && isTrouble(unlinked)) this.lost(unlinked);
      else if (asked instanceof Error && mayNotRun(asked)) this.lost(asked);
      else this.found();
    } catch (error) {
      this.lost(error as Error);
    }
  }

  /** The primary has moved: asks nothing more at the old address. */
  private leaveMoved(): void {
    if (this.pipe === undefined || this.where === endpointName(this.options.endpoint())) return;
    this.pipe.close();
    this.pipe = undefined;
    this.retryAt = Number.NEGATIVE_INFINITY;
    this.delays.reset();
  }

  private found(): void {
    this.delays.reset();
    this.trouble = undefined;
  }

  private lost(error: Error): void {
    if (this.closed) return;
    this.pipe?.close();
    this.pipe = undefined;
    // While the server takes no writes at all, it is asked often: with the first write that it takes memory grows again.
    if (isReadonly(error)) this.delays.reset();
    this.retryAt = this.options.clock() + this.delays.next();
    this.trouble = reasonOf(error, this.options.endpoint());
  }
}

/** Whether the user has no right to the command, whatever the key. */
export function mayNotRun(error: Error): boolean {
  return MAY_NOT_RUN.test(error.message);
}

/** Whether the answer to UNLINK says that no key can be unlinked. */
export function isTrouble(error: Error): boolean {
  return !error.message.startsWith('NOPERM') || mayNotRun(error);
}

function isReadonly(error: Error): boolean {
  return error.message.startsWith('READONLY');
}

function reasonOf(error: Error, endpoint: Endpoint): string {
  const { message } = error;
  if (mayNotRun(error)) {
    const command = /'object/i.test(message) ? 'OBJECT' : 'UNLINK';
    return `the user of upstream.url may not run ${command}: ACL SETUSER … +unlink +object`;
  }
  if (UNKNOWN.test(message)) return 'the server has no UNLINK: that needs Redis 4.0 or later';
  if (isReadonly(error)) return 'the server is a replica, and refuses UNLINK';
  const where = endpointName(endpoint);
  return message.startsWith(where) ? message : explainFailure(where, error);
}
