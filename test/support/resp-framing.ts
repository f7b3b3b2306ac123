// Where a reply ends: a second, independent reading of RESP2 and RESP3, so that tests do not ask the code under test.
// Deliberately simple and slow: plain recursion over one buffer that holds everything so far.

const CR = 13;

/** Where a reply ends, or how many bytes there must be at least before it is worth looking again. */
export type Framing = { readonly end: number } | { readonly atLeast: number };

/**
 * Reads the reply that starts at `start`. An attribute belongs to the reply that follows it; a push counts as a
 * reply of its own.
 * @throws Error on anything that is no RESP.
 */
export function frameReply(bytes: Buffer, start: number): Framing {
  const lineEnd = start < bytes.length ? findCrlf(bytes, start + 1) : undefined;
  if (lineEnd === undefined) return { atLeast: bytes.length + 1 };
  const type = String.fromCharCode(bytes[start] ?? 0);
  const line = bytes.toString('latin1', start + 1, lineEnd);
  const body = lineEnd + 2;
  switch (type) {
    case '+':
    case '-':
    case ':':
    case '_':
    case '#':
    case ',':
    case '(':
      return { end: body };
    case '$':
    case '!':
    case '=': {
      const length = count(type, line);
      const end = length === -1 ? body : body + length + 2;
      return bytes.length >= end ? { end } : { atLeast: end };
    }
    case '*':
    case '~':
    case '>':
      return frameElements(bytes, body, count(type, line));
    case '%':
      return frameElements(bytes, body, 2 * count(type, line));
    case '|': {
      const attribute = frameElements(bytes, body, 2 * count(type, line));
      return 'end' in attribute ? frameReply(bytes, attribute.end) : attribute;
    }
    default:
      throw new Error(
        `no RESP at offset ${start}: ${JSON.stringify(bytes.toString('latin1', start, start + 40))}`,
      );
  }
}

function frameElements(bytes: Buffer, start: number, elements: number): Framing {
  let at: Framing = { end: start };
  for (let i = 0; i < elements && 'end' in at; i++) at = frameReply(bytes, at.end);
  return at;
}

function findCrlf(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(CR, from); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === 10) return at;
  }
  return undefined;
}

function count(type: string, line: string): number {
  if (!/^(-1|\d+)$/.test(line)) throw new Error(`bad length in RESP: ${JSON.stringify(type + line)}`);
  return Number(line);
}
