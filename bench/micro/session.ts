// What the whole core costs: one command through a session and its reply back, in pipelines of DEPTH.
import { defaultCommandTable } from '../../src/core/commands/table.js';
import { KeyMemory } from '../../src/core/policy/key-memory.js';
import { KeySample } from '../../src/core/policy/key-sample.js';
import { Policy } from '../../src/core/policy/policy.js';
import { Quotas } from '../../src/core/policy/quota.js';
import { Priority, type Rule } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { EXPIRE_NX, encodeCommand } from '../../src/core/resp/encode.js';
import type { ByteSink } from '../../src/core/session/byte-sink.js';
import { Session } from '../../src/core/session/session.js';
import { LateWrites } from '../../src/evict/late-writes.js';
import { Ring } from '../../src/evict/ring.js';
import { CopyingSink, DEPTH, type MicroCase, NO_OBSERVER, rule, VALUE } from './case.js';

const RULE = rule(1, 'session:*', { priority: Priority.LOW, applyToAll: true });

/** The same with a limit that refuses nothing; with a budget too, and a sample of keys that watches. */
const LIMIT_RULE = {
  ...RULE,
  limit: { writesPerSecond: 1e9, bytesPerSecond: 1e12, valueBytes: 1e6, error: undefined },
};
const QUOTA_RULE = { ...LIMIT_RULE, budget: { bytes: 1e12 } };

const EVICT_RULE = { ...RULE, evict: true };
/** More than fit into the ring that the benchmark has. */
const MANY_KEYS = 200_000;
const RING_BYTES_PER_KEY = 40;

/** What a session is run with. */
export interface SessionLab {
  readonly sink: () => ByteSink;
  readonly manyKeys: number;
  /** Milliseconds, as the proxy reads them: a value that is kept for a while, with a fraction. */
  readonly clock: () => number;
}

const LAB: SessionLab = { sink: () => new CopyingSink(), manyKeys: MANY_KEYS, clock: () => 0.5 };

function ringOf(rules: readonly Rule[], { manyKeys, clock }: SessionLab): LateWrites | undefined {
  if (!rules.some(({ evict }) => evict)) return undefined;
  const ring = new Ring({ bytes: manyKeys * RING_BYTES_PER_KEY, now: clock });
  ring.adopt(rules);
  return new LateWrites(ring);
}

function quotasOf(rules: readonly Rule[]): Quotas {
  const quotas = new Quotas();
  quotas.adopt(rules);
  for (const quota of quotas.all) {
    // Tokens never run out, however long it is measured.
    if (quota.writes && quota.bytes) quota.writes.tokens = quota.bytes.tokens = Number.MAX_SAFE_INTEGER;
    if (quota.budget === undefined) continue;
    quota.budgetBytes = 1e12;
    quota.keys = new KeySample(4096, (held) => quota.holds(held));
  }
  return quotas;
}

function makeSession(gate: ShedGate, rules: readonly Rule[], lab: SessionLab): Session {
  const session = new Session(
    {
      table: defaultCommandTable(),
      policy: new Policy({
        rules: new RuleSet({ rules, unregistered: { priority: Priority.NORMAL, observe: false } }),
        quotas: quotasOf(rules),
        evictable: ringOf(rules, lab),
        ...{
          gate,
          observer: NO_OBSERVER,
          now: Date.now,
          random: Math.random,
          keys: new KeyMemory(lab.clock),
        },
      }),
      followUps: true,
      followUp: EXPIRE_NX,
      lookaheadBytes: 1024 * 1024,
      pendingRuns: 1_000_000,
      clock: lab.clock,
      counters: { commands: 0, stalls: 0, raw: 0 },
    },
    lab.sink(),
    lab.sink(),
  );
  session.fromClient(Buffer.from('PING\r\n'));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  return session;
}

/** `replies`: what the server answers to one such command, follow-up included. */
function through(
  what: string,
  command: Buffer,
  replies: string,
  lab: SessionLab,
  gate = new ShedGate(),
  rules: readonly Rule[] = [RULE],
): MicroCase {
  const session = makeSession(gate, rules, lab);
  const pipeline = Buffer.concat(Array.from({ length: DEPTH }, () => command));
  const answers = Buffer.from(replies.repeat(DEPTH));
  return {
    what,
    commands: DEPTH,
    run: () => {
      session.fromClient(pipeline);
      if (answers.length > 0) session.fromUpstream(answers);
    },
  };
}

/** SETs of ever other keys. */
function throughMany(what: string, rules: readonly Rule[], lab: SessionLab): MicroCase {
  const session = makeSession(new ShedGate(), rules, lab);
  const pipelines: Buffer[] = [];
  for (let key = 0; key < lab.manyKeys; key += DEPTH) {
    const commands = Array.from({ length: DEPTH }, (_, i) =>
      encodeCommand('SET', `session:${1_234_567_890 + key + i}`, VALUE),
    );
    pipelines.push(Buffer.concat(commands));
  }
  const answers = Buffer.from('+OK\r\n'.repeat(DEPTH));
  let next = 0;
  return {
    what,
    commands: DEPTH,
    run: () => {
      session.fromClient(pipelines[next]);
      session.fromUpstream(answers);
      next = next + 1 === pipelines.length ? 0 : next + 1;
    },
  };
}

export function sessionCases(lab = LAB): MicroCase[] {
  const shedding = new ShedGate();
  shedding.active = shedding.byKey = true;
  shedding.thresholds[Priority.LOW] = ALL;
  const set = encodeCommand('SET', 'session:1234567890', VALUE);
  const open = () => new ShedGate();
  return [
    through('GET passes', encodeCommand('GET', 'session:1234567890'), `$64\r\n${VALUE}\r\n`, lab),
    through('SET of no rule passes', encodeCommand('SET', 'other:1234567890', VALUE), '+OK\r\n', lab),
    through('SET is given a TTL', set, '+OK\r\n', lab),
    through('SET has a TTL', encodeCommand('SET', 'session:1234567890', VALUE, 'EX', '60'), '+OK\r\n', lab),
    through('SET is given a TTL; limit', set, '+OK\r\n', lab, open(), [LIMIT_RULE]),
    through('SET is given a TTL; limit, budget', set, '+OK\r\n', lab, open(), [QUOTA_RULE]),
    through('SET is given a TTL; evict', set, '+OK\r\n', lab, open(), [EVICT_RULE]),
    throughMany('SET of ever other keys', [RULE], lab),
    throughMany('SET of ever other keys; evict, ring full', [EVICT_RULE], lab),
    through(
      'HSET gets a follow-up',
      encodeCommand('HSET', 'session:1234567890', 'f', VALUE),
      ':1\r\n:0\r\n',
      lab,
    ),
    through('SET is shed', set, '', lab, shedding),
  ];
}
