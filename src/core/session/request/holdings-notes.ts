// Reports how writes change the memory that the keys of rules with a budget hold. Only reports; the WriteForwarder forwards.
import { type CommandSpec, lastKeyOf, TtlChange, TtlTreatment } from '../../commands/spec.js';
import { FREEING } from '../../commands/treatment.js';
import { hashKey } from '../../policy/hash.js';
import { type HeldKeys, Lifetime, lifetimeBehind } from '../../policy/held-keys.js';
import type { Policy } from '../../policy/policy.js';
import type { Verdict } from '../../policy/verdict.js';
import type { WrittenFacts, WrittenKey } from '../../policy/written-key.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';

export class HoldingsNotes {
  constructor(
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly policy: Policy,
  ) {}

  /** The size of the string that becomes the value of the key at argument `key`; for any other write, `otherwise`. */
  bytesOf(spec: CommandSpec, key: number, otherwise: number): number {
    const value = valueAt(spec, key);
    return value > 0 ? this.args.ends[value] - this.args.starts[value] : otherwise;
  }

  /** How one key's write of `bytes`, or of a string of that size, changes what its rule's `keys` hold. */
  written(keys: HeldKeys, spec: CommandSpec, facts: WrittenFacts, written: WrittenKey, bytes: number): void {
    const { rule, outcome, buf, start, end, hash } = written;
    const lifetime = lifetimeBehind(outcome, facts.replaces, facts.lifetimeMs, rule.ttlMs);
    if (valueAt(spec, 0) > 0) keys.replaced(buf, start, end, hash, bytes, lifetime);
    else if (spec.replaces || spec.mover || !spec.denyOom || spec.ttl === TtlTreatment.NONE) {
      keys.changed(buf, start, end, hash, lifetime);
    } else keys.grown(buf, start, end, hash, bytes, lifetime);
  }

  /** A script passes that may have changed the keys that it names in any way. */
  scripted({ count, argument, rule, hash }: Verdict): void {
    const { args, policy } = this;
    for (let i = 0; i < count; i++) {
      const keys = policy.quotaOf(rule[i])?.keys;
      keys?.changed(args.buf, args.starts[argument[i]], args.ends[argument[i]], hash[i], Lifetime.KEPT);
    }
  }

  /** The same for a command that no rule governs: it frees its keys, or gives them `lifetimeMs` (0: none). */
  changed(spec: CommandSpec, lifetimeMs: number): void {
    const { args, policy } = this;
    // A queued command may never be executed, so its keys are only examined again.
    const surely = !this.protocol.inMulti;
    if (spec.ttlChange === TtlChange.ENDS_ALL) {
      for (const { keys } of policy.quotas.all) keys?.clear();
      return;
    }
    const { first, step } = spec.keys;
    const last = lastKeyOf(spec.keys, args.argc);
    for (let i = first; i <= last; i += step) {
      const [start, end] = [args.starts[i], args.ends[i]];
      const keys = policy.quotaOf(this.protocol.view.rules.find(args.buf, start, end))?.keys;
      if (keys === undefined) continue;
      const hash = hashKey(args.buf, start, end);
      if (surely && FREEING.has(spec.name)) keys.ended(args.buf, start, end, hash);
      else if (surely && spec.name === 'persist') keys.lives(args.buf, start, end, hash, Lifetime.NONE);
      // With NX, GT or LT the present TTL may stay.
      else if (surely && lifetimeMs > 0 && args.argc === 3)
        keys.lives(args.buf, start, end, hash, lifetimeMs);
      else keys.changed(args.buf, start, end, hash, Lifetime.KEPT);
    }
  }
}

/** The position of the string that becomes the value of the key at argument `key`; 0: the command writes no whole string. */
function valueAt(spec: CommandSpec, key: number): number {
  switch (spec.ttl) {
    case TtlTreatment.SET:
    case TtlTreatment.STRING:
    case TtlTreatment.MSETEX:
      return key + 1;
    case TtlTreatment.SETEX:
    case TtlTreatment.PSETEX:
      return key + 2;
    default:
      return 0;
  }
}
