// One connection to one server or Sentinel for a few questions. It is not made again when it is lost.
// Invariant: opening it, and each answer, take at most ANSWER_MS; then they fail.
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { PrimaryAddress } from './whereabouts.js';

const ANSWER_MS = 1000;
/** ioredis's own words, for an answer and for the connection. */
const TIMED_OUT = /^Command timed out$|ETIMEDOUT/;

export interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: ((host: string) => ConnectionOptions) | undefined;
}

export class Connection {
  private readonly redis: Redis;
  private failure: Error | undefined;

  private constructor({ host, port }: PrimaryAddress, { username, password, tls }: Login, name: string) {
    this.redis = new Redis({
      ...{ host, port, connectionName: name, protocol: 2, lazyConnect: true },
      ...(tls && { tls: tls(host) }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      connectTimeout: ANSWER_MS,
      commandTimeout: ANSWER_MS,
      disconnectTimeout: 0,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    this.redis.on('error', (error: Error) => {
      this.failure = error;
    });
  }

  /** `name`: in the server's CLIENT LIST. Close it in the end. @throws Error with one line that says what failed */
  static async open(address: PrimaryAddress, login: Login, name: string): Promise<Connection> {
    const connection = new Connection(address, login, name);
    try {
      await connection.redis.connect();
      return connection;
    } catch (error) {
      connection.close();
      throw connection.inWords(error);
    }
  }

  /**
   * Asks in one go; the replies, of which an error of the server is an Error.
   * @throws Error with one line if the connection fails, or if an answer does not come
   */
  async askAll(questions: readonly (readonly string[])[]): Promise<unknown[]> {
    let replies: [error: Error | null, reply: unknown][] | null;
    try {
      replies = await this.redis.pipeline(questions.map((words) => [...words])).exec();
    } catch (error) {
      throw this.inWords(error);
    }
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null && error.name !== 'ReplyError') throw this.inWords(error);
      return error ?? reply;
    });
  }

  close(): void {
    this.redis.disconnect();
  }

  private inWords(error: unknown): Error {
    const { message } = this.failure ?? (error as Error);
    if (TIMED_OUT.test(message)) return new Error(`no answer within ${ANSWER_MS / 1000} s`);
    return new Error((message.split('\n', 1)[0] as string).slice(0, 200));
  }
}
