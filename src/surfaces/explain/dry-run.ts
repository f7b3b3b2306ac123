// Runs one command through a real session without a server, and reports the result. So an explanation shows what the
// proxy really does.
// Owns the scratch session; the gate and the counters of a running proxy are never touched.
import type { CommandSpec } from '../../core/commands/spec.js';
import type { CommandTable } from '../../core/commands/table.js';
import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import { hashShare } from '../../core/policy/hash.js';
import type { TrafficObserver, TtlOutcome } from '../../core/policy/observer.js';
import { Policy } from '../../core/policy/policy.js';
import type { Quotas } from '../../core/policy/quota.js';
import { Refusal } from '../../core/policy/refusal.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import type { Scripts } from '../../core/policy/scripts.js';
import { ShedGate } from '../../core/policy/shed.js';
import { Spared } from '../../core/policy/spared.js';
import type { KnownKeys } from '../../core/policy/sparing.js';
import { Script, type Verdict } from '../../core/policy/verdict.js';
import { encodeCommand } from '../../core/resp/encode.js';
import { RequestScanner, Scan } from '../../core/resp/request-scanner.js';
import type { ByteSink } from '../../core/session/byte-sink.js';
import type { FollowUpForm } from '../../core/session/request/follow-ups.js';
import { Session } from '../../core/session/session.js';

export interface Stage {
  readonly rules: RuleSet;
  readonly table: CommandTable;
  readonly form: FollowUpForm;
  /** The server has GETEX, EXAT and PXAT. */
  readonly pointsInTime: boolean;
  readonly lookaheadBytes: number;
  readonly scripts: Scripts;
}

export interface DryRunKey {
  readonly key: Buffer;
  readonly rule: CompiledRule;
  /** Decides whether the key is in the share that is refused. */
  readonly share: number;
  /** undefined: the command writes nothing, or nothing that is counted. */
  readonly outcome: TtlOutcome | undefined;
  /** Why the command is refused for this key, considering only this key. */
  readonly refusal: Refusal;
  /** Why it is not refused, although its key is among those refused. */
  readonly spared: Spared;
}

export interface DryRun {
  /** The policy's verdict; undefined: the policy does not decide about this command. */
  readonly verdict:
    | { readonly keys: readonly DryRunKey[]; readonly shedKey: number; readonly script: Script }
    | undefined;
  /** What went up: the command and its follow-ups, decoded and as bytes. */
  readonly sent: string[][];
  readonly sentBytes: Buffer;
  /** Whether it was answered with OOM. */
  readonly shed: boolean;
  /** Whether observe mode let it pass although it would have been refused. */
  readonly wouldShed: boolean;
}

/** The first reply of an empty connection: it may run commands. */
const PING = encodeCommand('PING');
const PONG = Buffer.from('+PONG\r\n', 'latin1');
const OK = Buffer.from('+OK\r\n', 'latin1');
/** No command and its follow-ups make more. */
const PENDING_RUNS = 1000;
/** An injected TTL in the middle of its jitter. */
const MIDDLE = 0.5;
/** The client that sends the command. */
export interface DryRunClient {
  readonly db: number;
  readonly user: string;
}

/** `gate` and `quotas`: the present ones; undefined: nothing is refused. `known`: keys whose rewrites are spared. */
export function dryRun(
  stage: Stage,
  { db, user }: DryRunClient,
  command: Buffer,
  gate?: ShedGate,
  quotas?: Quotas,
  known?: KnownKeys,
): DryRun {
  const observer = new Listening();
  const policy = new RememberingPolicy({
    rules: stage.rules,
    gate: copyOf(gate),
    observer,
    now: Date.now,
    random: () => MIDDLE,
    quotas: quotas?.copy(),
    known,
    scripts: stage.scripts.copy(),
  });
  policy.ttl.pointsInTime = stage.pointsInTime;
  const upstream = new Collected();
  const client = new Collected();
  const session = new Session(
    {
      table: stage.table,
      policy,
      ...stage.form,
      lookaheadBytes: stage.lookaheadBytes,
      pendingRuns: PENDING_RUNS,
      clock: () => 0,
      counters: { commands: 0, stalls: 0, raw: 0 },
    },
    client,
    upstream,
  );
  session.fromClient(PING);
  session.fromUpstream(PONG);
  if (stage.rules.scoped) {
    for (const greeting of [
      encodeCommand('AUTH', Buffer.from(user, 'utf8'), ''),
      encodeCommand('SELECT', String(db)),
    ]) {
      session.fromClient(greeting);
      session.fromUpstream(OK);
    }
  }
  upstream.take();
  client.take();
  session.fromClient(command);
  const sentBytes = upstream.take();
  // The scratch session has read no reply but PONG: what its client gets now is a refusal.
  const shed = client.take().length > 0;
  session.close();
  return { verdict: policy.last, sent: decode(sentBytes), sentBytes, shed, wouldShed: observer.wouldShed };
}

