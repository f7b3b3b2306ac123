// The reply scanner by itself against an independent reading, over well-formed and mutated streams cut anywhere.
// Each is lenient in its own way, so the two are compared up to the first fault; and whatever came before, a scanner
// must not be lost for ever: replies enough bring it to a boundary or to "malformed".
import { ReplyScanner } from '../../../src/core/resp/reply-scanner.js';
import { frameReply } from '../../support/resp-framing.js';
import { pieceSizes } from './duel.js';
import type { FuzzCase, Lane } from './fuzz-case.js';
import { mutate, noise } from './mutate.js';
import { Random } from './random.js';
import { itemStream } from './replies.js';
import { firstFault } from './resp-letter.js';

/** More items, and more bytes, than the small numbers in a stream can ask for. */
const RECOVERY = Buffer.from('+OK\r\n'.repeat(60_000), 'latin1');
/** A number that RECOVERY might not satisfy. */
const LARGE_NUMBER = /[0-9]{4}/;

export const replyScannerLane: Lane = {
  name: 'reply-scanner',
  draw(seed) {
    const random = new Random(seed);
    const size = 1 + random.below(30);
    const stream = itemStream(random, size);
    const bytes = random.oneIn(100)
      ? noise(random)
      : random.oneIn(2)
        ? stream
        : mutate(stream, stream, random);
    const streams = [bytes];
    return {
      case: { lane: 'reply-scanner', variant: 0, seed, streams, owed: [] },
      requests: 0,
      replies: size,
    };
  },
  check({ streams: [bytes], seed }: FuzzCase) {
    const scanner = new ReplyScanner();
    const ends = scanAll(scanner, bytes, pieceSizes(new Random(seed + 1), bytes.length));
    const fault = firstFault(bytes);
    const due = framedEnds(bytes.subarray(0, fault));
    for (let i = 0; i < due.length; i++) {
      if (ends[i] !== due[i]) throw new Error(`item ${i} ends at ${ends[i]}, not ${due[i]}`);
    }
    if (fault === bytes.length && ends.length > due.length)
      throw new Error('there are more items than there should be');
    if (fault === bytes.length && scanner.malformed)
      throw new Error('well-formed items are called malformed');
    if (scanner.malformed) return;
    if (scanner.atBoundary || bytes.length > RECOVERY.length || LARGE_NUMBER.test(bytes.toString('latin1')))
      return;
    for (let at = 0; at < RECOVERY.length && !scanner.atBoundary && !scanner.malformed; )
      at = scanner.scan(RECOVERY, at, RECOVERY.length);
    if (!scanner.atBoundary && !scanner.malformed) throw new Error('the scanner never finds an end again');
  },
};

function scanAll(scanner: ReplyScanner, bytes: Buffer, nextSize: () => number): number[] {
  const ends: number[] = [];
  for (let from = 0; from < bytes.length; ) {
    const piece = bytes.subarray(from, from + nextSize());
    for (let at = 0; at < piece.length; ) {
      const reached = scanner.scan(piece, at, piece.length);
      if (scanner.malformed) return ends;
      if (reached <= at) throw new Error(`no step at ${from + at}`);
      at = reached;
      if (scanner.atBoundary) ends.push(from + at);
      else if (at < piece.length && !scanner.atValue)
        throw new Error(`stopped at ${from + at} inside an item`);
    }
    from += piece.length;
  }
  return ends;
}

function framedEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const framing = frameReply(bytes, at);
    if (!('end' in framing)) break;
    at = framing.end;
    ends.push(at);
  }
  return ends;
}
