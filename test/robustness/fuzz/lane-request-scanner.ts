// The request scanner by itself against the independent reading, over mutated streams of which ever more is there.
// Checks its promises after each step: whole arguments lie where they should, and a cut command lacks at least a byte.
import { RequestScanner, Scan } from '../../../src/core/resp/request-scanner.js';
import { pieceSizes } from './duel.js';
import type { FuzzCase, Lane } from './fuzz-case.js';
import { mutate, noise } from './mutate.js';
import { Random } from './random.js';
import { readRequest } from './request-reader.js';
import { RequestWriter } from './requests.js';

export const requestScannerLane: Lane = {
  name: 'request-scanner',
  draw(seed) {
    const random = new Random(seed);
    const size = 1 + random.below(30);
    const stream = new RequestWriter(random, { silence: true, connection: true, endings: true }).stream(
      size,
      'S',
    );
    const bytes = random.oneIn(100)
      ? noise(random)
      : random.oneIn(3)
        ? stream
        : mutate(stream, stream, random);
    const streams = [bytes];
    return {
      case: { lane: 'request-scanner', variant: 0, seed, streams, owed: [] },
      requests: size,
      replies: 0,
    };
  },
  check({ streams: [bytes], seed }: FuzzCase) {
    const scanner = new RequestScanner();
    const nextSize = pieceSizes(new Random(seed + 1), bytes.length);
    let at = 0;
    let resuming = false;
    for (let end = 0; end < bytes.length; ) {
      end = Math.min(bytes.length, end + nextSize());
      while (at < end) {
        const scan: Scan = resuming ? scanner.resume(bytes, end) : scanner.scan(bytes, at, end);
        insistOnOffsets(scanner, end);
        resuming = scan === Scan.INCOMPLETE;
        if (resuming) {
          if (scanner.missing(end) < 1) throw new Error(`a command cut at ${end} lacks nothing`);
          break;
        }
        const due = readRequest(bytes, at);
        if (scan === Scan.MALFORMED) {
          if (due.what === 'command' && !due.doubtful)
            throw new Error(`a command at ${at} is called malformed`);
          return;
        }
        if (due.what !== 'command') throw new Error(`scanned at ${at} what Redis would not: ${due.what}`);
        compare(scanner, scan, due.args, due.to);
        at = scanner.next;
      }
    }
    const left = at < bytes.length ? readRequest(bytes, at) : undefined;
    if (left?.what === 'command' && !left.doubtful) throw new Error(`the command at ${at} is not seen`);
  },
};

function insistOnOffsets(scanner: RequestScanner, end: number): void {
  const { parsed, argc, position, start, starts, ends, inline } = scanner;
  if (position > end || (argc >= 0 && parsed > argc))
    throw new Error(`at ${position} of ${end}, ${parsed} of ${argc}`);
  if (inline) return;
  for (let i = 0, least = start; i < parsed; i++) {
    if (starts[i] < least || ends[i] < starts[i] || ends[i] > position) {
      throw new Error(`argument ${i} from ${starts[i]} to ${ends[i]}`);
    }
    least = ends[i];
  }
}

function compare(scanner: RequestScanner, scan: Scan, args: readonly string[], to: number): void {
  const { buf, starts, ends, next } = scanner;
  if (next !== to) throw new Error(`a command ends at ${next}, not ${to}`);
  if ((scan === Scan.EMPTY) !== (args.length === 0))
    throw new Error(`of ${args.length} arguments, but scan ${scan}`);
  if (scan === Scan.EMPTY) return;
  if (scanner.argc !== args.length) throw new Error(`${scanner.argc} arguments, not ${args.length}`);
  const view = Buffer.from(buf.buffer, buf.byteOffset, buf.length);
  for (let i = 0; i < args.length; i++) {
    const length = ends[i] - starts[i];
    if (length !== args[i].length || view.toString('latin1', starts[i], ends[i]) !== args[i]) {
      throw new Error(`argument ${i} is not ${JSON.stringify(args[i].slice(0, 80))}`);
    }
  }
}
