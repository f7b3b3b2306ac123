// A client's PROXY question: the words after PROXY, and the protocol version for the answer.
// It is kept until the server has said whether the client may ask, so its size is bounded.
import type { RequestScanner } from '../../resp/request-scanner.js';

/** How long a question waits, in milliseconds: for the server to say whether the client may ask, and then for its answer. */
export const CONSOLE_LIMIT_MS = 3000;

export interface ConsoleQuestion {
  /** Its number among its session's questions. */
  readonly number: number;
  /** Latin-1, a character a byte. At most MOST_WORDS words of at most MOST_BYTES + 1 bytes. */
  readonly words: readonly string[];
  readonly resp: 2 | 3;
}

/** Equal for questions with the same answer. */
export function questionKey({ resp, words }: ConsoleQuestion): string {
  return JSON.stringify([resp, ...words]);
}

/** One more than any question has, because EXPLAIN takes a command. */
export const MOST_WORDS = 13;
/** A longer word is cut one byte after this, so that its excess length shows. */
export const MOST_BYTES = 1024;

/** The words after the name of the command under scan. */
export function wordsOf({ buf, argc, starts, ends }: RequestScanner): string[] {
  const words: string[] = [];
  for (let i = 1; i < argc && words.length < MOST_WORDS; i++) {
    const end = Math.min(ends[i], starts[i] + MOST_BYTES + 1);
    words.push(Buffer.from(buf.buffer, buf.byteOffset + starts[i], end - starts[i]).toString('latin1'));
  }
  return words;
}
