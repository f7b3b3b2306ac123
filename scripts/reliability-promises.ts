// The text of docs/RELIABILITY.md: the promises by subject, each with the tests that check it, and how the figures of a
// full run are worded. Data only; no figure is written here.
import { z } from 'zod';

interface Promise {
  readonly promise: string;
  /** Below test/, with the title of the subtest where a file holds several. */
  readonly tests: readonly (readonly [file: string, title?: string])[];
}

interface Subject {
  readonly heading: string;
  readonly promises: readonly Promise[];
  readonly figures: readonly { readonly file: string; readonly text: (figures: unknown) => string }[];
}

/** `command`: what was run; undefined: the full size. */
const measured = z.object({ day: z.string(), node: z.string(), command: z.string().optional() });

/** A full run's figures, checked against `shape`, as text. */
function run<Shape extends z.ZodRawShape>(
  file: string,
  command: string,
  shape: Shape,
  text: (figures: z.infer<z.ZodObject<Shape>>) => string,
): Subject['figures'][number] {
  return {
    file,
    text: (figures) => {
      const { day, node, command: ran = command } = measured.parse(figures);
      return `Last run (\`${ran}\`, ${day}, Node ${node}): ${text(z.object(shape).parse(figures))}`;
    },
  };
}

const n = (value: number): string => value.toLocaleString('en-US');
const number = z.number();

