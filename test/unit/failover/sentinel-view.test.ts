// The view of three Sentinels, event by event, as real ones send them.
import { test } from 'tap';
import type { Decision, ViewOptions } from '../../../src/failover/decisions.js';
import { SentinelView } from '../../../src/failover/sentinel-view.js';
import type { PrimaryAddress } from '../../../src/failover/whereabouts.js';

const [A, B, C] = [6380, 6381, 6382].map((port) => ({ host: '10.0.0.1', port })) as [
  PrimaryAddress,
  PrimaryAddress,
  PrimaryAddress,
];
const OPTIONS: ViewOptions = { sentinels: 3, pauseMs: 10_000, resume: 'agreed', onMinority: 'admit' };

interface Said {
  readonly epoch?: number;
  /** It is failing over away from the address that it names. */
  readonly leaving?: boolean;
  /** It is failing over away from this one. */
  readonly leaves?: PrimaryAddress;
}

/** A view with a clock that the test moves. */
class Lab {
  now = 1000;
  readonly view: SentinelView;
  readonly decisions: Decision[] = [];

  constructor(options: Partial<ViewOptions> = {}) {
    this.view = new SentinelView({ ...OPTIONS, ...options }, this.now);
  }

  says(
    sentinel: number,
    address: PrimaryAddress,
    { epoch = 1, leaving = false, leaves = leaving ? address : undefined }: Said = {},
  ): void {
    const answer = { address, epoch, leaves, downAfterMs: 1000, askedAt: this.now };
    this.decisions.push(...this.view.answered(sentinel, answer, this.now));
  }

  all(address: PrimaryAddress, said?: Said): void {
    for (const sentinel of [0, 1, 2]) this.says(sentinel, address, said);
  }

  promoting(sentinel: number, from: PrimaryAddress, address: PrimaryAddress): void {
    this.decisions.push(...this.view.heard(sentinel, { type: 'promoting', from, address }, this.now));
  }

  switched(sentinel: number, from: PrimaryAddress, address: PrimaryAddress): void {
    this.decisions.push(...this.view.heard(sentinel, { type: 'switched', from, address }, this.now));
  }

  begun(sentinel: number, from: PrimaryAddress): void {
    this.decisions.push(...this.view.heard(sentinel, { type: 'begun', from }, this.now));
  }

  silent(sentinel: number, isDead = false): void {
    this.decisions.push(...this.view.silent(sentinel, isDead, this.now));
  }

  fence(address: PrimaryAddress, trouble?: string): void {
    this.decisions.push(...this.view.fenced({ address, askedAt: this.now, trouble }, this.now));
  }

  pass(milliseconds: number): void {
    this.now += milliseconds;
    this.decisions.push(...this.view.tick(this.now));
  }

  get toFence(): PrimaryAddress | undefined {
    return this.view.toFence(this.now);
  }

  /** Decisions since the last call, without those to ask. */
  take(): Decision[] {
    return this.decisions.splice(0).filter(({ type }) => type !== 'ask');
  }
}

/** At A, long since. */
function atA(options?: Partial<ViewOptions>): Lab {
  const lab = new Lab(options);
  lab.all(A);
  lab.fence(A);
  for (let i = 0; i < 10; i++) {
    lab.pass(200);
    lab.all(A);
  }
  lab.take();
  return lab;
}

test('at the start it takes what a majority names, once the server says that it is primary', async (t) => {
  const lab = new Lab();
  lab.says(0, A);
  t.equal(lab.toFence, undefined);
  lab.says(1, A);
  t.same(lab.toFence, A);
  lab.fence(A, 'it is a replica');
  t.equal(lab.view.state, 'gone');
  lab.fence(A);
  t.match(lab.take(), [{ type: 'resume', address: A, moved: true, pausedMs: 0 }]);
});

test('a failover that nobody announced: the old majority does not bring clients back to the old primary', async (t) => {
  const lab = atA();
  lab.begun(0, B);
  t.same(lab.take(), [], 'of another address');
  lab.begun(0, A);
  t.match(lab.take(), [{ type: 'pause', reason: 'a Sentinel has begun a failover' }]);
  lab.pass(1000);
  lab.says(0, B, { epoch: 2 });
  lab.says(1, A);
  lab.says(2, A);
  t.equal(lab.toFence, undefined, 'the others do not know of it yet');
  lab.says(2, B, { epoch: 2 });
  t.same(lab.toFence, B);
});

