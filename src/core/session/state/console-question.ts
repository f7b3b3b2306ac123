// A client's question to Spillway itself: the words behind PROXY, and how the answer is to be encoded.
// Kept while the server says whether the client may ask, so its size is bounded.
import type { RequestScanner } from '../../resp/request-scanner.js';

export interface ConsoleQuestion {
  /** Which of its session's questions it is. */
  readonly number: number;
  /** Latin-1, a character a byte: no more than MOST_WORDS, of no more than MOST_BYTES and one. */
  readonly words: readonly string[];
  readonly resp: 2 | 3;
}

/** The same for questions that have the same answer. */
export function questionKey({ resp, words }: ConsoleQuestion): string {
  return JSON.stringify([resp, ...words]);
}

/** One more than any question has. */
const MOST_WORDS = 3;
/** A longer word is cut behind the next byte, so that it shows. */
export const MOST_BYTES = 1024;

/** The words behind the name of the command under scan. */
export function wordsOf({ buf, argc, starts, ends }: RequestScanner): string[] {
  const words: string[] = [];
  for (let i = 1; i < argc && words.length < MOST_WORDS; i++) {
    const end = Math.min(ends[i], starts[i] + MOST_BYTES + 1);
    words.push(Buffer.from(buf.buffer, buf.byteOffset + starts[i], end - starts[i]).toString('latin1'));
  }
  return words;
}
