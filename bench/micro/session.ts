// What the whole core costs: one command through a session and its reply back, in pipelines of DEPTH.
import { defaultCommandTable } from '../../src/core/commands/table.js';
import { Policy } from '../../src/core/policy/policy.js';
import { Priority } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { TtlMemory } from '../../src/core/policy/ttl-memory.js';
import { EXPIRE_NX, encodeCommand } from '../../src/core/resp/encode.js';
import { Session } from '../../src/core/session/session.js';
import { CopyingSink, DEPTH, type MicroCase, NO_OBSERVER, rule, VALUE } from './case.js';

const RULE = rule(1, 'session:*', { priority: Priority.LOW, applyToAll: true });

function makeSession(gate: ShedGate): Session {
  const session = new Session(
    {
      table: defaultCommandTable(),
      policy: new Policy({
        rules: new RuleSet({ rules: [RULE], unregistered: { priority: Priority.NORMAL, observe: false } }),
        ...{ gate, observer: NO_OBSERVER, now: Date.now, random: Math.random, ttls: new TtlMemory(() => 0) },
      }),
      followUps: true,
      followUp: EXPIRE_NX,
      lookaheadBytes: 1024 * 1024,
      pendingRuns: 1_000_000,
      clock: () => performance.now(),
      counters: { commands: 0, stalls: 0, raw: 0 },
    },
    new CopyingSink(),
    new CopyingSink(),
  );
  session.fromClient(Buffer.from('PING\r\n'));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  return session;
}

/** `replies`: what the server answers to one such command, follow-up included. */
function through(what: string, command: Buffer, replies: string, gate = new ShedGate()): MicroCase {
  const session = makeSession(gate);
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

export function sessionCases(): MicroCase[] {
  const shedding = new ShedGate();
  shedding.active = shedding.byKey = true;
  shedding.thresholds[Priority.LOW] = ALL;
  const set = encodeCommand('SET', 'session:1234567890', VALUE);
  return [
    through('GET passes', encodeCommand('GET', 'session:1234567890'), `$64\r\n${VALUE}\r\n`),
    through('SET of no rule passes', encodeCommand('SET', 'other:1234567890', VALUE), '+OK\r\n'),
    through('SET is given a TTL', set, '+OK\r\n'),
    through('HSET gets a follow-up', encodeCommand('HSET', 'session:1234567890', 'f', VALUE), ':1\r\n:0\r\n'),
    through('SET is shed', set, '', shedding),
  ];
}
