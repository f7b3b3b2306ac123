// A connection that sends many small commands in order, as fast as the server answers: for walks over all keys, where a
// promise and an object for each command would take several times as long as the server does (docs/ARCHITECTURE.md).
// Owns one socket. Speaks RESP2. Invariants: ask() calls get their replies in the order in which they were made; when the
// connection ends, all open calls fail, and nothing is sent again.
import net from 'node:net';
import tls from 'node:tls';
import RedisParser from 'redis-parser';
import { encodeCommand } from '../../core/resp/encode.js';
import type { Batch } from './batch.js';
import { ConnectionLost, type Endpoint, endpointName, explainFailure, refusal } from './endpoint.js';

/** A Buffer is a view of the bytes that were read: copy it to keep it. */
export type Reply = number | Buffer | null | Error | readonly Reply[];

interface Question {
  readonly replies: Reply[];
  readonly count: number;
  readonly answer: (replies: readonly Reply[]) => void;
  readonly fail: (error: Error) => void;
}

export class Pipe {
  private readonly questions: Question[] = [];
  private first = 0;
  private ended: ConnectionLost | undefined;

  /**
   * Connects, authenticates, and chooses the database.
   * @throws ConnectionLost when there is no connection, or the server cannot serve now; ServerError when it refuses
   */
  static async connect(endpoint: Endpoint, db: number, name: string): Promise<Pipe> {
    const { host, port, path, connectTimeoutMs } = endpoint;
    const where = path === undefined ? { host, port } : { path };
    const socket = endpoint.tls ? tls.connect({ ...where, ...endpoint.tls }) : net.connect(where);
    const pipe = new Pipe(socket, endpointName(endpoint));
    socket.setTimeout(connectTimeoutMs, () => {
      socket.destroy(new Error(`no answer within ${connectTimeoutMs} ms`));
    });
    await pipe.greet(endpoint, db, name);
    socket.setTimeout(0);
    return pipe;
  }

  private constructor(
    private readonly socket: net.Socket,
    /** The server's name, for messages. */
    private readonly name: string,
  ) {
    const parser = new RedisParser({
      returnBuffers: true,
      returnReply: (reply: Reply) => this.take(reply),
      returnError: (error: Error) => this.take(error),
      returnFatalError: (error: Error) => socket.destroy(error),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on('data', (bytes: Buffer) => parser.execute(bytes));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the server closed the connection')));
  }

  /** Resolves with as many replies as `batch` has commands; an error of the server is a reply. @throws ConnectionLost */
  ask({ bytes, count }: Pick<Batch, 'bytes' | 'count'>): Promise<readonly Reply[]> {
    if (count === 0) return Promise.resolve([]);
    const { ended } = this;
    const asked = new Promise<readonly Reply[]>((answer, fail) => {
      if (ended === undefined) this.questions.push({ replies: [], count, answer, fail });
      else fail(ended);
    });
    // The caller may await another question first.
    asked.catch(() => {});
    if (ended === undefined) this.socket.write(bytes);
    return asked;
  }

  /** The connection has ended. */
  get isEnded(): boolean {
    return this.ended !== undefined;
  }

  /** Sends all questions of `work` together. */
  together<T>(work: () => T): T {
    this.socket.cork();
    try {
      return work();
    } finally {
      this.socket.uncork();
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private async greet({ username, password }: Endpoint, db: number, name: string): Promise<void> {
    const one = async (...args: string[]): Promise<Reply> => {
      const bytes = encodeCommand(...args.map((arg) => Buffer.from(arg)));
      return (await this.ask({ bytes, count: 1 }))[0];
    };
    const must = async (...args: string[]): Promise<void> => {
      const reply = await one(...args);
      if (!(reply instanceof Error)) return;
      this.close();
      throw refusal(this.name, reply);
    };
    if (password !== undefined) {
      await (username === undefined ? must('AUTH', password) : must('AUTH', username, password));
    }
    if (db !== 0) await must('SELECT', String(db));
    await one('CLIENT', 'SETNAME', name);
  }

  private take(reply: Reply): void {
    const question = this.questions[this.first];
    if (question === undefined) {
      this.socket.destroy(new Error('the server sent a reply to no command'));
      return;
    }
    if (question.replies.push(reply) < question.count) return;
    this.first++;
    if (this.first === this.questions.length) {
      this.questions.length = 0;
      this.first = 0;
    }
    question.answer(question.replies);
  }

  private end(error: Error): void {
    this.ended ??= new ConnectionLost(explainFailure(this.name, error));
    for (const { fail } of this.questions.splice(this.first)) fail(this.ended);
    this.first = 0;
    this.questions.length = 0;
  }
}
