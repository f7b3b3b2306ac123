// Up to where a stream of replies is RESP to the letter. Real servers send nothing else; beyond that point the reply
// scanner and the independent framing may differ, since each is lenient in its own way.
// Knows types, line ends, numbers and nesting; what is merely cut at the end is no fault.

const LINE = /^[-+:_#,(][^\r\n]*(\r?$|\r\n)/;
const NUMBER = /^[$!=*~%>|](-?$|-1|0|[1-9][0-9]*)(\r?$|\r\n)/;
const LONGEST_LINE = 200;

/** Offset of the first fault, or the stream's length when it has none. */
export function firstFault(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  try {
    for (let at = 0; at < text.length; ) at = endOf(text, at, true);
    return text.length;
  } catch (fault) {
    if (fault instanceof Fault) return fault.at;
    throw fault;
  }
}

class Fault extends Error {
  constructor(readonly at: number) {
    super();
  }
}

/** Where the item at `at` ends: at the end of the text or behind it, where the text is cut. */
function endOf(text: string, at: number, top: boolean): number {
  if (at >= text.length) return at;
  const head = text.slice(at, at + LONGEST_LINE);
  const line = LINE.exec(head);
  if (line !== null) return at + line[0].length;
  const number = NUMBER.exec(head);
  const type = head[0];
  const count = Number(number?.[1]);
  const nullable = type === '$' || type === '*';
  // A push stands between replies; only the null of RESP2 has a length below 0.
  if (number === null || (count < 0 && !nullable) || (type === '>' && !top)) throw new Fault(at);
  const body = at + number[0].length;
  if (count < 0 || !number[0].endsWith('\n')) return body;
  switch (type) {
    case '$':
    case '!':
    case '=':
      return body + count + 2;
    case '%':
      return elementsEnd(text, body, 2 * count);
    case '|':
      return endOf(text, elementsEnd(text, body, 2 * count), top);
    default:
      return elementsEnd(text, body, count);
  }
}

function elementsEnd(text: string, from: number, count: number): number {
  let at = from;
  for (let i = 0; i < count && at < text.length; i++) at = endOf(text, at, false);
  return at;
}
