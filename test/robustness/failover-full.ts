// The full run of failovers: every event that docs/FAILOVER.md speaks of, in front of real Sentinels, one process and two workers at
// once, eight writers through each. Every acknowledged write is looked for on the primary of the end. Leaves figures:
// `tsx test/robustness/failover-full.ts`. So many times by SPILLWAY_RUNS; a part of the events by their names in SPILLWAY_EVENTS.
import t, { type Test } from 'tap';
import { type EventOutcome, FailoverLab, type Played } from '../support/failover-lab.js';
import { keepRun } from '../support/figures.js';
import { POOL } from '../support/proxy.js';
import { withRedis } from '../support/redis.js';
import { withSentinel } from '../support/sentinel.js';

type Setup = NonNullable<Parameters<typeof FailoverLab.start>[1]>;
type Play = (lab: FailoverLab) => Promise<EventOutcome & { readonly bytes?: number }>;

const runs = Number(process.env.SPILLWAY_RUNS ?? 10);
const pool = POOL === 'command' ? 'command' : 'session';
const WRITERS = 8;

/** Two real Sentinels, and one that names another server. */
const liar = (t: Test): Setup => ({
  sentinels: async ({ sentinels: [first, second] }) => {
    const { port } = await withSentinel(t, (await withRedis(t)).port);
    return [first?.port as number, second?.port as number, port];
  },
});

/** In one lab after the other; within a lab in this order, since Sentinels that died stay away. */
const LABS: readonly {
  readonly setup: (t: Test) => Setup;
  readonly events: readonly (readonly [name: string, play: Play])[];
}[] = [
  {
    setup: () => ({}),
    events: [
      ['spillway failover', (lab) => lab.switched(asked++ % lab.proxies.length)],
      ['SENTINEL FAILOVER', (lab) => lab.planned()],
      ['two failovers', (lab) => lab.twice()],
      ['a worker killed during a failover', (lab) => lab.workerKilled()],
      ['kill -9', (lab) => lab.killed()],
      ['promoted late by a Sentinel that was silent', (lab) => lab.promotedLate(5000)],
      ['killed during a planned pause', (lab) => lab.killedMeanwhile()],
      ['crash after promotion', (lab) => lab.leaderCrashed()],
      ['one of three Sentinels dead', (lab) => lab.withSentinels(2)],
      ['two of three Sentinels dead', (lab) => lab.withSentinels()],
    ],
  },
  {
    setup: () => ({ doors: true }),
    events: [
      ['SIGSTOP 5 s', (lab) => lab.woken(5000)],
      ['SIGSTOP 30 s', (lab) => lab.woken(30_000)],
    ],
  },
  { setup: liar, events: [['one Sentinel that lies', (lab) => lab.planned()]] },
  {
    setup: () => ({ config: { upstream: { failover: { pause: '1s' } } } }),
    events: [['the pause runs out', (lab) => lab.killed()]],
  },
];

/** Each proxy asks once in turn. */
let asked = 0;

const only = process.env.SPILLWAY_EVENTS?.split(',');
const rows = new Map<string, (Played & { readonly bytes: number })[]>();

t.setTimeout(0);
for (let run = 1; run <= runs; run++) {
  for (const { setup, events } of LABS) {
    const wanted = events.filter(([name]) => only === undefined || only.includes(name));
    if (wanted.length === 0) continue;
    await t.test(`run ${run} of ${runs}`, { timeout: 0 }, async (t) => {
      const variants = [1, 2].map((workers) => ({ pool, workers }) as const);
      const lab = await FailoverLab.start(t, { variants, writers: WRITERS, ...setup(t) });
      for (const [name, play] of wanted) {
        const { played, bytes = 0 } = await play(lab);
        for (const each of played) {
          const { workers, lost, acknowledged, longestGapMs, errors, reconnects } = each;
          rows.set(name, [...(rows.get(name) ?? []), { ...each, bytes }]);
          t.comment(
            `${name}, workers ${workers}: ${lost.length} of ${acknowledged} lost, ${longestGapMs} ms, ${errors.length} errors, ${reconnects} reconnects, ${bytes} bytes`,
          );
          t.same(
            lost.slice(0, 3),
            [],
            `${name}, workers ${workers}: ${lost.length} of ${acknowledged} are lost`,
          );
          t.equal(bytes, 0, `${name}: no byte reaches the server once it is awake`);
        }
      }
    });
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
keepRun('failover', {
  runs,
  events: [...rows].map(([name, all]) => ({
    name,
    acknowledged: sum(all.map(({ acknowledged }) => acknowledged)),
    lost: sum(all.map(({ lost }) => lost.length)),
    longestPauseMs: Math.max(...all.map(({ longestGapMs }) => longestGapMs)),
    errors: sum(all.map(({ errors }) => errors.length)),
    reconnects: sum(all.map(({ reconnects }) => reconnects)),
    bytesToWoken: sum(all.map(({ bytes }) => bytes)),
  })),
});
