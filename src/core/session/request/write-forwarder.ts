// Carries out the policy's verdict on one write: changes its bytes, counts it, sends follow-ups, or refuses it.
// Works on the command under scan; a streaming write comes in three steps.
// Never decides, and never touches a byte that the verdict does not name.
import { Carry, type CommandSpec, ScriptCall } from '../../commands/spec.js';
import { OptionTail } from '../../policy/option-tail.js';
import { growthOf, type Policy } from '../../policy/policy.js';
import { sizeClassOf } from '../../policy/size-class.js';
import { Action, Script, type Verdict } from '../../policy/verdict.js';
import type { WrittenKey } from '../../policy/written-key.js';
import { bulkLength, bulkSize, encodeCommand } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { Pending } from '../reply/pending-kind.js';
import type { ProtocolState } from '../state/protocol-state.js';
import { EvictNotes } from './evict-notes.js';
import type { GrowthMeter } from './growth-meter.js';
import { HoldingsNotes } from './holdings-notes.js';
import type { KeyChanges } from './key-changes.js';
import { KeyNotes } from './key-notes.js';
import { LargeWrite } from './large-write.js';
import type { UpstreamWriter } from './upstream-writer.js';

/** Arguments of a verdict's suffix: PX and its milliseconds. */
const APPENDED = 2;
/** Replaces EXAT and PXAT. */
const PX_WORD = Buffer.from('PX', 'latin1');
const PX_BULK = Buffer.from('$2\r\nPX\r\n', 'latin1');

