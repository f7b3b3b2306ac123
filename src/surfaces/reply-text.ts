// The parts of a reply that the console and the Sentinel endpoint both send, as RESP. Pure.

/** Text for people: a verbatim string in RESP3, a bulk string in RESP2. */
export class Text {
  constructor(readonly text: string) {}
}

/** An error reply. Its code comes first. */
export class Failure {
  constructor(readonly line: string) {}
}

export function encodeText({ text }: Text, resp: 2 | 3): string {
  return resp === 3 ? verbatim(text) : bulk(text);
}

export function encodeFailure({ line }: Failure): string {
  return `-${oneLine(line)}\r\n`;
}

export function bulk(text: string): string {
  return `$${Buffer.byteLength(text, 'utf8')}\r\n${text}\r\n`;
}

export function verbatim(text: string): string {
  return `=${Buffer.byteLength(text, 'utf8') + 4}\r\ntxt:${text}\r\n`;
}

/** Replaces line ends, as Redis does in an error's text (networking.c, afterErrorReply). */
export function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