test('a failover that began in vain: clients go on at the old primary after three seconds', async (t) => {
  const lab = atA();
  lab.begun(0, A);
  lab.pass(2900);
  lab.all(A);
  t.equal(lab.toFence, undefined);
  lab.pass(200);
  lab.all(A);
  t.same(lab.toFence, A);
});

test('a planned failover: it pauses before the promotion and resumes when a majority has switched', async (t) => {
  const lab = atA();
  lab.says(0, A, { leaving: true });
  t.same(lab.take(), [], 'a failover that only begins stops nobody');
  lab.promoting(0, A, B);
  t.match(lab.take(), [{ type: 'pause', reason: 'a Sentinel is about to promote 10.0.0.1:6381' }]);
  lab.all(A, { leaving: true });
  t.equal(lab.toFence, undefined, 'the old majority does not count: the failover goes on');
  lab.pass(1000);
  lab.says(0, B, { epoch: 2 });
  lab.switched(0, A, B);
  t.equal(lab.toFence, undefined, 'one Sentinel is no majority');
  lab.says(2, B, { epoch: 2 });
  t.same(lab.toFence, B);
  lab.fence(B);
  t.match(lab.take(), [{ type: 'resume', address: B, moved: true, pausedMs: 1000 }]);
});

test('"promoted": it resumes when the candidate says that it is primary, and stays while the others follow', async (t) => {
  const lab = atA({ resume: 'promoted' });
  lab.promoting(0, A, B);
  lab.all(A, { leaving: true });
  t.same(lab.toFence, B);
  lab.fence(B, 'it is a replica');
  lab.pass(90);
  lab.fence(B);
  lab.all(A);
  lab.pass(1000);
  lab.all(A);
  t.match(lab.take(), [{ type: 'pause' }, { type: 'resume', address: B, moved: true, pausedMs: 90 }]);
  lab.pass(2500);
  lab.all(A);
  t.match(lab.take(), [{ type: 'pause', reason: /name another primary, 10.0.0.1:6380/ }], 'they never did');
});

test('the leader crashes after the promotion: back to the old primary, by majority, after 3 s', async (t) => {
  const lab = atA();
  lab.promoting(0, A, B);
  lab.silent(0, true);
  lab.pass(500);
  for (const sentinel of [1, 2]) lab.says(sentinel, A);
  t.equal(lab.toFence, undefined, 'the switch may still come');
  lab.pass(2500);
  t.same(lab.toFence, A);
  lab.fence(A);
  t.match(lab.take(), [{ type: 'pause' }, { type: 'resume', address: A, moved: false, pausedMs: 3000 }]);
  lab.promoting(1, A, B);
  t.match(lab.take(), [{ type: 'pause' }], 'the next failover to the same replica counts');
});

test('a leader that is only slow may complete the failover: no way back until it says that it has not, or for 20 s', async (t) => {
  for (const [what, end] of [
    ['it says so', (lab: Lab) => lab.says(0, A)],
    ['it is dead', (lab: Lab) => lab.silent(0, true)],
    ['20 s have passed', (lab: Lab) => lab.pass(16_000)],
  ] as const) {
    const lab = atA({ pauseMs: 60_000 });
    lab.promoting(0, A, B);
    lab.silent(0);
    lab.pass(4000);
    for (const sentinel of [1, 2]) lab.says(sentinel, A);
    t.equal(lab.toFence, undefined, 'silent');
    end(lab);
    for (const sentinel of [1, 2]) lab.says(sentinel, A);
    t.same(lab.toFence, A, what);
  }
});

