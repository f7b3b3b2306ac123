// Decides whether a silent shared connection is dead. The server may be slow, paused, or gone without an end. So Spillway
// asks it a question of the same kind on another connection of the set. When the server has answered there ANSWERS_NEEDED
// times, half of the allowed silence apart, and this connection is still silent, it is dead.
// Owns what is known of each silent connection. Asks and judges; ends nothing.
import { encodeCommand } from '../../core/resp/encode.js';
import type { SharedConnection } from './shared-connection.js';

/** So often the server is to answer elsewhere before it is taken to be gone from here. */
const ANSWERS_NEEDED = 2;
/** Answered by a server that answers reads. */
export const READ_QUESTION = encodeCommand('PING');
/** Put off where writes are, though it writes nothing. */
const WRITE_QUESTION = encodeCommand('EVAL', 'return 1', '0');
/** The server itself says that it is slow: that another connection waits means nothing. */
const BUSY = /^-(BUSY|LOADING|MASTERDOWN)\b/;

/** What was asked elsewhere for the sake of a silent connection. */
interface Doubt {
  /** How often the server has answered elsewhere, and how long the connection had been silent by then, in ticks. */
  answers: number;
  at: number;
  /** An answer is on its way. */
  asked: boolean;
  /** The client may not ask such a question: what others are answered on this connection has to tell. */
  witness: SharedConnection | undefined;
  seen: number;
}

export class SilenceWatch {
  private readonly doubts = new Map<SharedConnection, Doubt>();

  constructor(
    /** The connections are for what the server may put off. */
    private readonly pausable: boolean,
    /** A connection is overdue after this number of silent ticks. */
    private readonly ticks: number,
    /** A connection of the set that takes commands. */
    private readonly another: () => SharedConnection | undefined,
  ) {}

  /** Connections on which the server is silent. */
  get size(): number {
    return this.doubts.size;
  }

  /** The server has been silent on it for too long. Returns whether it has only now shown. */
  doubt(connection: SharedConnection): boolean {
    const isNew = !this.doubts.has(connection);
    if (isNew) {
      const doubt = { answers: 0, at: 0, asked: false, witness: undefined, seen: 0 };
      this.doubts.set(connection, doubt);
    }
    return isNew;
  }

  /** The server was silent on it, and has answered elsewhere often enough. */
  isDead(connection: SharedConnection): boolean {
    return (this.doubts.get(connection)?.answers ?? 0) >= ANSWERS_NEEDED;
  }

  /** Asks the server elsewhere, or hears what it has answered there. */
  look(connection: SharedConnection): void {
    const doubt = this.doubts.get(connection);
    if (doubt === undefined) return;
    if (doubt.answers > 0 && connection.silentTicks < doubt.at + this.ticks / 2) return;
    const { witness } = doubt;
    if (witness === undefined) this.inquire(connection, doubt);
    else if (witness.answers > doubt.seen) {
      doubt.seen = witness.answers;
      answered(connection, doubt);
    }
  }

  /** The server has answered on it, or it has ended. */
  forget(connection: SharedConnection): void {
    this.doubts.delete(connection);
  }

  clear(): void {
    this.doubts.clear();
  }

  private inquire(connection: SharedConnection, doubt: Doubt): void {
    const other = this.another();
    if (other === undefined || doubt.asked) return;
    doubt.asked = true;
    other.ask(this.pausable ? WRITE_QUESTION : READ_QUESTION, (reply) => {
      doubt.asked = false;
      if (reply === undefined || BUSY.test(reply)) return;
      if (!this.pausable || !reply.startsWith('-')) answered(connection, doubt);
      else {
        // A refusal comes before the putting off, and says nothing of writes.
        doubt.witness = other;
        doubt.seen = other.answers;
      }
    });
  }
}

function answered(connection: SharedConnection, doubt: Doubt): void {
  doubt.answers++;
  doubt.at = connection.silentTicks;
}
