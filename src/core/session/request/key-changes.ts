// Updates the key memory (policy/key-memory) for commands that no rule governs and that change TTLs or names (EXPIRE, PERSIST,
// DEL, RENAME, COPY). If the key had a TTL that a rule gave, that TTL gives way to the application's, or does not follow a
// renamed key.
// The key memory only hints. So each change goes up as a command that compares the TTL first (resp/own-ttl-script).
//
//   EXPIRE key 60 NX     ─▶ [remove the rule's TTL]  EXPIRE key 60 NX  [restore it if the key has none]
//   RENAME key other     ─▶ RENAME key other  [remove the rule's TTL, or set that of other's rule instead]
//
// In a transaction nothing can be inserted before a command, and what comes after one waits for EXEC.
import { Carry, type CommandSpec, lastKeyOf, TtlChange } from '../../commands/spec.js';
import { ExpireOptions } from '../../policy/expire-options.js';
import { hashKey } from '../../policy/hash.js';
import { ANY_DATABASE, type KeyMemory, sizeOf, TtlEffect, withoutTtl } from '../../policy/key-memory.js';
import type { Policy } from '../../policy/policy.js';
import { ExpiryUnit, lifetimeOf, readExpiry } from '../../policy/ttl-options.js';
import { drawTtl, givesTtl } from '../../policy/ttl-outcome.js';
import { copyOf, readPositiveInteger } from '../../resp/bytes.js';
import { encodeCarriedTtl } from '../../resp/own-ttl-script.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import type { ProtocolState } from '../state/protocol-state.js';
import { readCopy } from './copy-options.js';
import { Purpose } from './follow-ups.js';
import type { UpstreamWriter } from './upstream-writer.js';

const UNITS: Partial<Record<TtlChange, ExpiryUnit>> = {
  [TtlChange.EXPIRE]: ExpiryUnit.SECONDS,
  [TtlChange.PEXPIRE]: ExpiryUnit.MILLISECONDS,
  [TtlChange.EXPIREAT]: ExpiryUnit.AT_SECONDS,
  [TtlChange.PEXPIREAT]: ExpiryUnit.AT_MILLISECONDS,
};
const LT_BULK = Buffer.from('$2\r\nLT\r\n', 'latin1');
/** The number of words in EXPIRE key seconds NX, and the index of the last. */
const WORDS_WITH_OPTION = 4;
const OPTION = 3;

export class KeyChanges {
  /** What is left of the rule's TTL that was removed before the command under scan; 0: none was removed. */
  private lentMs = 0;
  private readonly expireOptions = new ExpireOptions();

  constructor(
    private readonly upstream: UpstreamWriter,
    private readonly args: RequestScanner,
    private readonly protocol: ProtocolState,
    private readonly policy: Policy,
  ) {}

  /** A command that no rule governs is about to go up, whole. */
  before({ ttlChange }: CommandSpec): void {
    this.lentMs = 0;
    const { args, protocol, policy } = this;
    const { keys } = policy;
    if (keys === undefined || UNITS[ttlChange] === undefined || args.argc < WORDS_WITH_OPTION) return;
    const start = args.starts[1];
    const end = args.ends[1];
    const db = protocol.database.current;
    const leftMs = keys.ownLeft(keys.find(args.buf, start, end, hashKey(args.buf, start, end), db));
    if (leftMs === 0 || !this.expireOptions.read(args)) return;
    if (!protocol.mayPrecede) {
      this.relax(ttlChange, leftMs);
      return;
    }
    if (!protocol.followUps.mayChange) return;
    const { slot } = protocol.view.rules.find(args.buf, start, end);
    const purpose = this.expireOptions.wantsTtl ? Purpose.LEND : Purpose.YIELD;
    protocol.followUps.release(slot, purpose, args.buf, start, end, leftMs);
    this.lentMs = leftMs;
  }

  /**
   * Used if nothing can be inserted before EXPIRE … NX: LT replaces NX. It sets the TTL if the rule's is longer and, as NX
   * would, leaves an application's TTL that is no longer than the new one.
   */
  private relax(change: TtlChange, leftMs: number): void {
    const { args, protocol } = this;
    if (
      !protocol.inMulti ||
      args.inline ||
      args.argc !== WORDS_WITH_OPTION ||
      !this.expireOptions.onlyIfNone
    ) {
      return;
    }
    const lifetimeMs = this.lifetimeGiven(change);
    if (lifetimeMs <= 0 || lifetimeMs >= leftMs) return;
    this.upstream.replaceBulk(OPTION, LT_BULK);
    this.lentMs = leftMs;
  }

  /** The command that before() was asked about has gone up; or GETEX PERSIST. */
  changed(spec: CommandSpec): void {
    const { args, protocol } = this;
    const { keys } = this.policy;
    const { lentMs } = this;
    this.lentMs = 0;
    if (keys === undefined || spec.ttlChange === TtlChange.NONE) return;
    if (spec.carry !== Carry.NONE) {
      this.carried(spec);
      return;
    }
    if (spec.ttlChange === TtlChange.ENDS_ALL) {
      keys.forgetAll();
      return;
    }
    const db = protocol.database.current;
    const { first, step } = spec.keys;
    const last = lastKeyOf(spec.keys, args.argc);
    for (let i = first; i <= last; i += step) {
      const start = args.starts[i];
      const end = args.ends[i];
      const hash = hashKey(args.buf, start, end);
      if (spec.ttlChange === TtlChange.ENDS) keys.forget(args.buf, start, end, hash, db);
      else if (spec.ttlChange === TtlChange.PERSISTS) keys.persists(args.buf, start, end, hash, db);
      else this.expired(keys, spec.ttlChange, lentMs, start, end, hash);
    }
  }

