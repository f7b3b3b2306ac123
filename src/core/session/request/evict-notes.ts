// Reports to the ring of evictable keys (policy/evictable-keys) which keys are written, and which are gone. Changes
// nothing else. A report does no harm if the command then fails or is never executed: evicting a missing key is harmless,
// and SCAN finds an unknown one.
// Invariant: a key that a rule without evict has written is never left in the ring.
import { Carry, type CommandSpec, lastKeyOf, TtlChange } from '../../commands/spec.js';
import type { EvictableKeys } from '../../policy/evictable-keys.js';
import { hashKey } from '../../policy/hash.js';
import { Lifetime, lifetimeBehind } from '../../policy/held-keys.js';
import { ANY_DATABASE } from '../../policy/key-memory.js';
import type { Policy } from '../../policy/policy.js';
import type { RuleSet } from '../../policy/rule-set.js';
import { SizeClass } from '../../policy/size-class.js';
import type { WrittenFacts, WrittenKey } from '../../policy/written-key.js';
import { readPositiveInteger } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';
import { readCopy } from './copy-options.js';

/** EVAL script numkeys key …, and FCALL the same. */
const COUNT = 2;
const FIRST = 3;
/** RENAME key newkey; MOVE key database; EXPIRE key seconds. */
const KEY = 1;
const NEW_NAME = 2;
const NEW_DATABASE = 2;
const WORDS_WITHOUT_OPTION = 3;

export class EvictNotes {
  constructor(
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly policy: Policy,
  ) {}

  /** A key has gone up in a write that rules govern. */
  written(spec: CommandSpec, facts: WrittenFacts, written: WrittenKey): void {
    const { evictable, rules } = this.policy;
    const { rule, buf, start, end, hash } = written;
    if (evictable === undefined) return;
    if (!rule.evict) {
      // By its name and database a key has one rule, except where rules differ by user.
      if (rules.scoped) this.ended(buf, start, end, hash);
      return;
    }
    const lifetime = lifetimeBehind(written.outcome, facts.replaces, facts.lifetimeMs, rule.ttlMs);
    // A rule that renews restarts the TTL that the key has.
    const lifetimeMs = rule.renew ? Math.abs(lifetime) : lifetime;
    const { database } = this.protocol;
    const copied = spec.carry === Carry.COPY ? readCopy(this.args).db : undefined;
    const db = copied ?? database.current;
    if (copied !== undefined && !database.has(copied)) return;
    if (db === ANY_DATABASE) this.writtenSomewhere(written, lifetimeMs);
    else evictable.written(rule.slot, buf, start, end, hash, db, written.size, lifetimeMs);
  }

  /** A command that no rule governs has gone up: its keys may be gone, have other names, or `lifetimeMs` (0: none) to live. */
  changed(spec: CommandSpec, lifetimeMs: number): void {
    const { evictable } = this.policy;
    if (evictable === undefined || spec.ttlChange === TtlChange.NONE) return;
    if (spec.ttlChange === TtlChange.ENDS_ALL) {
      evictable.clear();
      return;
    }
    if (spec.ttlChange !== TtlChange.ENDS) {
      this.lives(evictable, spec.ttlChange, lifetimeMs);
      return;
    }
    const { args } = this;
    const { first, step } = spec.keys;
    const last = lastKeyOf(spec.keys, args.argc);
    for (let i = first; i <= last; i += step) {
      const [start, end] = [args.starts[i], args.ends[i]];
      this.ended(args.buf, start, end, hashKey(args.buf, start, end));
    }
    if (spec.carry === Carry.MOVE) this.moved();
    else if (spec.carry !== Carry.NONE) this.touched(NEW_NAME, Lifetime.NONE);
  }

  /** A script has gone up, whole, which may have written the keys that it names. */
  scripted(): void {
    if (this.policy.evictable === undefined) return;
    const { buf, starts, ends, argc } = this.args;
    const count = argc > COUNT ? readPositiveInteger(buf, starts[COUNT], ends[COUNT]) : 0;
    if (count > argc - FIRST) return;
    for (let i = FIRST; i < FIRST + count; i++) this.touched(i, Lifetime.KEPT);
  }

  /**
   * The answer to a SELECT decides where. The rule is the same in each database that it may be, or the write would have waited.
   */
  private writtenSomewhere({ rule, buf, start, end, hash, size }: WrittenKey, lifetimeMs: number): void {
    this.ended(buf, start, end, hash);
    const { expected } = this.protocol.database;
    this.policy.evictable?.written(rule.slot, buf, start, end, hash, expected, size, lifetimeMs);
  }

  /** In the database of the command, or in all that it may be. */
  private ended(buf: Uint8Array, start: number, end: number, hash: number): void {
    const { evictable } = this.policy;
    const { database } = this.protocol;
    if (database.current !== ANY_DATABASE) evictable?.ended(buf, start, end, hash, database.current);
    else for (const db of database.candidates) evictable?.ended(buf, start, end, hash, db);
  }

  private lives(evictable: EvictableKeys, change: TtlChange, lifetimeMs: number): void {
    const { args, protocol } = this;
    const persists = change === TtlChange.PERSISTS;
    // With NX, GT or LT the present TTL may stay; a queued command may never be executed.
    if (protocol.inMulti || (!persists && (lifetimeMs <= 0 || args.argc !== WORDS_WITHOUT_OPTION))) return;
    const { buf, starts, ends } = args;
    const [start, end] = [starts[KEY], ends[KEY]];
    const db = protocol.database.current;
    const lifetime = persists ? Lifetime.NONE : lifetimeMs;
    evictable.lives(buf, start, end, hashKey(buf, start, end), db, lifetime);
  }

  /** MOVE has gone up. */
  private moved(): void {
    const { buf, starts, ends } = this.args;
    const { database, view } = this.protocol;
    const db = Math.max(0, readPositiveInteger(buf, starts[NEW_DATABASE], ends[NEW_DATABASE]));
    if (database.has(db)) this.mayHoldAnything(KEY, db, view.rulesIn(db), Lifetime.NONE);
  }

  /** The key at argument `i` may hold any value now. */
  private touched(i: number, lifetimeMs: number): void {
    const { database, view } = this.protocol;
    const { buf, starts, ends } = this.args;
    if (database.current !== ANY_DATABASE) this.mayHoldAnything(i, database.current, view.rules, lifetimeMs);
    else this.ended(buf, starts[i], ends[i], hashKey(buf, starts[i], ends[i]));
  }

  private mayHoldAnything(i: number, db: number, rules: RuleSet, lifetimeMs: number): void {
    const { buf, starts, ends } = this.args;
    const [start, end] = [starts[i], ends[i]];
    const { evictable } = this.policy;
    const { evict, slot } = rules.find(buf, start, end);
    const hash = hashKey(buf, start, end);
    if (evict) evictable?.written(slot, buf, start, end, hash, db, SizeClass.OTHER, lifetimeMs);
    else evictable?.ended(buf, start, end, hash, db);
  }
}
