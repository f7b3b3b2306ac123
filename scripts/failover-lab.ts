// `npm run failover-lab [-- RUNS]`: what a failover loses, in front of real Sentinels, with both kinds of pooling, one process and two
// workers. Each event is played RUNS times (3), and every acknowledged write is looked for on the primary of the end. Prints a table in
// Markdown for docs/FAILOVER.md; exits with 1 if a write was lost.
import { type EventOutcome, FailoverLab, type Played } from '../test/support/failover-lab.js';

type Play = (lab: FailoverLab) => Promise<EventOutcome>;

/** Each proxy asks once in turn. */
let asked = 0;
const EVENTS: readonly (readonly [name: string, play: Play])[] = [
  ['`spillway failover`', (lab) => lab.switched(asked++ % lab.proxies.length)],
  ['`SENTINEL FAILOVER`', (lab) => lab.planned()],
  ['primary frozen for 5 s, then awake', (lab) => lab.frozen(5000)],
  ['primary killed (`kill -9`)', (lab) => lab.killed()],
  // Last: the Sentinel stays away.
  ['leading Sentinel dies after the promotion', (lab) => lab.leaderCrashed()],
];

const runs = Number(process.argv[2] ?? 3);
const rows = new Map<string, Played[]>();
let lost = 0;
for (let run = 1; run <= runs; run++) {
  const ends: (() => unknown)[] = [];
  const scope = {
    comment: () => {},
    teardown: (end: () => unknown) => {
      ends.unshift(end);
    },
  };
  try {
    const lab = await FailoverLab.start(scope);
    for (const [name, play] of EVENTS) {
      const { played } = await play(lab);
      for (const each of played) {
        const key = `${name} | ${each.pool} | ${each.workers}`;
        rows.set(key, [...(rows.get(key) ?? []), each]);
        lost += each.lost.length;
        process.stderr.write(
          `${run}/${runs} ${key}: ${each.lost.length} of ${each.acknowledged} lost, ${each.longestGapMs} ms\n`,
        );
      }
    }
  } finally {
    for (const end of ends) await end();
  }
}
const sum = (all: readonly Played[], of: (each: Played) => number) =>
  all.reduce((total, each) => total + of(each), 0);
const lines = [...rows].map(([key, all]) => {
  const pauses = all.map(({ longestGapMs }) => longestGapMs);
  const cells = [
    `${sum(all, (each) => each.lost.length)} of ${sum(all, (each) => each.acknowledged).toLocaleString('en')}`,
    `${(Math.max(...pauses) / 1000).toFixed(1)} s`,
    String(sum(all, (each) => each.errors.length)),
    String(sum(all, (each) => each.reconnects)),
  ];
  return `| ${key} | ${cells.join(' | ')} |`;
});
process.stdout.write(
  `| event, ${runs} times | pooling | workers | acknowledged writes lost | longest pause | errors | reconnects |\n|---|---|---|---|---|---|---|\n${lines.join('\n')}\n`,
);
process.exit(lost === 0 ? 0 : 1);
