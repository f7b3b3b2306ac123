// Reports to the ring of evictable keys (policy/evictable-keys) which keys are written, and which are gone. Changes
// nothing else. A report does no harm if the command then fails or is never executed: evicting a missing key is harmless,
// and SCAN finds an unknown one.
import { Carry, type CommandSpec, TtlChange } from '../../commands/spec.js';
import { hashKey } from '../../policy/hash.js';
import type { Policy } from '../../policy/policy.js';
import { SizeClass } from '../../policy/size-class.js';
import type { WrittenKey } from '../../policy/written-key.js';
import { readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';

/** EVAL script numkeys key …, and FCALL the same. */
const COUNT = 2;
const FIRST = 3;
/** RENAME key newkey. */
const NEW_NAME = 2;

export class EvictNotes {
  constructor(
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly policy: Policy,
  ) {}

  /** A key of a rule with evict has gone up. */
  written({ rule, buf, start, end, hash, size }: WrittenKey): void {
    this.policy.evictable?.written(rule.slot, buf, start, end, hash, this.protocol.database.current, size);
  }

  /** A command that no rule governs has gone up: its keys may be gone, or have other names. */
  changed(spec: CommandSpec): void {
    const { evictable } = this.policy;
    if (evictable === undefined) return;
    if (spec.ttlChange === TtlChange.ENDS_ALL) {
      evictable.clear();
      return;
    }
    if (spec.ttlChange !== TtlChange.ENDS) return;
    const { args } = this;
    const db = this.protocol.database.current;
    const { first, last, step } = spec.keys;
    const until = Math.min(args.argc - 1, last < 0 ? args.argc + last : last);
    for (let i = first; i <= until; i += step) {
      const [start, end] = [args.starts[i], args.ends[i]];
      evictable.ended(args.buf, start, end, hashKey(args.buf, start, end), db);
    }
    if (spec.carry !== Carry.NONE) this.touched(NEW_NAME);
  }

  /** A script has gone up, whole, which may have written the keys that it names. */
  scripted(): void {
    if (this.policy.evictable === undefined) return;
    const { buf, starts, ends, argc } = this.args;
    const count = argc > COUNT ? readPositiveInteger(buf, starts[COUNT], ends[COUNT]) : 0;
    if (count > argc - FIRST) return;
    for (let i = FIRST; i < FIRST + count; i++) this.touched(i);
  }

  /** The key at argument `i` may hold any value now. */
  private touched(i: number): void {
    const { buf, starts, ends } = this.args;
    const [start, end] = [starts[i], ends[i]];
    const db = this.protocol.database.current;
    const { rules, evictable } = this.policy;
    const rule = rules.view(db, undefined).find(buf, start, end);
    if (!rule.evict) return;
    evictable?.written(rule.slot, buf, start, end, hashKey(buf, start, end), db, SizeClass.OTHER);
  }
}
