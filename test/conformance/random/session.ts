// A session as data: which clients there are, what each sends in which step, and where its bytes are cut.
// Turns of one step run at the same time; a step begins when all of the step before has been answered.
// Invariant: plain JSON all the way down, so a session can be kept as a file.
import { command } from '../../support/raw-client.js';

/** Text is latin1, one byte a character; a number stands for a value of that many bytes. */
export type Word = string | number;
export type Words = readonly Word[];
/** A multibulk command, or bytes that are sent as they are: inline, empty, broken. */
export type Command = Words | { readonly raw: string };

export interface Turn {
  readonly client: number;
  readonly commands: readonly Command[];
  /** Byte offsets into its commands, modulo their length. */
  readonly cuts: readonly number[];
  /** What is behind the last cut stays unsent until the client's next turn. */
  readonly open?: boolean;
}

export type Step = readonly Turn[];

export interface Session {
  /** The protocol that each speaks first; 2 says no HELLO. */
  readonly clients: readonly (2 | 3)[];
  readonly steps: readonly Step[];
}

/** A word such as `@id:1` stands for the CLIENT ID of client 1. */
const ID_WORD = /^@id:(\d)$/;
/** Values look like RESP inside: who loses count of their bytes reads commands that nobody sent. */
const FILLING = '*1\r\n$4\r\nPING\r\n';

export function isRaw(command: Command): command is { readonly raw: string } {
  return 'raw' in command;
}

/** The words of a command, an inline one's too; none of an empty or broken one. */
export function wordsOf(command: Command): Words {
  if (!isRaw(command)) return command;
  const line = command.raw.trim();
  return line === '' || line.startsWith('*') ? [] : line.split(/\s+/);
}

/** First and second word in capitals: which command it is. */
export function nameOf(command: Command): { readonly name: string; readonly sub: string } {
  const [name = '', sub = ''] = wordsOf(command);
  return { name: String(name).toUpperCase(), sub: String(sub).toUpperCase() };
}

export function usesIds({ steps }: Session): boolean {
  return steps.flat().some(({ commands }) => commands.some((one) => wordsOf(one).some(isIdWord)));
}

function isIdWord(word: Word): boolean {
  return typeof word === 'string' && ID_WORD.test(word);
}

/** The bytes of one command; `ids` by client. */
export function encode(one: Command, ids: readonly string[]): Buffer {
  if (isRaw(one)) return Buffer.from(one.raw, 'latin1');
  return command(
    ...one.map((word) => {
      if (typeof word === 'number') return Buffer.alloc(word, FILLING);
      const id = ID_WORD.exec(word);
      return Buffer.from(id === null ? word : (ids[Number(id[1])] ?? word), 'latin1');
    }),
  );
}

/**
 * Where the bytes of `commands` are cut, in order: within the same commands wherever the session is played, though
 * the ids that they name have more digits in one place than in another.
 */
export function cutPlaces(
  commands: readonly Command[],
  cuts: readonly number[],
  ids: readonly string[],
): number[] {
  const lengths = (of: readonly string[]) => commands.map((one) => encode(one, of).length);
  const [written, sent] = [lengths([]), lengths(ids)];
  const total = written.reduce((sum, length) => sum + length, 0);
  const places = offsets(cuts, total).map((cut) => {
    let [rest, place, i] = [cut, 0, 0];
    for (; rest >= written[i]; i++) {
      rest -= written[i];
      place += sent[i];
    }
    return place + Math.min(rest, sent[i] - 1);
  });
  return [...new Set(places)];
}

/** Where a turn of `length` bytes is cut, in order. */
export function offsets(cuts: readonly number[], length: number): number[] {
  if (length === 0) return [];
  const places = new Set(cuts.map((cut) => cut % length));
  places.delete(0);
  return [...places].sort((a, b) => a - b);
}
