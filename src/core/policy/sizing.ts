// How large a key is after a write, and so whether the write can make memory grow. These do not: a value that replaces one of
// its size class, a write inside a string, a counter, a stream that the write itself trims. Reads only the arguments that have
// arrived, and the announced length of a streaming one.
import { type CommandSpec, Sizing } from '../commands/spec.js';
import { equalsIgnoreCase, readPositiveInteger } from '../resp/bytes.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import { INTEGER_CLASS, isString, type Size, SizeClass, sizeClassOf } from './size-class.js';

/** Words of XADD that may stand before MAXLEN or MINID. */
const XADD_WORDS = ['NOMKSTREAM', 'KEEPREF', 'DELREF', 'ACKED'] as const;
const BITS = 8;
/** No string is longer. */
const MOST_BYTES = 512 * 1024 * 1024;

/** The size of the key at argument `i` after the write under scan, if it was `known` before; 0: unchanged. */
export function sizeAfter({ sizing }: CommandSpec, args: RequestScanner, i: number, known: Size): Size {
  switch (sizing) {
    case Sizing.KEEPS:
      return 0;
    case Sizing.VALUE:
      return classOfArgument(args, i + 1);
    case Sizing.SECOND:
      return classOfArgument(args, i + 2);
    case Sizing.NUMBER:
      return INTEGER_CLASS;
    case Sizing.STREAM:
      return SizeClass.STREAM;
    case Sizing.RANGE:
    case Sizing.BIT:
      return sizeAfterRange(sizing, args, i, known);
    default:
      return SizeClass.OTHER;
  }
}

/** It writes into a string, so the size afterwards depends on the size before. */
export function isWithin({ sizing }: CommandSpec): boolean {
  return sizing === Sizing.RANGE || sizing === Sizing.BIT;
}

/** Whether the write under scan leaves the key at argument `i`, which is `known` to live, no larger. */
export function isRewrite(spec: CommandSpec, args: RequestScanner, i: number, known: Size): boolean {
  if (known === 0) return false;
  if (spec.sizing === Sizing.STREAM) return known === SizeClass.STREAM && trims(args, i);
  // An integer is kept in the key's object, or takes as much memory as another one of another sign or length.
  if (spec.sizing === Sizing.NUMBER) return isString(known);
  return isString(known) && sizeAfter(spec, args, i, known) <= known;
}

function classOfArgument(args: RequestScanner, i: number): Size {
  if (i < args.parsed) return sizeClassOf(args.ends[i] - args.starts[i]);
  return i === args.parsed && args.bulkLength >= 0 ? sizeClassOf(args.bulkLength) : SizeClass.OTHER;
}

function sizeAfterRange(sizing: Sizing, args: RequestScanner, i: number, known: Size): Size {
  const end = isString(known) ? endOfRange(sizing, args, i) : -1;
  return end < 0 ? SizeClass.OTHER : Math.max(known, sizeClassOf(end));
}

/** The fewest bytes that a string has after this much is written into it; -1: unknown, or Redis refuses it. */
function endOfRange(sizing: Sizing, args: RequestScanner, i: number): number {
  const { buf, starts, ends, parsed } = args;
  if (i + 1 >= parsed) return -1;
  const offset = readPositiveInteger(buf, starts[i + 1], ends[i + 1]);
  const zero = ends[i + 1] - starts[i + 1] === 1 && buf[starts[i + 1]] === 0x30;
  if (offset <= 0 && !zero) return -1;
  const at = zero ? 0 : offset;
  if (at > MOST_BYTES * BITS) return -1;
  if (sizing === Sizing.BIT) return Math.floor(at / BITS) + 1;
  if (at > MOST_BYTES) return -1;
  const value = i + 2;
  if (value < parsed) return at + ends[value] - starts[value];
  return value === parsed && args.bulkLength >= 0 ? at + args.bulkLength : -1;
}

function trims({ buf, starts, ends, parsed }: RequestScanner, i: number): boolean {
  for (let word = i + 1; word < parsed; word++) {
    const is = (text: string) => equalsIgnoreCase(buf, starts[word], ends[word], text);
    if (is('MAXLEN') || is('MINID')) return true;
    if (!XADD_WORDS.some(is)) return false;
  }
  return false;
}
