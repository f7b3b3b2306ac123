// What Redis makes of a client's bytes: an independent reading of processMultibulkBuffer, processInlineBuffer
// (networking.c, 7.0) and sdssplitargs (sds.c), so that no oracle asks the code under test.
// Deliberately simple: looks at one command at a time, over one buffer that holds everything so far.

const INLINE_MAX_BYTES = 64 * 1024;
const MAX_BULK_BYTES = 512 * 1024 * 1024;
const MAX_ARGUMENTS = 2 ** 31 - 1;

export type Reading = Read & {
  /** Not every server reads it so: it has other bytes where CR LF belongs, or a word parted by one that ends none. */
  readonly doubtful: boolean;
};

type Read =
  /** A command that ends at `to`; no arguments: an empty one, which Redis ignores. */
  | { readonly what: 'command'; readonly args: string[]; readonly to: number }
  /** The rest of its arguments is not here: bytes from `at` on are not understood before there are `atLeast`. */
  | { readonly what: 'cut'; readonly args: string[]; readonly at: number; readonly atLeast: number }
  /** Redis answers the error and closes; what it objects to stands at `at`. */
  | { readonly what: 'refused'; readonly args: string[]; readonly at: number; readonly error: string };

/** Reads the command that begins at `from`, which must be below the buffer's length. */
export function readRequest(bytes: Buffer, from: number): Reading {
  return bytes[from] === 0x2a ? readMultibulk(bytes, from) : readInline(bytes, from);
}

function readMultibulk(bytes: Buffer, from: number): Reading {
  const args: string[] = [];
  const header = readLine(bytes, from);
  if (header === undefined) return unended(bytes, args, from, 'invalid multibulk length', false);
  const count = longLong(header.text);
  let doubtful = header.odd;
  if (count === undefined || count > MAX_ARGUMENTS)
    return refused(args, from, 'invalid multibulk length', doubtful);
  let at = header.to;
  while (args.length < count) {
    const line = at < bytes.length ? readLine(bytes, at) : undefined;
    const wrong = at < bytes.length && bytes[at] !== 0x24;
    const error = wrong ? `expected '$', got '${String.fromCharCode(bytes[at])}'` : 'invalid bulk length';
    if (line === undefined) return unended(bytes, args, at, error, doubtful);
    doubtful ||= line.odd;
    if (wrong) return refused(args, at, error, doubtful);
    const length = longLong(line.text);
    if (length === undefined || length < 0 || length > MAX_BULK_BYTES)
      return refused(args, at, error, doubtful);
    const to = line.to + length + 2;
    if (bytes.length < to) return { what: 'cut', args, at, atLeast: to, doubtful };
    doubtful ||= bytes[to - 2] !== 0x0d || bytes[to - 1] !== 0x0a;
    args.push(bytes.toString('latin1', line.to, line.to + length));
    at = to;
  }
  return { what: 'command', args, to: at, doubtful };
}

/** A line ends with a CR and one byte that Redis does not look at; strchr, which searches the CR, stops at a NUL. */
function readLine(bytes: Buffer, from: number): { text: string; to: number; odd: boolean } | undefined {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0x0d && bytes[at] !== 0) at++;
  if (at + 1 >= bytes.length || bytes[at] === 0) return undefined;
  return { text: bytes.toString('latin1', from + 1, at), to: at + 2, odd: bytes[at + 1] !== 0x0a };
}

/**
 * Redis refuses a line of more than 64 KB as too big if it sees it before its end, else for what is wrong with it:
 * a matter of timing, so here it is always the latter.
 */
function unended(bytes: Buffer, args: string[], at: number, error: string, doubtful: boolean): Reading {
  const hasEnd = bytes.indexOf(0x0d, at) >= 0 && bytes.indexOf(0, at) < 0;
  return bytes.length - at > INLINE_MAX_BYTES && !hasEnd
    ? refused(args, at, error, doubtful)
    : cut(args, at, bytes.length, doubtful);
}

function cut(args: string[], at: number, length: number, doubtful = false): Reading {
  return { what: 'cut', args, at, atLeast: length + 1, doubtful };
}

function refused(args: string[], at: number, error: string, doubtful = false): Reading {
  return { what: 'refused', args, at, error: `-ERR Protocol error: ${error}\r\n`, doubtful };
}

/** string2ll: undefined for what it refuses. Beyond 2^53 it need only be large. */
function longLong(text: string): number | undefined {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined;
  if (text.length < 16) return Number(text);
  const value = BigInt(text);
  return value === BigInt.asIntN(64, value) ? Number(value) : undefined;
}

function readInline(bytes: Buffer, from: number): Reading {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0x0a && bytes[at] !== 0) at++;
  if (at === bytes.length || bytes[at] === 0) {
    if (bytes.length - from > INLINE_MAX_BYTES) return refused([], from, 'too big inline request');
    return cut([], from, bytes.length);
  }
  // Redis looks for the end after each read of 16 KB; lines that are only just too long are in no test.
  if (at - from > INLINE_MAX_BYTES) return refused([], from, 'too big inline request');
  const line = bytes.toString('latin1', from, at > from && bytes[at - 1] === 0x0d ? at - 1 : at);
  const args = splitWords(line);
  return args === undefined
    ? refused([], from, 'unbalanced quotes in request')
    : { what: 'command', args, to: at + 1, doubtful: /["'][\v\f]/.test(line) };
}

/** Blanks, and a word up to where it ends or a quote begins. Vertical tab and form feed part words, but end none. */
const BARE = /[ \t-\r]*([^ \t\n\r"']*)/y;
const QUOTED = /(?:"((?:[^"\\]|\\.)*)"|'((?:\\'|[^'\\]|\\(?!'))*)')(?=[ \t-\r]|$)/sy;

/** Undefined when the quotes do not balance. */
function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  for (let at = 0; at < line.length; ) {
    BARE.lastIndex = at;
    const [whole, start] = BARE.exec(line) as unknown as [string, string];
    at += whole.length;
    if (line[at] === '"' || line[at] === "'") {
      QUOTED.lastIndex = at;
      const quoted = QUOTED.exec(line);
      if (quoted === null) return undefined;
      const [all, double, single] = quoted;
      words.push(start + (double === undefined ? single.replaceAll("\\'", "'") : withoutEscapes(double)));
      at += all.length;
    } else if (start !== '') words.push(start);
  }
  return words;
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function withoutEscapes(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