test('a Sentinel was silent and its messages were lost: its answer tells of the promotion', async (t) => {
  const lab = atA({ pauseMs: 60_000 });
  lab.says(0, B, { epoch: 2, leaves: A });
  t.match(lab.take(), [{ type: 'pause', reason: 'a Sentinel has switched to 10.0.0.1:6381' }], 'all of them');
  lab.fence(B);
  lab.pass(10_000);
  for (const sentinel of [1, 2]) lab.says(sentinel, A);
  t.equal(lab.toFence, undefined, 'it goes on with the other replicas');
  lab.says(0, B, { epoch: 2 });
  lab.says(1, B, { epoch: 2 });
  t.same(lab.toFence, B);

  const late = atA({ pauseMs: 60_000 });
  late.promoting(0, A, B);
  late.silent(0);
  late.pass(4900);
  late.says(0, B, { epoch: 2 });
  late.pass(4900);
  for (const sentinel of [1, 2]) late.says(sentinel, A);
  t.equal(late.toFence, undefined, 'the last one: the others have 5 s from its answer on');
  late.pass(200);
  t.same(late.toFence, A);
});

test('the only Sentinel that lives announces a failover and is slow: no way back to the old primary meanwhile', async (t) => {
  const lab = atA({ pauseMs: 60_000 });
  for (const sentinel of [0, 1]) lab.silent(sentinel, true);
  lab.promoting(2, A, B);
  lab.pass(11_000);
  lab.silent(2);
  t.not(lab.view.blind, null);
  t.equal(lab.toFence, undefined);
  lab.says(2, B, { epoch: 2 });
  t.same(lab.toFence, B);
});

test('a Sentinel that gave the failover up ends the wait; another one does not', async (t) => {
  const lab = atA();
  lab.promoting(0, A, B);
  lab.view.heard(1, { type: 'aborted' }, lab.now);
  lab.all(A);
  t.equal(lab.toFence, undefined);
  lab.view.heard(0, { type: 'aborted' }, lab.now);
  t.same(lab.toFence, A);
});

test('the primary is lost: it waits for the Sentinels to switch, and at most for the pause', async (t) => {
  const lab = atA();
  lab.decisions.push(...lab.view.sign('refused', lab.now));
  t.match(lab.take(), [{ type: 'pause', reason: 'the server refuses connections' }]);
  lab.all(A);
  t.same(lab.toFence, A, 'it may have been a restart');
  lab.fence(A, 'connect ECONNREFUSED');
  lab.pass(9999);
  t.same(lab.take(), []);
  lab.all(A);
  lab.pass(1);
  t.match(lab.take(), [
    {
      type: 'gone',
      reason: 'no primary within 10 s: the Sentinels name 10.0.0.1:6380; 10.0.0.1:6380: connect ECONNREFUSED',
    },
  ]);
  lab.all(C, { epoch: 2 });
  lab.fence(C);
  t.match(lab.take(), [{ type: 'resume', address: C, moved: true, pausedMs: 0 }], 'it looks on');
});

test('a false alarm ends at once, and the next ones pause nobody for a while', async (t) => {
  const lab = atA();
  lab.view.sign('lost', lab.now);
  lab.pass(1);
  lab.all(A);
  lab.fence(A);
  t.match(lab.take(), [{ type: 'resume', moved: false, pausedMs: 1 }]);
  lab.view.sign('lost', lab.now);
  t.equal(lab.view.state, 'here');
  t.same(lab.toFence, A);
  lab.fence(A);
  t.equal(lab.toFence, undefined);
  lab.view.sign('readonly', lab.now);
  lab.fence(A, 'it is a replica of 10.0.0.1:6381');
  t.match(lab.take(), [
    {
      type: 'pause',
      reason: 'the server refused a write as a replica does, and it is a replica of 10.0.0.1:6381',
    },
  ]);
});

test('a missed event is found by asking', async (t) => {
  const lab = atA();
  lab.says(0, B, { epoch: 2 });
  t.same(lab.take(), []);
  const answer = { address: B, epoch: 2, leaves: undefined, downAfterMs: 1000, askedAt: lab.now };
  lab.pass(1);
  lab.decisions.push(...lab.view.answered(1, answer, lab.now));
  t.match(lab.take(), [{ type: 'pause', reason: 'the Sentinels name another primary, 10.0.0.1:6381' }]);
  t.equal(lab.toFence, undefined, 'only what was asked since counts');
  lab.pass(5);
  for (const sentinel of [0, 1]) lab.says(sentinel, B, { epoch: 2 });
  t.same(lab.toFence, B);
});

