// What the console says as bytes of RESP2 or RESP3: plain JSON values become what Redis makes of such values.
// Pure, and bounded by the value alone. What JSON leaves out, undefined, is left out.
//
//            map        boolean   null    number that is none of integers   Text
//   RESP2    array      :1 :0     $-1     bulk string                       bulk string
//   RESP3    %          #t #f     _       ,                                 = (txt)

/** Text for people: redis-cli prints it as it is. */
export class Text {
  constructor(readonly text: string) {}
}

/** One line, as +OK is. */
export class Status {
  constructor(readonly line: string) {}
}

/** An error reply: its code first. */
export class Failure {
  constructor(readonly line: string) {}
}

export function encodeReply(value: unknown, resp: 2 | 3): Buffer {
  const parts: string[] = [];
  write(value, resp, parts);
  return Buffer.from(parts.join(''), 'utf8');
}

function write(value: unknown, resp: 2 | 3, parts: string[]): void {
  if (value === null || value === undefined) parts.push(resp === 3 ? '_\r\n' : '$-1\r\n');
  else if (typeof value === 'string') parts.push(bulk(value));
  else if (typeof value === 'number') parts.push(number(value, resp));
  else if (typeof value === 'boolean') parts.push(boolean(value, resp));
  else if (value instanceof Status) parts.push(`+${oneLine(value.line)}\r\n`);
  else if (value instanceof Failure) parts.push(`-${oneLine(value.line)}\r\n`);
  else if (value instanceof Text) parts.push(resp === 3 ? verbatim(value.text) : bulk(value.text));
  else if (Array.isArray(value)) {
    parts.push(`*${value.length}\r\n`);
    for (const item of value) write(item, resp, parts);
  } else {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    parts.push(resp === 3 ? `%${fields.length}\r\n` : `*${fields.length * 2}\r\n`);
    for (const [name, field] of fields) {
      parts.push(bulk(name));
      write(field, resp, parts);
    }
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text, 'utf8')}\r\n${text}\r\n`;
}

function verbatim(text: string): string {
  return `=${Buffer.byteLength(text, 'utf8') + 4}\r\ntxt:${text}\r\n`;
}

function number(value: number, resp: 2 | 3): string {
  if (Number.isSafeInteger(value)) return `:${value}\r\n`;
  return resp === 3 ? `,${value}\r\n` : bulk(String(value));
}

function boolean(value: boolean, resp: 2 | 3): string {
  if (resp === 3) return value ? '#t\r\n' : '#f\r\n';
  return value ? ':1\r\n' : ':0\r\n';
}

/** As Redis makes one of an error's text (networking.c, afterErrorReply). */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