  /** EXPIRE or a similar command has gone up; of the rule's TTL, `lentMs` were left before. */
  private expired(
    keys: KeyMemory,
    change: TtlChange,
    lentMs: number,
    start: number,
    end: number,
    hash: number,
  ): void {
    const { args, protocol } = this;
    const { buf } = args;
    const db = protocol.database.current;
    const lifetimeMs = this.lifetimeGiven(change);
    const optional = args.argc >= WORDS_WITH_OPTION;
    const understood = !optional || this.expireOptions.read(args);
    const wantsTtl = optional && this.expireOptions.wantsTtl;
    if (lentMs > 0 && !protocol.inMulti && (wantsTtl || lifetimeMs <= 0)) {
      // The server refuses it, or it does nothing to a key without a TTL.
      const { slot } = protocol.view.rules.find(buf, start, end);
      protocol.followUps.send(slot, buf, start, end, Math.ceil(lentMs), Purpose.LEND);
      return;
    }
    // Its effect on a known key, and whether there is one, is uncertain.
    if (!understood || wantsTtl) return;
    const { brief } = this.policy.gate;
    if (lifetimeMs > 0 && brief.waits && keys.ttlLeft(keys.find(buf, start, end, hash, db)) === 0)
      brief.expires(lifetimeMs);
    // With NX or LT the present TTL may stay; a lifetime of 0: the key is gone, or the command is refused.
    if (lifetimeMs > 0) keys.expires(lifetimeMs, optional && lentMs === 0, buf, start, end, hash, db);
    else keys.forget(buf, start, end, hash, db);
  }

  /** The TTL of EXPIRE and similar commands; 0 and below: the TTL or the key is gone, or the command is refused. */
  lifetimeGiven(change: TtlChange): number {
    const { args } = this;
    const unit = UNITS[change];
    if (unit === undefined) return 0;
    const value = readExpiry(args.buf, args.starts[2], args.ends[2], unit, this.policy.now);
    return value < 0 ? 0 : lifetimeOf(value, unit, this.policy.now);
  }

  /** RENAME, RENAMENX, COPY or MOVE has gone up: the key has another name or database, or a copy there. */
  carried({ carry }: CommandSpec): void {
    const { args, protocol, policy } = this;
    const { keys } = policy;
    const { buf, starts, ends } = args;
    const from = protocol.database.current;
    if (keys === undefined || from === ANY_DATABASE || args.streaming) return;
    const target = carry === Carry.MOVE ? 1 : 2;
    const db = this.targetDatabase(carry);
    const to = db ?? from;
    const [start, end] = [starts[target], ends[target]];
    const source = hashKey(buf, starts[1], ends[1]);
    const hash = hashKey(buf, start, end);
    const state = keys.find(buf, starts[1], ends[1], source, from);
    const mayFail =
      carry === Carry.RENAMENX || carry === Carry.MOVE || (carry === Carry.COPY && !readCopy(args).replaces);
    if (mayFail && keys.find(buf, start, end, hash, to) !== 0) return;
    const isSame = to === from && sameBytes(buf, starts[1], ends[1], start, end);
    if (isSame) return;
    if (carry !== Carry.COPY) keys.forget(buf, starts[1], ends[1], source, from);
    keys.put(state, buf, start, end, hash, to);
    const leftMs = keys.ownLeft(state);
    if (leftMs === 0 || !protocol.followUps.mayChange) return;
    const rules = protocol.view.rulesIn(db);
    const rule = rules.find(buf, start, end);
    const old = protocol.view.rules.find(buf, starts[1], ends[1]);
    if (rule === rules.unsure) return;
    const ttlMs = givesTtl(rule) ? drawTtl(rule, policy.random) : 0;
    if (rule.observe || (givesTtl(rule) && (rule === old || rule.ttlMs === old.ttlMs))) return;
    keys.put(withoutTtl(state), buf, start, end, hash, to);
    if (ttlMs > 0) keys.written(TtlEffect.OWN, ttlMs, sizeOf(state), false, buf, start, end, hash, to);
    const command = encodeCarriedTtl(
      copyOf(buf, start, end),
      copyOf(buf, starts[1], ends[1]),
      carry === Carry.COPY,
      ...([leftMs, ttlMs, db] as const),
    );
    if (protocol.inMulti) protocol.followUps.deferWhole(rule.slot, Purpose.LEAVE_BEHIND, command);
    else protocol.followUps.sendWhole(rule.slot, Purpose.LEAVE_BEHIND, command);
  }

  /** The database of the key after the command; undefined: the client's own. */
  private targetDatabase(carry: Carry): number | undefined {
    const { args } = this;
    if (carry === Carry.MOVE) return Math.max(0, readPositiveInteger(args.buf, args.starts[2], args.ends[2]));
    return carry === Carry.COPY ? readCopy(args).db : undefined;
  }
}

function sameBytes(buf: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let i = 0; i < aEnd - a; i++) if (buf[a + i] !== buf[b + i]) return false;
  return true;
}