export class WriteForwarder {
  private readonly notes: KeyNotes;
  private readonly holdings: HoldingsNotes;
  private readonly evictable: EvictNotes;

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly growth: GrowthMeter,
    private readonly policy: Policy,
    private readonly changes: KeyChanges,
  ) {
    this.notes = new KeyNotes(args, protocol, policy);
    this.holdings = new HoldingsNotes(args, protocol, policy);
    this.evictable = new EvictNotes(args, protocol, policy);
  }

  /** Forwards the whole command under scan as `verdict` says. */
  forward(spec: CommandSpec, verdict: Verdict): void {
    const { args } = this;
    const size = args.next - args.start;
    if (verdict.action !== Action.PASS) this.rewrite(verdict);
    this.protocol.forwarded(spec.opaque ? Pending.OPAQUE : Pending.PASS);
    if (verdict.growth > 0) {
      this.growth.add(verdict.growth, verdict.priority);
      if (verdict.limited) this.spend(verdict);
    } else if (verdict.limited && verdict.script === Script.GROWING) this.spend(verdict);
    if (verdict.shedKey >= 0) this.noteShed(spec, verdict, size, true);
    if (verdict.sparedKey >= 0) this.noteSpared(verdict);
    if (verdict.recorded) this.record(spec, verdict, size);
    else this.noteUnrecorded(spec, verdict);
    if (spec.carry !== Carry.NONE) this.changes.carried(spec);
    if (spec.script !== ScriptCall.NONE) this.evictable.scripted();
  }

  private noteUnrecorded(spec: CommandSpec, verdict: Verdict): void {
    if (verdict.persists) this.changed(spec);
    else if (spec.script !== ScriptCall.NONE && this.policy.quotas.anyBudget) this.holdings.scripted(verdict);
  }

  /** Refuses the whole command under scan. */
  shed(spec: CommandSpec, verdict: Verdict): void {
    const { args } = this;
    this.noteShed(spec, verdict, args.next - args.start, false);
    this.upstream.drop();
    this.protocol.refuse(verdict.reply);
  }

  /** Begins to forward, or to drop, a write of which only the head has come. */
  beginLarge(spec: CommandSpec, verdict: Verdict, size: number, followUps: boolean): LargeWrite {
    const { args } = this;
    const large = new LargeWrite(spec, args, verdict, size, followUps, this.protocol.view.rules);
    if (!large.inPairs) large.sizeAfter = this.notes.sizeAfter(spec, verdict.argument[0], verdict.hash[0]);
    if (verdict.shedKey >= 0) this.noteShed(spec, verdict, size, !large.shed);
    if (large.shed) {
      this.upstream.drop();
      return large;
    }
    if (verdict.sparedKey >= 0) this.noteSpared(verdict);
    if (verdict.tail) large.tail = new OptionTail(verdict.rule[0], followUps);
    this.rewrite(verdict);
    large.grows = verdict.growth > 0;
    if (large.grows && !large.inPairs && verdict.limited) this.spend(verdict);
    this.growth.begin(size);
    for (let i = 0; large.inPairs && i < args.parsed; i++) this.takeOfPair(large, i, i);
    return large;
  }

  /** Argument `index` of a large write is at offset 0 of the feed's arguments. */
  largeArgument(large: LargeWrite, index: number): void {
    const { args } = this;
    if (large.shed) return;
    if (large.tail === undefined || index < 3) {
      if (large.inPairs) this.takeOfPair(large, index, 0);
    } else {
      // An argument that is too large to be kept is a comparand, or invalid: its position matters, not its bytes.
      const start = Math.max(0, args.starts[0]);
      const end = args.starts[0] < 0 ? 0 : args.ends[0];
      const { now, nowKnown } = this.policy;
      const replacement = large.tail.feed(args.buf, start, end, now, nowKnown());
      if (replacement >= 0) this.upstream.replaceArgument(0, replacement);
    }
  }

  /** `size` bytes of a large write have gone up. Only these count, not what was announced. */
  largeProgress(large: LargeWrite, size: number): void {
    if (large.shed) return;
    const toCome = Math.max(0, large.knownSize - size);
    this.growth.progress(this.growthSoFar(large, size), toCome, large.priority);
  }

  /** The last byte of a large write was forwarded or dropped. */
  endLarge(large: LargeWrite): void {
    const { args } = this;
    if (large.shed) {
      this.protocol.refuse(large.reply);
      return;
    }
    this.protocol.forwarded(large.spec.opaque ? Pending.OPAQUE : Pending.PASS);
    const size = args.next - args.start;
    this.growth.add(this.growthSoFar(large, size), large.priority);
    large.finish();
    if (large.inPairs) this.protocol.largeWritten();
    if (large.inPairs || !large.recorded) return;
    const share = size / large.keys.length;
    for (const written of large.keys) {
      written.size = large.sizeAfter;
      this.noteLarge(large, written, share);
    }
  }

  /** Counts and notes a key of a large write that is known by its copy. `bytes`: with its value, on the wire. */
  private noteLarge(large: LargeWrite, written: WrittenKey, bytes: number, waits = false): void {
    const { spec } = large;
    const { rule, outcome, buf, start, end, hash } = written;
    const { inMulti, database } = this.protocol;
    const db = database.likely;
    this.policy.observer.onWrite(rule.slot, spec, bytes, outcome, buf, start, end, hash, db, inMulti);
    this.notes.written(spec, large, written, waits);
    const held = rule.limited ? this.policy.quotaOf(rule)?.keys : undefined;
    if (held !== undefined) this.holdings.written(held, spec, large, written, bytes);
    // The options of a COPY that streams are not known, so neither is the database.
    const notes = this.policy.evictable !== undefined && spec.carry === Carry.NONE;
    if (notes) this.evictable.written(spec, large, written);
  }

  /** Takes what a growing write will use from the quotas of its rules, unless it would have been refused. */
  private spend(verdict: Verdict): void {
    for (let i = 0; i < verdict.count; i++) {
      const rule = verdict.rule[i];
      if (rule.observe && verdict.shedKey >= 0) continue;
      if (verdict.script !== Script.NONE && !rule.refusesScripts) continue;
      this.policy.quotaOf(rule)?.take(verdict.bytes[i]);
    }
  }

  /** A command that no rule governs, or GETEX PERSIST, has gone up: it ends keys, or changes their TTLs or names. */
  changed(spec: CommandSpec): void {
    const lifetimeMs = this.changes.lifetimeGiven(spec.ttlChange);
    if (this.policy.quotas.anyBudget) this.holdings.changed(spec, lifetimeMs);
    this.changes.changed(spec);
    this.evictable.changed(spec, lifetimeMs);
  }

  /** A script that no rule governs has gone up, whole. */
  scripted(): void {
    this.evictable.scripted();
  }

  private growthSoFar(large: LargeWrite, size: number): number {
    return large.grows ? growthOf(size, large.keysSeen, this.args.parsed) : 0;
  }

  /** Counts the pair that argument `index`, at `at` of the feed's arguments, completes. Its follow-up waits for the end. */
  private takeOfPair(large: LargeWrite, index: number, at: number): void {
    const size = large.takeOfPair(index, this.args, at);
    if (size === 0 || !large.recorded) return;
    const [written] = large.keys;
    if (large.grows) this.policy.quotaOf(written.rule)?.take(size);
    written.size = sizeClassOf(bulkLength(size - bulkSize(written.end)));
    this.noteLarge(large, written, size, true);
  }

  /** Puts the verdict's changes into the bytes of the command under scan. */
  private rewrite(verdict: Verdict): void {
    if (this.args.inline) this.rewriteInline(verdict);
    else if (verdict.action === Action.APPEND) {
      this.upstream.appendArguments(APPENDED, verdict.suffix, verdict.suffixLength);
    } else if (verdict.action === Action.REPLACE) {
      if (verdict.replaceUnit) this.upstream.replaceBulk(verdict.replaceIndex - 1, PX_BULK);
      this.upstream.replaceArgument(verdict.replaceIndex, verdict.replacement);
    }
  }

  /** An inline command cannot take binary arguments, so it goes up as a multibulk. */
  private rewriteInline(verdict: Verdict): void {
    const { args } = this;
    const words: Uint8Array[] = [];
    for (let i = 0; i < args.argc; i++) words.push(args.buf.subarray(args.starts[i], args.ends[i]));
    if (verdict.action === Action.REPLACE) {
      if (verdict.replaceUnit) words[verdict.replaceIndex - 1] = PX_WORD;
      words[verdict.replaceIndex] = Buffer.from(String(verdict.replacement), 'latin1');
      this.upstream.replaceCommand(encodeCommand(...words));
      return;
    }
    const header = Buffer.from(`*${words.length + APPENDED}\r\n`, 'latin1');
    const command = encodeCommand(...words);
    const suffix = verdict.suffix.subarray(0, verdict.suffixLength);
    this.upstream.replaceCommand(Buffer.concat([header, command.subarray(command.indexOf('$')), suffix]));
  }

  private record(spec: CommandSpec, verdict: Verdict, size: number): void {
    const { args } = this;
    const { observer, written } = this.policy;
    const { count } = verdict;
    const { inMulti, database } = this.protocol;
    const db = database.likely;
    written.buf = args.buf;
    for (let i = 0; i < count; i++) {
      const rule = verdict.rule[i];
      if (spec.script !== ScriptCall.NONE && !rule.scriptTtl) continue;
      const at = verdict.argument[i];
      written.rule = rule;
      written.outcome = verdict.outcome[i];
      written.start = args.starts[at];
      written.end = args.ends[at];
      written.hash = verdict.hash[i];
      const { outcome, start, end, hash } = written;
      const share = count === 1 ? size : this.shareOf(spec, at, size / count);
      observer.onWrite(rule.slot, spec, share, outcome, args.buf, start, end, hash, db, inMulti);
      written.size = this.notes.sizeAfter(spec, at, hash);
      this.notes.written(spec, verdict, written);
      const held = rule.limited ? this.policy.quotaOf(rule)?.keys : undefined;
      if (held !== undefined) {
        this.holdings.written(held, spec, verdict, written, this.holdings.bytesOf(spec, at, share));
      }
      if (this.policy.evictable !== undefined) this.evictable.written(spec, verdict, written);
    }
  }

  /** One key's share of a write's bytes: with its value, if keys and values come in pairs. */
  private shareOf(spec: CommandSpec, keyArgument: number, otherwise: number): number {
    const { args } = this;
    if (spec.keys.step !== 2) return otherwise;
    const value = args.ends[keyArgument + 1] - args.starts[keyArgument + 1];
    return bulkSize(args.ends[keyArgument] - args.starts[keyArgument]) + bulkSize(value);
  }

  private noteSpared({ rule, sparedKey, spared, briefBytes, briefMs, briefLeftMs }: Verdict): void {
    const { observer, gate } = this.policy;
    observer.onSpared(rule[sparedKey].slot, spared);
    if (briefBytes > 0) gate.brief.add(briefBytes, briefMs, briefLeftMs);
  }

  private noteShed(spec: CommandSpec, verdict: Verdict, size: number, observed: boolean): void {
    this.policy.observer.onShed(verdict.rule[verdict.shedKey].slot, spec, size, verdict.refusal, observed);
  }
}
