// Writes one client's commands upstream, in order: spans of its own bytes, and what Spillway changes or inserts.
// Owns where they go, and how much of the buffer under scan is settled. Each method first forwards what stands before its own
// place, so a wrong order cannot be written. Unchanged bytes go up in whole spans.
//
//   buffer under scan   … │ before it │ the command: start ▸ arguments ▸ next │ not scanned yet
//                         └ `settled`
//
// Invariants: every byte is forwarded, replaced or dropped, once and in order; nothing is inserted into a command of which a
// part has gone up. Between two buffers everything is settled, so what is inserted then goes up at once.
import { copyOf, DOLLAR, NOTHING } from '../../resp/bytes.js';
import { writeArrayHeader, writeNumberBulk } from '../../resp/encode.js';
import { broken } from '../../resp/invariant.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { type ByteSink, NOWHERE } from '../byte-sink.js';

/** Larger than any offset of a buffer. */
const ALL = 2 ** 30;
/** For numbers; sinks copy what they are given. */
const SCRATCH = Buffer.allocUnsafe(64);

export class UpstreamWriter {
  /** Everything before this offset was forwarded, replaced or dropped. */
  private settled = ALL;
  /** The buffer under scan, into which the offsets of `args` point (except for an inline command). */
  private source: Uint8Array = NOTHING;
  /** The command that streams is dropped, up to its end. */
  private dropping = false;
  /** Arguments to append at the end of the command that streams. */
  private suffix: Uint8Array = NOTHING;

  constructor(
    private sink: ByteSink,
    private readonly args: RequestScanner,
  ) {}

  /** The command under scan and all later ones go to another sink. */
  switchTo(sink: ByteSink): void {
    this.passThrough(this.args.start);
    this.sink = sink;
  }

  /** A bug has ended the session: nothing more goes up. The buffer under scan will soon be another client's. */
  abandon(): void {
    this.source = NOTHING;
    this.settled = ALL;
    this.sink = NOWHERE;
  }

  /** Begins the scan of `buf` at `at`. */
  begin(buf: Uint8Array, at: number): void {
    this.source = buf;
    this.settled = at;
  }

  /** Ends the scan: what stands before `at` passes; the rest will come again. */
  end(at: number): void {
    this.passThrough(at);
    this.source = NOTHING;
    this.settled = ALL;
  }

  /** Part of a command has gone up, but not all of it. */
  get midCommand(): boolean {
    return this.args.midStream && !this.dropping;
  }

  /** `command` goes up before the command under scan. */
  insertBefore(command: Uint8Array): void {
    if (this.args.streaming) broken('nothing is put before a command that has gone up');
    this.passThrough(this.args.start);
    this.sink.write(command, 0, command.length);
  }

  /** The first `length` bytes of `command`, a whole one, go up after the command under scan and earlier insertions. */
  insertBehind(command: Uint8Array, length = command.length): void {
    if (this.midCommand) broken('nothing is put into a command');
    this.passThrough(this.args.next);
    this.sink.write(command, 0, length);
  }

  /** `command` goes up in place of the command under scan, which has come whole. */
  replaceCommand(command: Uint8Array): void {
    this.drop();
    this.insertBehind(command);
  }

  /** A number goes up in place of the argument at offset `i`. */
  replaceArgument(i: number, value: number): void {
    this.replaceBulk(i, SCRATCH, writeNumberBulk(SCRATCH, 0, value));
  }

  /** The first `length` bytes of `bulk`, an argument with its header, go up in place of the argument at offset `i`. */
  replaceBulk(i: number, bulk: Uint8Array, length = bulk.length): void {
    this.passThrough(this.headerOf(i));
    this.sink.write(bulk, 0, length);
    this.settled = this.args.ends[i] + 2;
  }

  /** `count` arguments, the first `length` bytes of `bulks`, go up after the last one of the multibulk command under scan. */
  appendArguments(count: number, bulks: Uint8Array, length: number): void {
    const { args } = this;
    this.passThrough(args.start);
    this.sink.write(SCRATCH, 0, writeArrayHeader(SCRATCH, 0, args.argc + count));
    this.settled = args.afterHeader;
    if (args.parsed === args.argc) this.insertBehind(bulks, length);
    else this.suffix = copyOf(bulks, 0, length);
  }

  /** The command under scan does not go up, nor does what is still to come of it. */
  drop(): void {
    const { args } = this;
    this.passThrough(args.start);
    if (args.parsed === args.argc) this.settled = args.next;
    else this.dropping = true;
  }

  /** The command that streams has come whole. */
  finish(): void {
    this.passThrough(this.args.next);
    this.dropping = false;
    if (this.suffix.length === 0) return;
    this.sink.write(this.suffix, 0, this.suffix.length);
    this.suffix = NOTHING;
  }

  /** The dropped command turns out to be malformed: `head` goes up, then the bytes that are not understood. */
  stopDropping(head: Uint8Array): void {
    if (!this.dropping) return;
    this.dropping = false;
    this.sink.write(head, 0, head.length);
    this.settled = this.args.position;
  }

  private passThrough(to: number): void {
    if (to <= this.settled) return;
    if (to > this.source.length) broken('only bytes that have come are forwarded');
    if (!this.dropping) this.sink.write(this.source, this.settled, to);
    this.settled = to;
  }

  /** Where the header of the argument at offset `i` begins; it ends two bytes before its payload. */
  private headerOf(i: number): number {
    const { args } = this;
    let header = args.starts[i] - 2;
    while (args.buf[header] !== DOLLAR) header--;
    return header;
  }
}
