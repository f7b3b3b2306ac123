// Encodes the few commands and replies that Spillway itself writes. Keeps nothing.
import { digitsOf, writeInteger } from './bytes.js';

/** Encodes a command as a multibulk; strings count as Latin-1. */
export function encodeCommand(...args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`, 'latin1')];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`, 'latin1'), bytes, Buffer.from('\r\n', 'latin1'));
  }
  return Buffer.concat(parts);
}

/** Bytes of `$n\r\n`, before a bulk string of this length. */
export function bulkHeaderSize(length: number): number {
  return 3 + digitsOf(length);
}

/** Bytes of a bulk string of this length: `$n\r\n…\r\n`. */
export function bulkSize(length: number): number {
  return bulkHeaderSize(length) + length + 2;
}

/** The length of a bulk string of this size; see bulkSize(). */
export function bulkLength(size: number): number {
  const digitsAndString = size - bulkHeaderSize(0) - 1;
  return digitsAndString - digitsOf(digitsAndString - digitsOf(digitsAndString));
}

/** Writes `*N\r\n` at `at`; returns the offset after it. */
export function writeArrayHeader(out: Buffer, at: number, count: number): number {
  out[at] = 0x2a;
  return writeLineEnd(out, writeInteger(out, at + 1, count));
}

/** Writes a number as a bulk string at `at`; returns the offset after it. At most 36 bytes. */
export function writeNumberBulk(out: Buffer, at: number, value: number): number {
  out[at] = 0x24;
  const length = writeLineEnd(out, writeInteger(out, at + 1, digitsOf(value)));
  return writeLineEnd(out, writeInteger(out, length, value));
}

const PX_WORD = Buffer.from('$2\r\nPX\r\n', 'latin1');
/** Room for the arguments `PX <milliseconds>`. */
export const PX_BYTES = PX_WORD.length + 36;

/** Writes the arguments `PX <milliseconds>` at `at`; returns the offset after them. */
export function writePx(out: Buffer, at: number, milliseconds: number): number {
  out.set(PX_WORD, at);
  return writeNumberBulk(out, at + PX_WORD.length, milliseconds);
}

/** The arguments `PX <milliseconds>` as bytes of their own. */
export function encodePx(milliseconds: number): Buffer {
  const out = Buffer.allocUnsafe(PX_BYTES);
  return out.subarray(0, writePx(out, 0, milliseconds));
}

/** A command that gives its key a TTL if it has none. */
export interface ExpireIfNone {
  /** The bytes before the length of the key, and after the milliseconds. */
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** `PEXPIRE key ms NX`, of Redis 7.0 and later. */
export const EXPIRE_NX: ExpireIfNone = {
  head: Buffer.from('*4\r\n$7\r\nPEXPIRE\r\n$', 'latin1'),
  tail: Buffer.from('$2\r\nNX\r\n', 'latin1'),
};

// Servers up to 4.0, and later ones with lua-replicate-commands no, refuse a write after PTTL unless the script asks for its
// effects to be replicated. If the user lacks a command that the script calls, Redis 6 answers in the script's words
// (scripting.c).
const EXPIRE_SCRIPT = [
  'pcall(redis.replicate_commands)',
  "local r = redis.pcall('PTTL', KEYS[1])",
  "if r == -1 then r = redis.pcall('PEXPIRE', KEYS[1], ARGV[1]) elseif type(r) == 'number' then r = 0 end",
  "if type(r) == 'table' and string.find(r.err, 'user executing', 1, true) then r = redis.error_reply('NOPERM') end",
  'return r',
].join(' ');

/** The same by EVAL, for Redis 3.2 and later, with the same replies. */
export const EXPIRE_BY_SCRIPT: ExpireIfNone = {
  head: Buffer.concat([
    Buffer.from('*5\r\n', 'latin1'),
    encodeCommand('EVAL', EXPIRE_SCRIPT, '1').subarray('*3\r\n'.length),
    Buffer.from('$', 'latin1'),
  ]),
  tail: Buffer.alloc(0),
};

/** How many bytes writeExpireIfNone may take for a key of `keyLength` bytes. */
export function expireIfNoneSize({ head, tail }: ExpireIfNone, keyLength: number): number {
  return head.length + keyLength + tail.length + 64;
}

/** Writes the follow-up for key `buf[start, end)`; returns the offset after it. */
export function writeExpireIfNone(
  { head, tail }: ExpireIfNone,
  out: Buffer,
  at: number,
  buf: Uint8Array,
  start: number,
  end: number,
  milliseconds: number,
): number {
  out.set(head, at);
  let behind = writeLineEnd(out, writeInteger(out, at + head.length, end - start));
  for (let i = start; i < end; i++) out[behind++] = buf[i];
  behind = writeNumberBulk(out, writeLineEnd(out, behind), milliseconds);
  out.set(tail, behind);
  return behind + tail.length;
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return at + 2;
}