export const PROMISES: readonly Subject[] = [
  {
    heading: 'Replies',
    promises: [
      {
        promise:
          'Every request gets its own reply, once and in order, whatever happens on either connection: latency, bytes in pieces, stalls, resets, half-closes, lost packets.',
        tests: [
          ['robustness/links.test.ts'],
          ['robustness/links-cut.test.ts'],
          ['robustness/links-rough.test.ts'],
          ['robustness/outages.test.ts'],
        ],
      },
      {
        promise:
          'When a connection breaks, the client has received a prefix of the right replies. The server has executed a prefix of its commands that is at least as long; with command pooling, commands that were lost with a shared connection may be missing from it. A transaction is executed whole or not at all.',
        tests: [['robustness/links-cut.test.ts']],
      },
      {
        promise:
          'Random sessions of several clients get the same replies and leave the same keys as without Spillway.',
        tests: [['conformance/random-sessions.test.ts', 'random']],
      },
      {
        promise:
          'The client gets the last reply that the server sends before it closes, even while the client is still sending.',
        tests: [['integration/last-words.test.ts', 'a large command before authentication']],
      },
      {
        promise: 'A client that has closed its sending side still gets every reply.',
        tests: [['robustness/links-clients.test.ts', 'a half-closed client still gets every reply']],
      },
    ],
    figures: [
      run(
        'links',
        'npx tsx test/robustness/links-full.ts',
        {
          ...{ commands: number, sessions: number, cutSessions: number, scenarios: number },
          ...{ wrong: number, lost: number, duplicated: number, reordered: number, inconsistent: number },
        },
        (f) =>
          `${n(f.commands)} commands in ${n(f.sessions)} sessions over ${f.scenarios} kinds of faulty link; ${n(f.cutSessions)} sessions were cut: ` +
          `${f.wrong} wrong, ${f.lost} lost, ${f.duplicated} duplicated, ${f.reordered} reordered, ${f.inconsistent} inconsistent with the server’s keys.`,
      ),
      run(
        'network',
        'npx tsx test/robustness/links-rough-full.ts',
        { spells: number, commands: number, sessions: number, cutSessions: number, faults: number },
        (f) =>
          `${n(f.spells)} spells of a rough network (delays, cuts, resets, half-closes, silence, connections refused or never heard, a stopped server, no free descriptors), by TCP, IPv6, TLS and unix sockets, with one worker and two: ` +
          `${n(f.commands)} commands in ${n(f.sessions)} sessions, ${n(f.cutSessions)} of them cut; ${f.faults} faults.`,
      ),
      run(
        'random-sessions',
        'npx tsx test/conformance/random-full.ts --minutes 10',
        { sessions: number, commands: number, mismatches: number },
        (f) => `${n(f.sessions)} random sessions, ${n(f.commands)} commands, ${f.mismatches} mismatches.`,
      ),
    ],
  },
  {
    heading: 'Broken and random bytes',
    promises: [
      {
        promise:
          'No request and no reply, however broken, makes Spillway throw, hang or grow, or changes the replies of another client.',
        tests: [
          ['robustness/fuzz.test.ts', 'mutated and random requests and replies'],
          ['robustness/fuzz-sockets.test.ts'],
        ],
      },
      {
        promise:
          "Malformed and oversized requests get Redis's own error, after all replies that were due before it.",
        tests: [['robustness/limits.test.ts']],
      },
    ],
    figures: [
      run(
        'fuzz',
        'npx tsx test/robustness/fuzz-full.ts',
        {
          ...{ requests: number, replies: number, failed: number, seconds: number },
          ...{ heapMbBefore: z.array(number), heapMbAfter: z.array(number) },
          storm: z.object({
            ...{ knownReplies: number, spoiledStreams: number, spoiledRequests: number, failed: number },
            ...{ residentMbByThird: z.array(number), descriptorsBefore: number, descriptorsAfter: number },
          }),
        },
        ({ storm, ...f }) =>
          `${n(f.requests)} requests and ${n(f.replies)} replies in ${f.seconds} s; ${f.failed} cases failed; heap of each worker ${f.heapMbBefore.join(', ')} MB before, ${f.heapMbAfter.join(', ')} MB after. ` +
          `Over sockets: ${n(storm.spoiledRequests)} spoiled requests in ${n(storm.spoiledStreams)} streams, beside ${n(storm.knownReplies)} replies that were known in advance; ${storm.failed} failed; ` +
          `resident memory ${storm.residentMbByThird.join(', ')} MB in the three thirds of the run; descriptors ${storm.descriptorsBefore} before, ${storm.descriptorsAfter} after.`,
      ),
    ],
  },
  {
    heading: 'A server that fails',
    promises: [
      {
        promise:
          'Command pooling: when a shared connection is lost, each command on it gets an error, because nobody knows whether the server executed it. Other commands get no error, and all clients continue on another connection. `npm run test:rest` also runs the tests of links, servers, bounds, limits and drain with command pooling.',
        tests: [
          ['robustness/links-cut.test.ts'],
          ['integration/pooling.test.ts', 'a connection that is lost fails what was on it, and nothing else'],
        ],
      },
      {
        promise:
          'When the server is killed and restarted, each client sees the same as without Spillway, no reply is wrong, and Spillway serves again by itself.',
        tests: [
          ['robustness/servers-killed.test.ts', 'killed under load and restarted'],
          ['robustness/servers-killed.test.ts', 'what a client sees of the death of its server'],
        ],
      },
      {
        promise: 'When the server stalls, nothing is lost, and the memory of Spillway stays bounded.',
        tests: [['robustness/servers-slow.test.ts'], ['robustness/servers-silent.test.ts']],
      },
      {
        promise:
          'While a server is silent, or refuses connections, every request to the admin server is answered, and a planned switch that is refused changes nothing.',
        tests: [['robustness/servers-silent.test.ts'], ['robustness/servers-silent-actions.test.ts']],
      },
      {
        promise:
          'While the server loads its data or refuses the password, clients get the server’s own errors. Spillway becomes ready by itself.',
        tests: [['robustness/servers-starting.test.ts']],
      },
      {
        promise:
          'READONLY, MISCONF, CLUSTERDOWN, BUSY and “max number of clients reached” reach the client in the server’s words, and stop when the server stops sending them.',
        tests: [
          ['robustness/servers-refusing.test.ts'],
          ['robustness/servers-slow.test.ts', 'busy with a script'],
        ],
      },
    ],
    figures: [
      run(
        'servers',
        'npx tsx test/robustness/servers-full.ts',
        {
          ...{ kills: number, killCommands: number, killSessions: number, killCutSessions: number },
          ...{ killFaults: number, recoveryMaxMs: number, recoveryMedianMs: number, readyMaxMs: number },
          ...{ pauseMs: number, pauseCommands: number, pauseFaults: number, pauseGrownMiB: number },
        },
        (f) =>
          `${f.kills} kills under load: ${n(f.killCommands)} commands in ${n(f.killSessions)} sessions (${n(f.killCutSessions)} cut), ${f.killFaults} faults; ` +
          `the first reply through Spillway came ${f.recoveryMedianMs} ms (median) and ${f.recoveryMaxMs} ms (most) after the first direct reply, and /readyz after ${f.readyMaxMs} ms at most. ` +
          `Server stopped for ${f.pauseMs} ms under load: ${n(f.pauseCommands)} commands, ${f.pauseFaults} faults, ${f.pauseGrownMiB} MB more resident memory.`,
      ),
    ],
  },
  {
    heading: 'Rights',
    promises: [
      {
        promise:
          'A client’s commands run with the rights that the client would have on its own connection: one made when the client connected, or, after a login, one that logged in at the same time. Meanwhile passwords and rights change, users are deleted, connections are killed, servers restarted, and replaced by others at the same address.',
        tests: [['robustness/rights.test.ts'], ['integration/pooling-rights.test.ts']],
      },
    ],
    figures: [
      run(
        'rights',
        'npx tsx test/robustness/rights-full.ts',
        { ...{ steps: number, replies: number, wrong: number, ended: number, lost: number, anew: number } },
        (f) =>
          `${n(f.steps)} random steps, ${n(f.replies)} replies compared with those of connections of their own, ${f.wrong} wrong; ${n(f.ended)} clients were closed, ${n(f.lost)} lost a shared connection.`,
      ),
    ],
  },
  {
    heading: 'Clients that behave badly',
    promises: [
      {
        promise:
          'Command pooling: clients that read slowly delay the other clients of their connection for at most 0.1 s of each second, all of them together. They still get replies that are larger than the buffer limit. When more than 128 MB are unread in all, Spillway closes the client with the most unread bytes, and the others continue.',
        tests: [
          [
            'integration/pooling.test.ts',
            'a value larger than may wait arrives whole at a client that reads, if late',
          ],
          ['integration/pooling.test.ts', 'Spillway closes a client that never reads, and others go on'],
        ],
      },
      {
        promise:
          'One, four or thirty clients that stay at a limit change nothing for other clients of the same identity: each of their commands gets its right reply, and new clients get in.',
        tests: [
          ['robustness/victims.test.ts'],
          [
            'integration/pooling-readers.test.ts',
            'what clients that read nothing, stop in a command or block cost the others does not grow with their number',
          ],
        ],
      },
      {
        promise: 'Clients that read slowly or not at all take a bounded amount of memory.',
        tests: [['robustness/bounds-readers.test.ts'], ['robustness/bounds-refusals.test.ts']],
      },
      {
        promise:
          'Values and arrays of any size, endless commands, and data that Spillway holds until it is complete take a bounded amount of memory.',
        tests: [
          ['robustness/bounds-large.test.ts'],
          ['robustness/bounds-endless.test.ts'],
          ['robustness/bounds-lookahead.test.ts'],
        ],
      },
      {
        promise: 'Spillway serves crowds of connections, and they leave no descriptor behind.',
        tests: [['robustness/bounds-crowds.test.ts']],
      },
      {
        promise:
          'A process that has no free descriptor for a client, the primary or a worker, closes that client. Connected clients are served meanwhile, and all new ones as soon as there are descriptors again.',
        tests: [['robustness/open-files.test.ts', 'no descriptor left for a while']],
      },
      {
        promise:
          'A client that disconnects in the middle of a command leaves nothing written and nothing open.',
        tests: [['robustness/links-clients.test.ts', 'clients that leave']],
      },
      {
        promise:
          "Clients beyond `limits.maxClients` get Redis's own error. Spillway closes idle clients after `limits.idleTimeout`, as Redis does.",
        tests: [
          ['robustness/limits-clients.test.ts', 'more clients than allowed, a thousand at once'],
          ['robustness/limits-clients.test.ts', 'silent clients'],
        ],
      },
    ],
    figures: [
      run(
        'bounds',
        'npx tsx test/robustness/bounds-full.ts',
        {
          p99Factor: number,
          scenarios: z.array(
            z.object({
              ...{ title: z.string(), size: number, unit: z.string(), grownMiB: number, boundMiB: number },
              ...{ descriptorsBefore: number, descriptorsAfter: number, held: z.boolean() },
              ...{ p99AloneMs: number, p99BesideMs: number, p99DirectBesideMs: number },
            }),
          ),
        },
        (f) =>
          [
            `the p99 of another client may be ${f.p99Factor} times the larger of two values: its p99 alone, and the p99 of a direct client beside the same offender.`,
            '',
            '| what a client does | size | memory, MB (bound) | descriptors before, after | p99 of another client: alone, beside it, direct beside it (ms) | held |',
            '| --- | --- | --- | --- | --- | --- |',
            ...f.scenarios.map(
              (s) =>
                `| ${s.title} | ${n(s.size)} ${s.unit} | ${s.grownMiB} (${s.boundMiB}) | ${s.descriptorsBefore}, ${s.descriptorsAfter} | ${s.p99AloneMs}, ${s.p99BesideMs}, ${s.p99DirectBesideMs} | ${s.held ? 'yes' : '**no**'} |`,
            ),
          ].join('\n'),
      ),
    ],
  },
  {
    heading: 'The end, and the long run',
    promises: [
      {
        promise:
          'SIGTERM and SIGINT: Spillway begins nothing new, answers every command that has begun, finishes transactions up to their EXEC, and exits with 0 within `limits.drainTimeout`.',
        tests: [
          ['robustness/drain.test.ts', 'under load: every answered command was executed'],
          ['robustness/drain.test.ts', 'each client is closed at its own boundary'],
          ['robustness/drain.test.ts', 'a drain ends after limits.drainTimeout, with exit code 0'],
        ],
      },
      {
        promise:
          'The client waits for the reply of the first command that a drain drops. So `CLIENT REPLY OFF` and `SKIP`, and the commands that they silence, reach the server if Spillway has read them. Commands that it has not read are lost, as when Redis itself shuts down.',
        tests: [
          ['property/core/session-drain.test.ts', 'pooling'],
          ['robustness/drain.test.ts', 'no command is lost that was sent under CLIENT REPLY OFF'],
        ],
      },
      {
        promise: 'A second signal ends Spillway at once.',
        tests: [['robustness/drain.test.ts', 'the proxy ends at once']],
      },
      {
        promise: 'Under a long mixed load memory and descriptors stay flat, and no reply is wrong.',
        tests: [['robustness/soak.ts']],
      },
      {
        promise: 'The whole test suite passes on every supported release line of Node.',
        tests: [],
      },
    ],
    figures: [
      run(
        'soak',
        'npx tsx test/robustness/soak.ts --minutes 20',
        {
          ...{ minutes: number, replies: number, mismatches: number, messages: number, sheds: number },
          ...{ kills: number, residentFirstMiB: number, residentLastMiB: number, residentPeakMiB: number },
          ...{ residentSlopeMiBAMinute: number, descriptorsBefore: number, descriptorsAfter: number },
          ...{ descriptorsMost: number, visits: number, keysWithoutTtl: number },
        },
        (f) =>
          `${f.minutes} minutes, ${n(f.replies)} replies and ${n(f.messages)} messages checked, ${f.mismatches} mismatches; ${n(f.visits)} connects, ${n(f.kills)} CLIENT KILLs, ${n(f.sheds)} sheds, ${f.keysWithoutTtl} keys without the TTL of their rule. ` +
          `Resident memory ${f.residentFirstMiB} MB at the start, ${f.residentLastMiB} at the end, ${f.residentPeakMiB} at most (${f.residentSlopeMiBAMinute} MB a minute over the last two thirds); descriptors ${f.descriptorsBefore} before, ${f.descriptorsMost} at most, ${f.descriptorsAfter} after.`,
      ),
      {
        file: 'matrix',
        text: (figures) => {
          const outcome = z.object({ node: z.string(), passed: number, failed: number, seconds: number });
          const { day, outcomes } = z.object({ day: z.string(), outcomes: z.array(outcome) }).parse(figures);
          const rows = outcomes.map((o) => `| ${o.node} | ${n(o.passed)} | ${o.failed} | ${o.seconds} |`);
          return [
            `Last run on every line (\`npm run test:matrix\`, ${day}):`,
            '',
            '| Node | passed | failed | seconds |',
            '| --- | --- | --- | --- |',
            ...rows,
          ].join('\n');
        },
      },
    ],
  },
  {
    heading: 'The tests themselves',
    promises: [
      {
        promise:
          'A change to the core that a client could notice fails a test. `npm run mutate` draws small changes at random and runs the tests that execute the changed place.',
        tests: [],
      },
    ],
    figures: [
      run(
        'mutation',
        'npm run mutate',
        {
          ...{
            places: z.array(z.string()),
            seed: number,
            candidates: number,
            judged: number,
            killed: number,
          },
          ...{ timedOut: number, explained: number, survived: number, byQuickTestsAlone: z.boolean() },
          since: z.string().optional(),
        },
        (f) =>
          `${n(f.judged)} of ${n(f.candidates)} possible changes of ${f.places.join(', ')} (seed ${f.seed}), judged by ` +
          `${f.byQuickTestsAlone ? 'unit and property tests alone' : 'unit and property tests, then by those of `npm test` that play whole connections'}: ${n(f.killed + f.timedOut)} noticed, ` +
          `${n(f.timedOut)} of them by a test that did not end; ${n(f.explained)} make no difference ` +
          `([why](../scripts/mutation/explained.json)); ${n(f.survived)} survived.${f.since === undefined ? '' : ` ${f.since}`}`,
      ),
    ],
  },
];