test('a Sentinel that lies: its answers pause nobody, its switch pauses once', async (t) => {
  const lab = atA();
  lab.says(2, C, { epoch: 99 });
  t.same(lab.take(), []);
  lab.switched(2, A, C);
  for (const sentinel of [0, 1]) lab.says(sentinel, A);
  lab.says(2, C, { epoch: 99 });
  lab.fence(C);
  t.match(lab.take(), [{ type: 'pause' }]);
  lab.pass(5000);
  for (const sentinel of [0, 1]) lab.says(sentinel, A);
  lab.fence(A);
  lab.switched(2, A, C);
  t.match(lab.take(), [{ type: 'resume', address: A, moved: false }]);
  lab.switched(1, A, C);
  t.match(lab.take(), [{ type: 'pause' }], 'another one says so as well');
});

test('a second failover while the first is not over: it does not stop at the server in between', async (t) => {
  const lab = atA();
  lab.promoting(0, A, B);
  lab.pass(10);
  lab.all(B, { epoch: 2 });
  lab.promoting(1, B, C);
  lab.fence(B);
  t.equal(lab.view.state, 'paused');
  lab.pass(200);
  lab.all(C, { epoch: 3 });
  lab.fence(C);
  t.match(lab.take(), [{ type: 'pause' }, { type: 'resume', address: C, moved: true, pausedMs: 210 }]);
});

test('an answer of the server from before the announcement does not count', async (t) => {
  const lab = atA();
  lab.switched(0, A, B);
  lab.all(B, { epoch: 2 });
  const askedAt = lab.now;
  lab.pass(5);
  lab.promoting(1, A, B);
  lab.all(B, { epoch: 2 });
  lab.decisions.push(...lab.view.fenced({ address: B, askedAt, trouble: undefined }, lab.now));
  t.equal(lab.view.state, 'paused');
  lab.fence(B);
  t.equal(lab.view.state, 'here');
});

test('a switch to the address in use is none', async (t) => {
  const lab = atA();
  lab.switched(0, B, A);
  lab.promoting(0, B, A);
  lab.all(A, { epoch: 7 });
  t.same(lab.take(), []);
});

test('too few Sentinels: it warns; a switch of the one that is left counts', async (t) => {
  const lab = atA();
  lab.pass(8000);
  lab.says(0, A);
  t.same(lab.take(), []);
  lab.pass(2000);
  t.match(lab.take(), [
    { type: 'blind', reason: 'fewer than 2 of 3 Sentinels answer, so Spillway could miss a failover' },
  ]);
  lab.promoting(0, A, B);
  lab.says(0, A, { leaving: true });
  t.equal(lab.toFence, undefined);
  lab.pass(1000);
  lab.says(0, B, { epoch: 2 });
  lab.fence(B);
  t.match(lab.take(), [{ type: 'pause' }, { type: 'resume', address: B, moved: true }]);
  lab.says(1, B, { epoch: 2 });
  t.match(lab.take(), [{ type: 'blind', reason: null }]);
});

test('no Sentinel at all: a primary that comes back is used', async (t) => {
  const lab = atA();
  for (const sentinel of [0, 1, 2]) lab.silent(sentinel);
  lab.pass(10_000);
  lab.view.sign('refused', lab.now);
  lab.pass(50);
  t.same(lab.toFence, A);
  lab.fence(A);
  t.equal(lab.view.state, 'here');
});

test('onMinority "pause": clients pause before the other side of a partition can have switched', async (t) => {
  const lab = atA({ onMinority: 'pause' });
  t.ok(lab.view.askEveryMs <= 200, 'it asks often enough for that');
  lab.pass(500);
  lab.says(0, A);
  t.same(lab.take(), []);
  lab.pass(100);
  t.match(lab.take(), [{ type: 'blind' }, { type: 'pause', reason: /fewer than 2 of 3/ }]);
  lab.says(0, A);
  t.equal(lab.toFence, undefined);
  lab.says(1, A);
  lab.fence(A);
  t.match(lab.take(), [
    { type: 'blind', reason: null },
    { type: 'resume', moved: false },
  ]);
});