/** Decides as usual, and keeps a copy of the verdict: the verdict itself is filled again each time. */
class RememberingPolicy extends Policy {
  last: DryRun['verdict'];

  override decide(
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    followUps: boolean,
    db: number,
    rules: RuleSet,
  ): Verdict {
    const verdict = super.decide(args, spec, size, followUps, db, rules);
    const { argument, rule, hash, outcome, recorded, growth, shedKey, script } = verdict;
    const { sparedKey, spared, briefBytes } = verdict;
    const keys = Array.from({ length: verdict.count }, (_, i) => ({
      key: Buffer.from(args.buf.subarray(args.starts[argument[i]], args.ends[argument[i]])),
      rule: rule[i],
      share: hashShare(args.buf, args.starts[argument[i]], args.ends[argument[i]], hash[i]),
      outcome: recorded && (script === Script.NONE || rule[i].scriptTtl) ? outcome[i] : undefined,
      ...(growth > 0 || script === Script.GROWING
        ? this.judged(i, args, spec, size, followUps, db)
        : { refusal: Refusal.NONE, spared: Spared.NONE }),
    }));
    Object.assign(verdict, { sparedKey, spared, briefBytes });
    this.last = { keys, shedKey, script };
    return verdict;
  }

  /** For this key alone. */
  private judged(
    i: number,
    args: RequestScanner,
    spec: CommandSpec,
    size: number,
    followUps: boolean,
    db: number,
  ): Pick<DryRunKey, 'refusal' | 'spared'> {
    const { verdict } = this;
    Object.assign(verdict, { spared: Spared.NONE, briefBytes: 0 });
    const sparing = this.sparing.of(args, spec, size, followUps, db);
    const refusal = this.unsparedRefusal(i, args, size, sparing);
    return { refusal, spared: refusal === Refusal.NONE ? verdict.spared : Spared.NONE };
  }
}

class Listening implements TrafficObserver {
  wouldShed = false;
  onWrite(): void {}
  onFollowUpReply(): void {}
  onUpstreamOom(): void {}
  onTtlDropped(): void {}
  onSpared(): void {}
  onOwnTtl(): void {}
  onLatency(): void {}

  onShed(_slot: number, _command: CommandSpec, _bytes: number, _refusal: Refusal, observed: boolean): void {
    if (observed) this.wouldShed = true;
  }
}

class Collected implements ByteSink {
  private readonly chunks: Buffer[] = [];

  write(buf: Uint8Array, start: number, end: number): void {
    this.chunks.push(Buffer.from(buf.subarray(start, end)));
  }

  take(): Buffer {
    return Buffer.concat(this.chunks.splice(0));
  }
}

/** A copy: what passes it must not count as growth of the running proxy. */
function copyOf(gate: ShedGate | undefined): ShedGate {
  const copy = new ShedGate();
  if (gate === undefined) return copy;
  copy.active = gate.active;
  copy.sparesExpiring = gate.sparesExpiring;
  copy.steady = gate.steady;
  gate.brief.copyTo(copy.brief);
  copy.byKey = gate.byKey;
  copy.thresholds.set(gate.thresholds);
  copy.byBand.set(gate.byBand);
  copy.headroom.set(gate.headroom);
  return copy;
}

function decode(bytes: Buffer): string[][] {
  const scanner = new RequestScanner();
  const commands: string[][] = [];
  let at = 0;
  while (at < bytes.length && scanner.scan(bytes, at, bytes.length) === Scan.COMPLETE) {
    const { buf, starts, ends, argc } = scanner;
    commands.push(
      Array.from({ length: argc }, (_, i) => Buffer.from(buf.subarray(starts[i], ends[i])).toString('utf8')),
    );
    at = scanner.next;
  }
  return commands;
}
