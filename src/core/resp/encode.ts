// The few commands and replies that Spillway itself writes. Constants and one-shot encoders; nothing is kept.
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

/** Writes `*N\r\n` at `at`; returns the offset behind it. */
export function writeArrayHeader(out: Buffer, at: number, count: number): number {
  out[at] = 0x2a;
  return writeLineEnd(out, writeInteger(out, at + 1, count));
}

/** Writes a number as a bulk string at `at`; returns the offset behind it. At most 36 bytes. */
export function writeNumberBulk(out: Buffer, at: number, value: number): number {
  out[at] = 0x24;
  const length = writeLineEnd(out, writeInteger(out, at + 1, digitsOf(value)));
  return writeLineEnd(out, writeInteger(out, length, value));
}

const PX_WORD = Buffer.from('$2\r\nPX\r\n', 'latin1');
/** Room for the arguments `PX <milliseconds>`. */
export const PX_BYTES = PX_WORD.length + 36;

/** Writes the arguments `PX <milliseconds>` at `at`; returns the offset behind them. */
export function writePx(out: Buffer, at: number, milliseconds: number): number {
  out.set(PX_WORD, at);
  return writeNumberBulk(out, at + PX_WORD.length, milliseconds);
}

/** The arguments `PX <milliseconds>` as bytes of their own. */
export function encodePx(milliseconds: number): Buffer {
  const out = Buffer.allocUnsafe(PX_BYTES);
  return out.subarray(0, writePx(out, 0, milliseconds));
}

const PEXPIRE_HEAD = Buffer.from('*4\r\n$7\r\nPEXPIRE\r\n$', 'latin1');
const NX_TAIL = Buffer.from('$2\r\nNX\r\n', 'latin1');

/** How many bytes writeExpireIfNone may take for a key of `keyLength` bytes. */
export function expireIfNoneSize(keyLength: number): number {
  return PEXPIRE_HEAD.length + keyLength + NX_TAIL.length + 64;
}

/** Writes `PEXPIRE key ms NX` (Redis 7.0 and later), the follow-up; returns the offset behind it. */
export function writeExpireIfNone(
  out: Buffer,
  at: number,
  buf: Uint8Array,
  start: number,
  end: number,
  milliseconds: number,
): number {
  out.set(PEXPIRE_HEAD, at);
  let behind = writeLineEnd(out, writeInteger(out, at + PEXPIRE_HEAD.length, end - start));
  for (let i = start; i < end; i++) out[behind++] = buf[i];
  behind = writeNumberBulk(out, writeLineEnd(out, behind), milliseconds);
  out.set(NX_TAIL, behind);
  return behind + NX_TAIL.length;
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = 0x0d;
  out[at + 1] = 0x0a;
  return at + 2;
}
