// Decides whether a silent shared connection is dead. The server may be slow, paused, or gone without an end. So Spillway asks
// the server a question of the same kind on another connection of the set. If the server has answered there ANSWERS_NEEDED
// times, half of the allowed silence apart, and this connection is still silent, it is dead.
// Owns what is known of each silent connection. Asks and judges; ends nothing.
import { encodeCommand } from '../../core/resp/encode.js';
import type { SharedConnection } from './shared-connection.js';

/** How many answers elsewhere show that a silent connection is dead. */
const ANSWERS_NEEDED = 2;
/** A question that a server answers if it answers reads. */
export const READ_QUESTION = encodeCommand('PING');
/** A question that the server delays when it delays writes, although it writes nothing. */
const WRITE_QUESTION = encodeCommand('EVAL', 'return 1', '0');
/** The server itself says that it is slow, so the silence of another connection means nothing. */
const BUSY = /^-(BUSY|LOADING|MASTERDOWN)\b/;

/** The question that was sent elsewhere because of a silent connection. */
interface Doubt {
  /** How often the server has answered elsewhere, and how long the connection had been silent by then, in ticks. */
  answers: number;
  at: number;
  /** Whether an answer is on its way. */
  asked: boolean;
  /** The client may not ask such a question: then the answers to other clients on that connection must show it. */
  witness: SharedConnection | undefined;
  seen: number;
}

export class SilenceWatch {
  private readonly doubts = new Map<SharedConnection, Doubt>();

  constructor(
    /** Whether the connections are for commands that the server may delay. */
    private readonly pausable: boolean,
    /** A connection is overdue after this number of silent ticks. */
    private readonly ticks: number,
    /** A connection of the set that takes commands. */
    private readonly another: () => SharedConnection | undefined,
  ) {}

  /** The connections on which the server is silent. */
  get size(): number {
    return this.doubts.size;
  }

  /** The server has been silent on it for too long. Returns whether this is new. */
  doubt(connection: SharedConnection): boolean {
    const isNew = !this.doubts.has(connection);
    if (isNew) {
      const doubt = { answers: 0, at: 0, asked: false, witness: undefined, seen: 0 };
      this.doubts.set(connection, doubt);
    }
    return isNew;
  }

  /** Whether the server was silent on it, and has answered elsewhere often enough. */
  isDead(connection: SharedConnection): boolean {
    return (this.doubts.get(connection)?.answers ?? 0) >= ANSWERS_NEEDED;
  }

  /** Asks the server on another connection, or reads its answer there. */
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
        // The server checks rights before it delays writes, so a refusal says nothing about writes.
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
