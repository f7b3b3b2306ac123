// The script that changes a TTL that Spillway gave, and no other. It compares the remaining time of the key with the time
// that should remain of the rule's TTL, and does nothing if they differ. It does so in one step, so that a TTL that an
// application sets meanwhile is not lost. Its text never changes, so the server keeps one script.
import { writeInteger } from './bytes.js';
import { encodeCommand, writeNumberBulk } from './encode.js';

// ARGV: the least and the most milliseconds that are left; the new TTL, 0 for none; with a second key, which was renamed to the
// first or copied there, 'moved' or 'copied'; the database of the first key, if it is another one.
// The TTL is changed only if the second key is gone, or its copy has the same end (PTTL reads the clock each time).
const SCRIPT = [
  'pcall(redis.replicate_commands)',
  "local source = KEYS[2] and redis.pcall('PTTL', KEYS[2])",
  "if ARGV[5] then redis.pcall('SELECT', ARGV[5]) end",
  "local left = redis.pcall('PTTL', KEYS[1])",
  'local r = left',
  "if type(left) == 'number' then r = 0",
  'local own = left >= tonumber(ARGV[1]) and left <= tonumber(ARGV[2])',
  "if ARGV[4] == 'moved' then own = own and source == -2",
  "elseif ARGV[4] == 'copied' then own = own and source >= left and source < left + 5",
  "else own = own or (left == -1 and ARGV[3] ~= '0') end",
  "if own and ARGV[3] == '0' then r = redis.pcall('PERSIST', KEYS[1])",
  "elseif own then r = redis.pcall('PEXPIRE', KEYS[1], ARGV[3]) end end",
  "if type(r) == 'table' and r.err and (string.find(r.err, 'user executing', 1, true) or string.find(r.err, 'no permission', 1, true))",
  "then r = redis.error_reply('NOPERM of a script') end",
  'return r',
].join(' ');

/** How many milliseconds the remaining time may be off: commands wait on their way, and the clock is a cached one. */
const MOST_OFF_MS = 2000;
const LEAST_OFF_MS = 250;
/** The share that it may be off, for a TTL with little left. */
const OFF_SHARE = 1 / 4;
/** Five numbers of at most 16 digits, with their headers. */
const NUMBER_BYTES = 5 * 32;

const HEAD = Buffer.concat([
  Buffer.from('*7\r\n', 'latin1'),
  encodeCommand('EVAL', SCRIPT, '1').subarray('*3\r\n'.length),
  Buffer.from('$', 'latin1'),
]);

/** How many bytes writeOwnTtl() may take for a key of `keyLength` bytes. */
export function ownTtlSize(keyLength: number): number {
  return HEAD.length + keyLength + NUMBER_BYTES;
}

/**
 * Writes the command that gives key `buf[start, end)`, of whose own TTL about `leftMs` are left, a TTL of `milliseconds`, or
 * none (0). A key without a TTL gets it too. Returns the offset after it.
 */
export function writeOwnTtl(
  out: Buffer,
  at: number,
  buf: Uint8Array,
  start: number,
  end: number,
  leftMs: number,
  milliseconds: number,
): number {
  out.set(HEAD, at);
  let behind = writeLineEnd(out, writeInteger(out, at + HEAD.length, end - start));
  for (let i = start; i < end; i++) out[behind++] = buf[i];
  behind = writeLineEnd(out, behind);
  behind = writeNumberBulk(out, behind, leastLeft(leftMs));
  behind = writeNumberBulk(out, behind, mostLeft(leftMs));
  return writeNumberBulk(out, behind, milliseconds);
}

/** The same for a key that was `source` (renamed, or copied from it), in database `db` if that is another one. */
export function encodeCarriedTtl(
  key: Uint8Array,
  source: Uint8Array,
  copied: boolean,
  leftMs: number,
  milliseconds: number,
  db: number | undefined,
): Buffer {
  const numbers = [leastLeft(leftMs), mostLeft(leftMs), milliseconds].map(String);
  const database = db === undefined ? [] : [String(db)];
  return encodeCommand(
    'EVAL',
    SCRIPT,
    '2',
    key,
    source,
    ...numbers,
    copied ? 'copied' : 'moved',
    ...database,
  );
}

function leastLeft(leftMs: number): number {
  return Math.max(0, Math.floor(leftMs - offOf(leftMs)));
}

function mostLeft(leftMs: number): number {
  return Math.ceil(leftMs + offOf(leftMs));
}

function offOf(leftMs: number): number {
  return Math.min(MOST_OFF_MS, Math.max(LEAST_OFF_MS, leftMs * OFF_SHARE));
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return at + 2;
}
