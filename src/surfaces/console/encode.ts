// Encodes the console's answers as RESP2 or RESP3: JSON values become the types that Redis uses for such values. Pure.
// Fields that are undefined are left out, as in JSON.
//
//            map        boolean   null    number that is not an integer     Text
//   RESP2    array      :1 :0     $-1     bulk string                       bulk string
//   RESP3    %          #t #f     _       ,                                 = (txt)

/** Text that redis-cli prints as it is. */
export class Text {
  constructor(readonly text: string) {}
}

/** A simple string, such as +OK. */
export class Status {
  constructor(readonly line: string) {}
}

/** An error reply. Its code comes first. */
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

/** Replaces line ends, as Redis does in an error's text (networking.c, afterErrorReply). */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
