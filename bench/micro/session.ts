// What the whole core costs: ns for one command through a session and its reply back, in pipelines of 64 so that the
// cost per chunk is spread as it is under load; and for the reply half alone.
// Run: npx tsx bench/micro/session.ts
import { bench, do_not_optimize, group, run } from 'mitata';
import { defaultCommandTable } from '../../src/commands/table.js';
import { Policy } from '../../src/policy/policy.js';
import { Priority, type Rule } from '../../src/policy/rule.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/policy/shed.js';
import { encodeCommand } from '../../src/resp/encode.js';
import type { ByteSink } from '../../src/session/byte-sink.js';
import { Pending } from '../../src/session/pending-queue.js';
import { ReplySequencer } from '../../src/session/reply-sequencer.js';
import { Session } from '../../src/session/session.js';

const DEPTH = 64;

/** Copies small spans, as the write batch does. */
class CopyingSink implements ByteSink {
  private readonly buffer = new Uint8Array(256 * 1024);
  private at = 0;
  write(buf: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length >= 4096) return;
    if (this.at + length > this.buffer.length) this.at = 0;
    if (length < 32) {
      for (let i = start; i < end; i++) this.buffer[this.at++] = buf[i];
    } else {
      this.buffer.set(buf.subarray(start, end), this.at);
      this.at += length;
    }
  }
}

const observer = {
  onWrite() {},
  onShed() {},
  onFollowUpReply() {},
  onUpstreamOom() {},
  onLatency() {},
};
const rule: Rule = {
  ...{
    slot: 1,
    name: 'sessions',
    globs: [Buffer.from('session:*')],
    ttlMs: 3_600_000,
    maxTtlMs: 0,
    jitter: 0,
  },
  ...{ durable: false, priority: Priority.LOW, observe: false, applyToAll: true },
};

function makeSession(gate: ShedGate): Session {
  const session = new Session(
    {
      table: defaultCommandTable(),
      policy: new Policy({
        rules: new RuleSet({ rules: [rule], unregistered: { priority: Priority.NORMAL, observe: false } }),
        ...{ gate, observer, now: Date.now, random: Math.random },
      }),
      followUps: true,
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
function through(name: string, command: Buffer, replies: string, gate = new ShedGate()): void {
  const session = makeSession(gate);
  const pipeline = Buffer.concat(Array.from({ length: DEPTH }, () => command));
  const answers = Buffer.from(replies.repeat(DEPTH));
  bench(`${name} (${DEPTH} of them)`, () => {
    session.fromClient(pipeline);
    if (answers.length > 0) session.fromUpstream(answers);
  });
}

const value = 'x'.repeat(64);
const shedding = new ShedGate();
shedding.active = shedding.byKey = true;
shedding.thresholds[Priority.LOW] = ALL;

group('a whole session', () => {
  through('GET passes', encodeCommand('GET', 'session:1234567890'), `$64\r\n${value}\r\n`);
  through('SET of no rule passes', encodeCommand('SET', 'other:1234567890', value), '+OK\r\n');
  through('SET gets a TTL', encodeCommand('SET', 'session:1234567890', value), '+OK\r\n');
  through('HSET gets a follow-up', encodeCommand('HSET', 'session:1234567890', 'f', value), ':1\r\n:0\r\n');
  through('SET is shed', encodeCommand('SET', 'session:1234567890', value), '', shedding);
});

group('ReplySequencer alone', () => {
  const replies = new ReplySequencer(new CopyingSink(), {
    followUpAnswered() {},
    multiRefused() {},
    execAnswered() {},
    replyCheckAnswered() {},
    stateAnswered() {},
    connectionReset() {},
    protocolRefused() {},
    upstreamOom() {},
  });
  const answers = Buffer.from('+OK\r\n'.repeat(DEPTH));
  const mixed = Buffer.from('+OK\r\n:0\r\n'.repeat(DEPTH));
  bench(`${DEPTH} plain replies`, () => {
    replies.owe(Pending.PASS, 0, DEPTH);
    replies.receive(answers);
  });
  bench(`${DEPTH} replies, each with one to swallow behind it`, () => {
    for (let i = 0; i < DEPTH; i++) {
      replies.owe(Pending.PASS);
      replies.owe(Pending.FOLLOW_UP, 1);
    }
    replies.receive(mixed);
  });
  do_not_optimize(replies.idle);
});

await run();
