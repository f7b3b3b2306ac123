// What a family of the script is made of. A case is for one command of the server's COMMAND list and says what is sent;
// what is answered is never written down: the direct server says it.
import { command } from '../../support/raw-client.js';
import { commands, linesOf } from '../../support/twins.js';

/** As support/twins.ts writes commands; in a case of a family, several stand in one text. A list where a word holds spaces or bytes. */
export type Line = string | readonly (string | number | Buffer)[];

interface DetailedCase {
  readonly lines: readonly Line[];
  /** More lines, made from the replies to the first. */
  readonly next?: (replies: readonly Buffer[]) => readonly Line[];
  /** A line may get any number of replies, so they are compared as one stream. */
  readonly stream?: true;
  /** The server goes on by itself for a while: the next case waits for its end. */
  readonly settles?: true;
}

type Case = readonly Line[] | DetailedCase;

/** By the command's name as COMMAND has it, such as `client|id`; a line of that name must succeed. */
export type Family = Readonly<Record<string, Case>>;

/** With one command a line. */
export function detailed(each: Case): DetailedCase {
  const whole = 'lines' in each ? each : { lines: each };
  return {
    ...whole,
    lines: whole.lines.flatMap<Line>((line) => (typeof line === 'string' ? linesOf(line) : [line])),
  };
}

export function words(line: Line): readonly (string | number | Buffer)[] {
  return typeof line === 'string' ? line.split(' ') : line;
}

export function encode(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.map((line) => (typeof line === 'string' ? commands(line) : command(...line))));
}
