// Encodes the console's answers as RESP2 or RESP3. Pure.
//
//            Lines                         Text (INFO, as Redis has it)     Json
//   RESP2    array of simple strings       bulk string                      bulk string
//   RESP3    verbatim string (txt)         verbatim string (txt)            bulk string
//
// redis-cli prints a bulk string on a terminal as one quoted line, with \n for each line end, unless it knows the command (INFO).
// It prints simple strings as they are, in both protocols; so lines are an array in RESP2, as in CLIENT HELP.

/** Lines for people; none has a line end or a control character. */
export class Lines {
  constructor(readonly lines: readonly string[]) {}
}

/** Text in the format of INFO. */
export class Text {
  constructor(readonly text: string) {}
}

/** JSON for programs. Fields that are undefined are left out. */
export class Json {
  constructor(readonly value: unknown) {}
}

/** An error reply. Its code comes first. */
export class Failure {
  constructor(readonly line: string) {}
}

export type Answer = Lines | Text | Json | Failure | string;

export function encodeReply(answer: Answer, resp: 2 | 3): Buffer {
  return Buffer.from(encode(answer, resp), 'utf8');
}

function encode(answer: Answer, resp: 2 | 3): string {
  if (typeof answer === 'string') return bulk(answer);
  if (answer instanceof Failure) return `-${oneLine(answer.line)}\r\n`;
  if (answer instanceof Json) return bulk(JSON.stringify(answer.value));
  if (answer instanceof Text) return resp === 3 ? verbatim(answer.text) : bulk(answer.text);
  const { lines } = answer;
  if (resp === 3) return verbatim(lines.join('\n'));
  return `*${lines.length}\r\n${lines.map((line) => `+${oneLine(line)}\r\n`).join('')}`;
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text, 'utf8')}\r\n${text}\r\n`;
}

function verbatim(text: string): string {
  return `=${Buffer.byteLength(text, 'utf8') + 4}\r\ntxt:${text}\r\n`;
}

/** Replaces line ends, as Redis does in an error's text (networking.c, afterErrorReply). */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
