// Knows which scripts cannot make memory grow: those that the operator names, and those whose source has passed and calls only
// commands that cannot (policy/lua-calls). Owns the table of known sources, by SHA1.
// Invariants: bounded (twice MOST_SOURCES; the oldest that nobody called by its SHA1 gives way); an unknown script counts as growing; the answer for a source stays
// the same until another command table is adopted.
import { ScriptCall } from '../commands/spec.js';
import type { CommandTable } from '../commands/table.js';
import { copyOf } from '../resp/bytes.js';
import type { RequestScanner } from '../resp/request-scanner.js';
import { hashKey } from './hash.js';
import { Growth, growthOfScript } from './lua-calls.js';

/** Of those that were called by their SHA1, and of the others. */
const MOST_SOURCES = 2048;
/** A longer source counts as growing without being read. */
const LONGEST_SOURCE = 256 * 1024;
const SHA1_DIGITS = 40;

export interface ScriptsOptions {
  /** SHA1 in lower case, or names of functions: these never grow. */
  readonly pass: ReadonlySet<string>;
  readonly commands: CommandTable;
  /** In lower-case hexadecimal digits. */
  readonly sha1: (source: Uint8Array) => string;
}

/** How a script may grow, and a mark of its source. */
interface Known {
  readonly grows: Growth;
  readonly mark: number;
}

export class Scripts {
  /** By SHA1, oldest first. Who calls by SHA1 does not send the source again, so others' sources must not push it out. */
  private readonly called = new Map<string, Known>();
  private readonly seen = new Map<string, Known>();
  /** Their marks. A source with a known mark counts as known. If only the marks are equal, it stays unknown: it may grow. */
  private readonly marks = new Set<number>();

  constructor(private options: ScriptsOptions) {}

  /** Other settings, or another server, from now on. */
  adopt(options: Partial<ScriptsOptions>): void {
    if (options.commands !== undefined && options.commands !== this.options.commands) {
      this.called.clear();
      this.seen.clear();
      this.marks.clear();
    }
    this.options = { ...this.options, ...options };
  }

  /** A copy with the same knowledge: what it learns stays there. */
  copy(): Scripts {
    const copy = new Scripts(this.options);
    for (const [sha1, known] of this.called) copy.called.set(sha1, known);
    for (const [sha1, known] of this.seen) copy.seen.set(sha1, known);
    for (const mark of this.marks) copy.marks.add(mark);
    return copy;
  }

  /** Whether the script that the command under scan runs may make memory grow. `call`: as its argument 1 names the script. */
  mayGrow(args: RequestScanner, call: ScriptCall): boolean {
    return this.growthOf(args, call) !== Growth.NONE;
  }

  /** Whether it makes memory grow only by counters and short-lived strings. */
  isBrief(args: RequestScanner, call: ScriptCall): boolean {
    return this.growthOf(args, call) === Growth.BRIEF;
  }

  private growthOf({ buf, starts, ends, parsed }: RequestScanner, call: ScriptCall): Growth {
    if (parsed < 2) return Growth.ANY;
    const [start, end] = [starts[1], ends[1]];
    if (call === ScriptCall.SOURCE) return this.growthOfSource(buf, start, end);
    const name = Buffer.from(buf.buffer, buf.byteOffset + start, end - start).toString('latin1');
    if (call === ScriptCall.FUNCTION) return this.options.pass.has(name) ? Growth.NONE : Growth.ANY;
    return end - start === SHA1_DIGITS ? this.growthOfSha(name.toLowerCase()) : Growth.ANY;
  }

  /** Remembers what buf[start, end), the source of a script, may do, for calls by its SHA1. */
  note(buf: Uint8Array, start: number, end: number): void {
    const mark = hashKey(buf, start, end);
    if (this.marks.has(mark) || end - start > LONGEST_SOURCE) return;
    const source = copyOf(buf, start, end);
    this.remember(this.options.sha1(source), source, mark);
  }

  private growthOfSource(buf: Uint8Array, start: number, end: number): Growth {
    if (end - start > LONGEST_SOURCE) return Growth.ANY;
    const source = copyOf(buf, start, end);
    const sha1 = this.options.sha1(source);
    if (this.options.pass.has(sha1)) return Growth.NONE;
    const known = this.called.get(sha1) ?? this.seen.get(sha1);
    return known?.grows ?? this.remember(sha1, source, hashKey(buf, start, end));
  }

  private growthOfSha(sha1: string): Growth {
    if (this.options.pass.has(sha1)) return Growth.NONE;
    const known = this.called.get(sha1);
    if (known !== undefined) return known.grows;
    const seen = this.seen.get(sha1);
    if (seen === undefined) return Growth.ANY;
    this.seen.delete(sha1);
    const oldest = takeOldest(this.called, MOST_SOURCES);
    if (oldest !== undefined) this.seen.set(...oldest);
    this.called.set(sha1, seen);
    return seen.grows;
  }

  private remember(sha1: string, source: Uint8Array, mark: number): Growth {
    const grows = growthOfScript(Buffer.from(source).toString('latin1'), this.options.commands);
    const oldest = takeOldest(this.seen, MOST_SOURCES);
    if (oldest !== undefined) this.marks.delete(oldest[1].mark);
    this.seen.set(sha1, { grows, mark });
    this.marks.add(mark);
    return grows;
  }
}

/** Makes room for one more below `most`; undefined: there is room. */
function takeOldest(known: Map<string, Known>, most: number): [string, Known] | undefined {
  if (known.size < most) return undefined;
  const [oldest] = known;
  if (oldest !== undefined) known.delete(oldest[0]);
  return oldest;
}
