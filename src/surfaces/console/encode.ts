// Encodes the console's answers as RESP2 or RESP3. Pure.
//
//            Lines                         Text (INFO, as Redis has it)     Json
//   RESP2    array of simple strings       bulk string                      bulk string
//   RESP3    verbatim string (txt)         verbatim string (txt)            bulk string
//
// redis-cli prints a bulk string on a terminal as one quoted line, with \n for each line end, unless it knows the command (INFO).
// It prints simple strings as they are, in both protocols; so lines are an array in RESP2, as in CLIENT HELP.
import { bulk, encodeFailure, encodeText, Failure, oneLine, Text, verbatim } from '../reply-text.js';

/** Lines for people; none has a line end or a control character. */
export class Lines {
  constructor(readonly lines: readonly string[]) {}
}

/** JSON for programs. Fields that are undefined are left out. */
export class Json {
  constructor(readonly value: unknown) {}
}

export type Answer = Lines | Text | Json | Failure | string;

export function encodeReply(answer: Answer, resp: 2 | 3): Buffer {
  return Buffer.from(encode(answer, resp), 'utf8');
}

function encode(answer: Answer, resp: 2 | 3): string {
  if (typeof answer === 'string') return bulk(answer);
  if (answer instanceof Failure) return encodeFailure(answer);
  if (answer instanceof Json) return bulk(JSON.stringify(answer.value));
  if (answer instanceof Text) return encodeText(answer, resp);
  const { lines } = answer;
  if (resp === 3) return verbatim(lines.join('\n'));
  return `*${lines.length}\r\n${lines.map((line) => `+${oneLine(line)}\r\n`).join('')}`;
}
