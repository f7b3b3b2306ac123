// Updates the key memory (policy/key-memory) for the governed writes that go up, and gives each key the TTL that it still
// lacks: by a follow-up, or, under a rule that renews, by one that restarts the rule's own TTL.
// The key memory only hints, so a renewal goes up as a command that compares the TTL first (resp/own-ttl-script).
//
//   HSET key f v         ─▶ HSET key f v  [the rule's TTL if the key has none]
//   HSET key f v, renew  ─▶ HSET key f v  [restart the rule's TTL]
import { Carry, type CommandSpec, Sizing } from '../../commands/spec.js';
import { sizeOf, TtlEffect } from '../../policy/key-memory.js';
import { TtlOutcome } from '../../policy/observer.js';
import type { Policy } from '../../policy/policy.js';
import { type Size, SizeClass } from '../../policy/size-class.js';
import { isWithin, sizeAfter } from '../../policy/sizing.js';
import { drawTtl, givesTtl } from '../../policy/ttl-outcome.js';
import type { WrittenFacts, WrittenKey } from '../../policy/written-key.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';

/** A TTL is renewed when this part of it has passed: a key that is written a thousand times a second is renewed less often. */
const RENEWED_SHARE = 0.99;

/** What a write does to the TTL of a key that it replaces, by outcome; and of a key that it only changes. */
const REPLACING: Readonly<Record<TtlOutcome, TtlEffect>> = {
  [TtlOutcome.INJECTED]: TtlEffect.OWN,
  [TtlOutcome.CLAMPED]: TtlEffect.GIVEN,
  [TtlOutcome.HAD_TTL]: TtlEffect.GIVEN,
  [TtlOutcome.WITHOUT_TTL]: TtlEffect.NONE,
  [TtlOutcome.FOLLOW_UP]: TtlEffect.OWN,
  [TtlOutcome.KEPT]: TtlEffect.NONE,
  [TtlOutcome.WOULD_INJECT]: TtlEffect.NONE,
  [TtlOutcome.WOULD_CLAMP]: TtlEffect.GIVEN,
};
const KEEPING: Readonly<Record<TtlOutcome, TtlEffect>> = {
  ...REPLACING,
  [TtlOutcome.WITHOUT_TTL]: TtlEffect.KEPT,
  [TtlOutcome.FOLLOW_UP]: TtlEffect.OWN_IF_NONE,
  [TtlOutcome.KEPT]: TtlEffect.KEPT,
  [TtlOutcome.WOULD_INJECT]: TtlEffect.KEPT,
};

export class KeyNotes {
  constructor(
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly policy: Policy,
  ) {}

  /** The size of the key at argument `i`, whose hashKey() is `hash`, after the write under scan. */
  sizeAfter(spec: CommandSpec, i: number, hash: number): Size {
    if (this.policy.keys === undefined || spec.sizing === Sizing.UNKNOWN || i === undefined)
      return SizeClass.OTHER;
    return sizeAfter(spec, this.args, i, isWithin(spec) ? this.knownSize(i, hash) : 0);
  }

  private knownSize(i: number, hash: number): Size {
    const { buf, starts, ends } = this.args;
    const db = this.protocol.database.current;
    return sizeOf(this.policy.keys?.find(buf, starts[i], ends[i], hash, db) ?? 0);
  }

  /**
   * One key of a governed write has gone up: gives the key the TTL that it still lacks. `waits`: more of the write is to come.
   */
  written(spec: CommandSpec, facts: WrittenFacts, written: WrittenKey, waits = false): void {
    const { rule } = written;
    if (rule.renew && !waits && this.renewed(spec, facts, written)) return;
    if (written.outcome !== TtlOutcome.FOLLOW_UP) {
      this.remember(spec, facts, written, facts.lifetimeMs);
      return;
    }
    const ttlMs = drawTtl(rule, this.policy.random);
    this.remember(spec, facts, written, ttlMs);
    const { buf, start, end } = written;
    if (waits) this.protocol.followUps.defer(rule.slot, buf, start, end, ttlMs);
    else this.protocol.followUp(rule.slot, buf, start, end, ttlMs);
  }

  private remember(spec: CommandSpec, facts: WrittenFacts, written: WrittenKey, ttlMs: number): void {
    const { keys } = this.policy;
    if (keys === undefined || spec.carry !== Carry.NONE) return;
    const db = this.protocol.database.current;
    const { outcome, size, buf, start, end, hash } = written;
    if (spec.sizing === Sizing.FOREIGN) keys.forget(buf, start, end, hash, db);
    else {
      const effect = (facts.replaces ? REPLACING : KEEPING)[outcome];
      keys.note(written.rule.slot, effect, ttlMs, size, facts.ifMissing, buf, start, end, hash, db);
    }
  }

  /** Whether the write renews the TTL that the rule gave its key, and so needs no other follow-up. */
  private renewed(spec: CommandSpec, facts: WrittenFacts, written: WrittenKey): boolean {
    const { protocol, policy } = this;
    const { keys } = policy;
    const { followUps } = protocol;
    const { rule, outcome, size, buf, start, end, hash } = written;
    const keeps =
      outcome === TtlOutcome.FOLLOW_UP ||
      (outcome === TtlOutcome.KEPT && rule.applyToAll && spec.sizing !== Sizing.FOREIGN);
    if (!keeps || keys === undefined || facts.replaces || facts.ifMissing) return false;
    if (rule.observe || !givesTtl(rule) || !followUps.mayChange) return false;
    const db = protocol.database.current;
    const leftMs = keys.ownLeft(keys.find(buf, start, end, hash, db));
    if (leftMs === 0 || leftMs >= rule.ttlMs * (1 - rule.jitter) * RENEWED_SHARE) return false;
    const ttlMs = drawTtl(rule, policy.random);
    keys.written(TtlEffect.OWN, ttlMs, size, false, buf, start, end, hash, db);
    followUps.renew(rule.slot, buf, start, end, leftMs, ttlMs, protocol.inMulti);
    return true;
  }
}
