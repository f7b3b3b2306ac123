// Writes docs/COMPATIBILITY.md from the figures that the conformance tests leave in docs/figures; with --check writes
// nothing and exits 1 when the document differs. What the tests cannot tell, the reasons, is text below.
// Never runs a test itself, and never fills in a figure that is not there.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { NOT_TO_BE_HAD } from './servers/releases.js';

const FIGURES = new URL('../docs/figures/', import.meta.url);
const DOCUMENT = new URL('../docs/COMPATIBILITY.md', import.meta.url);

const measured = z.object({ day: z.string(), node: z.string() });
const onServer = measured.extend({ server: z.string(), version: z.string() });
const commandsFigures = onServer.extend({
  families: z.array(
    z.object({ family: z.string(), commands: z.number(), covered: z.number(), cases: z.number() }),
  ),
  differences: z.array(
    z.object({
      family: z.string(),
      command: z.string(),
      way: z.string(),
      protocol: z.number(),
      place: z.string(),
      how: z.string(),
    }),
  ),
  unable: z.array(z.object({ command: z.string(), why: z.string() })),
  uncovered: z.array(z.string()),
});
const scenarioFigures = onServer.extend({
  families: z.array(z.object({ family: z.string(), scenarios: z.number(), failures: z.number() })),
});
const clientFigures = measured.extend({
  client: z.string(),
  version: z.string(),
  protocol: z.union([z.string(), z.number()]),
  cases: z.array(z.object({ name: z.string(), ok: z.boolean(), note: z.string().optional() })),
});
const byServer = z.array(
  z.object({
    server: z.string(),
    version: z.string(),
    day: z.string(),
    outcomes: z.array(
      z.object({ part: z.string(), passed: z.number(), failed: z.number(), names: z.array(z.string()) }),
    ),
  }),
);
const because = z.array(z.object({ name: z.string(), why: z.string() }));
const suiteFigures = measured.extend({
  suite: z.string(),
  version: z.string(),
  ran: z.number(),
  same: z.number(),
  differs: because,
  skipped: z.array(z.object({ what: z.string(), why: z.string() })),
});

/** What a client could notice, and why it is so. */
const DIFFERENCES: readonly (readonly [what: string, why: string])[] = [
  [
    'A write that is shed gets `OOM` where Redis would have said `NOPERM` or `MOVED`.',
    'Rights and slots are the server’s to know; a shed write never reaches it. Every refusal that Redis makes before those two (unknown command, arity, `NOAUTH`) comes first here as well.',
  ],
  [
    'A rule’s TTL shows: in `TTL`, `PTTL`, `EXPIRETIME`, and in what `EXPIRE … NX` and the like answer.',
    'That is what the rule is for. Rules that match nothing, and rules in observe mode, change no reply.',
  ],
  [
    'A follow-up `PEXPIRE … NX` is a write of its own: it touches watched keys, tells those who track the key, fires an `expire` keyspace event, and shows in `MONITOR` and in replicas. Before Redis 7.0 it is an `EVAL`, which also reads the key: a client with tracking on may be told once more that it changed.',
    'Some writes, such as `SETNX`, cannot carry a TTL themselves.',
  ],
  [
    '`MONITOR`, `CLIENT LIST` and `INFO` show Spillway’s own connection and what it asks for (`INFO`, `COMMAND`), and now and then an injected `CLIENT REPLY ON` or `HELLO`.',
    'It must know how full the server is, and whether a client that asked for silence is silent.',
  ],
  [
    '`CLIENT LIST`, `CLIENT INFO` and `ACL LOG` show Spillway’s address for each client, so `CLIENT KILL ADDR` and `LADDR` want that one. `CLIENT KILL ID` works as ever.',
    'Each client has a connection to the server, opened by Spillway.',
  ],
  [
    'Clients of a cluster or of Sentinel that follow the addresses they are told (`CLUSTER SLOTS`, `MOVED`, `SENTINEL …`) go around Spillway.',
    'Replies are not rewritten. A client without such a mode, in front of one node, sees that node’s replies as they are.',
  ],
  [
    'An `AUTH`, or a `HELLO` with it, that fails behind other commands of a pipeline is answered with its error, also where the server itself would say nothing (Redis 7.2 to 8, Valkey 8).',
    'Those leave the error out while earlier replies wait to be sent ([redis#15640](https://github.com/redis/redis/issues/15640)), and every later reply goes to the wrong command. Spillway lets it wait for them. In a transaction nothing helps: such a connection passes as it is from there on.',
  ],
  [
    'A replica that replicates through Spillway gets its stream byte for byte, but is one more hop away.',
    '`SYNC`, `PSYNC` and `REPLCONF` turn the connection into a plain pipe.',
  ],
  [
    '`PROXY` is answered by Spillway itself, where the server has no command of that name, to clients that may run `INFO`. `"console": false` ends that: Redis then says that it does not know it.',
    'So redis-cli is enough to see what Spillway does. Whether the client may ask is found by an `INFO spillway` in its place, which shows in `MONITOR` and in the server’s statistics of commands.',
  ],
  [
    'When the server ends in the middle of a pipeline, a client may have got one reply more, or one less, than without Spillway.',
    'Redis does not send what it has answered in the same turn in which it ends, and a hop changes what is one turn.',
  ],
];

/** What differs where clients share upstream connections, beyond the above. */
const POOLED: readonly (readonly [what: string, why: string])[] = [
  [
    'The client id that HELLO tells is not that of a connection that lasts. Who asks for `CLIENT ID` keeps the connection it tells of.',
    'The greeting is spoken on a connection that ends when it is not needed any more.',
  ],
  [
    '`CLIENT LIST` shows shared connections without names, and a client only while it has its own; `CLIENT KILL` of a shared one fails the commands that are on it, with `-ERR spillway lost its connection to the server before the reply …`.',
    'Many clients are one connection to the server.',
  ],
  [
    'When the server ends, a client gets that error for each of its commands under way, and then the end of its connection, where it would have seen that end or a reset alone. When only the connection is lost, it goes on with another one.',
    'Others are on the connection, too: that it is lost need not end them all.',
  ],
  [
    'A client that connects while the server is full, and wants a login, is told so at its first command, in the server’s words, and closed.',
    'It has no connection to the server before it asks for something.',
  ],
  [
    'A client that needs a connection that there is not yet (`MULTI`, `SUBSCRIBE`, a shared one that was lost) may be refused, in the server’s words, and closed: when the server is full, busy with a script (`SELECT`), has another password by then, or, for a client without a login, when the default user has got a password since.',
    'That connection is made, and logged in, when it is needed. Its rights are never others than the client came with.',
  ],
  [
    'A client that came while the default user had a password, and first speaks when it has none, is closed behind the first reply.',
    'Its own connection would lose its rights with the next password; the one that is made for it now would keep them.',
  ],
  [
    '`MONITOR` and `INFO commandstats` show a `HELLO` when clients come and behind each `RESET`; where a login is wanted, silent clients and each `RESET` count a `NOAUTH` in `INFO errorstats`.',
    'Before clients share, a fresh connection is asked what they may do; one question answers for all that wait.',
  ],
  [
    'When a connection of its own ends while it is not needed, as by `CLIENT KILL`, a client that waits for replies elsewhere stays.',
    'It is no longer on that connection.',
  ],
  [
    'When more than 128 MiB of replies wait for clients that do not read them, the client for which most waits is closed; before that they hold up those who share their connection, for 0.1 s of each second at most.',
    'Redis cannot keep replies for one client alone on a connection that others share.',
  ],
  [
    'An HTTP request gets an error before it is closed; Redis closes at once.',
    'Its first line is a command like any other, and goes up a shared connection. The rest does not.',
  ],
];

function load<T>(prefix: string, schema: z.ZodType<T>): T[] {
  if (!existsSync(FIGURES)) return [];
  return readdirSync(FIGURES)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.json'))
    .sort()
    .map((name) => {
      const parsed = schema.safeParse(JSON.parse(readFileSync(new URL(name, FIGURES), 'utf8')));
      if (parsed.success) return parsed.data;
      throw new Error(`docs/figures/${name}: ${z.prettifyError(parsed.error)}`);
    });
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  if (rows.length === 0) return 'Not measured yet.';
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

/** Subcommands are written as they are sent. */
const named = (command: string) => `\`${command.toUpperCase().replace('|', ' ')}\``;

function servers(): string {
  const pipelines = [
    ...load('conformance-pipelines', scenarioFigures),
    ...load('conformance-scenarios', scenarioFigures),
  ];
  const rows = load('conformance-commands', commandsFigures).map((run) => {
    const scenarios = pipelines
      .filter(({ server, version }) => server === run.server && version === run.version)
      .flatMap(({ families }) => families);
    return [
      `${run.server} ${run.version}`,
      `${sum(run.families, ({ covered }) => covered)} of ${sum(run.families, ({ commands }) => commands) + run.uncovered.length}`,
      sum(run.families, ({ cases }) => cases),
      sum(scenarios, (each) => each.scenarios),
      run.differences.length + sum(scenarios, (each) => each.failures),
      run.day,
      run.node,
    ];
  });
  return table(
    ['server', 'commands', 'cases', 'pipelines and scenarios', 'differences', 'day', 'Node'],
    rows,
  );
}

/** What `npm run test:servers` found: a column for each server. */
function otherServers(): string {
  const runs = load('by-server', byServer).flat();
  const parts = [...new Set(runs.flatMap(({ outcomes }) => outcomes.map(({ part }) => part)))];
  const rows = parts.map((part) => [
    part,
    ...runs.map(({ outcomes }) => {
      const found = outcomes.find((each) => each.part === part);
      if (found === undefined) return 'not run';
      return found.failed === 0 ? found.passed : `${found.passed}, ${found.failed} failed`;
    }),
  ]);
  const failures = runs.flatMap(({ server, version, outcomes }) =>
    outcomes.flatMap(({ part, names }) => names.map((name) => `- ${server} ${version}, ${part}: ${name}`)),
  );
  const head = ['checks that passed', ...runs.map(({ server, version }) => `${server} ${version}`)];
  return [table(head, rows), ...(failures.length > 0 ? [failures.join('\n')] : [])].join('\n\n');
}

function commands(): string {
  return load('conformance-commands', commandsFigures)
    .map((run) => {
      const rows = run.families.map(({ family, commands, covered, cases }) => [
        family,
        commands,
        covered,
        cases,
        run.differences.filter((difference) => difference.family === family).length,
      ]);
      const parts = [
        `### ${run.server} ${run.version}`,
        table(['family', 'commands', 'compared', 'cases', 'differences'], rows),
      ];
      if (run.differences.length > 0) {
        const found = run.differences.map((each) => [
          named(each.command),
          each.way,
          each.protocol,
          each.place,
          each.how,
        ]);
        parts.push(table(['command', 'way', 'RESP', 'place', 'how'], found));
      }
      if (run.uncovered.length > 0) parts.push(`Not in the script: ${run.uncovered.map(named).join(', ')}.`);
      parts.push('These cannot succeed in the script, so what refuses them is compared there:');
      parts.push(
        table(
          ['command', 'why'],
          run.unable.map(({ command, why }) => [named(command), why]),
        ),
      );
      return parts.join('\n\n');
    })
    .join('\n\n');
}

function scenarios(): string {
  const runs = [
    ...load('conformance-pipelines', scenarioFigures),
    ...load('conformance-scenarios', scenarioFigures),
  ];
  const rows = runs.flatMap(({ server, version, families }) =>
    families.map((each) => [`${server} ${version}`, each.family, each.scenarios, each.failures]),
  );
  return table(['server', 'family', 'pipelines or scenarios', 'differences'], rows);
}

function clients(): string {
  const rows = load('clients-', clientFigures).map(({ client, version, protocol, cases, day, node }) => {
    const failed = cases.filter(({ ok }) => !ok);
    const notes = [
      ...failed.map(({ name, note }) => `differs: ${name}${note === undefined ? '' : ` (${note})`}`),
      ...cases.flatMap(({ name, ok, note }) => (ok && note !== undefined ? [`${name}: ${note}`] : [])),
    ];
    return [
      client,
      version,
      protocol,
      `${cases.length - failed.length} of ${cases.length}`,
      notes.join('; '),
      day,
      node,
    ];
  });
  return table(['client', 'version', 'protocol', 'cases as if direct', 'notes', 'day', 'Node'], rows);
}

function suites(): string {
  const runs = load('suite-', suiteFigures);
  if (runs.length === 0) return 'None measured yet.';
  const rows = runs.map(({ suite, version, ran, same, differs, skipped, day }) => [
    ...[suite, version, ran, same, differs.length, skipped.length, day],
  ]);
  const found = runs.flatMap(({ suite, differs, skipped }) => [
    ...differs.map(({ name, why }) => `- ${suite}: “${name}” differs: ${why}`),
    ...skipped.map(({ what, why }) => `- ${suite}: ${what}, not run: ${why}`),
  ]);
  const parts = [table(['suite', 'version', 'tests', 'same as direct', 'differ', 'not run', 'day'], rows)];
  return (found.length === 0 ? parts : [...parts, found.join('\n')]).join('\n\n');
}

/** The text of docs/COMPATIBILITY.md. */
function generate(): string {
  return [
    '<!-- Generated from docs/figures by scripts/generate-compatibility.ts: change that, or measure again. -->',
    '# Compatibility',
    'Spillway claims that a client cannot tell it from Redis. `test/conformance` holds it to that: the same bytes are ' +
      'sent to a server and to its twins, each behind a proxy (rules off, rules that touch nothing, rules that are ' +
      'only observed; in pipelines and scenarios also rules that act on every key), and what comes back is compared ' +
      'byte for byte. What no two servers can agree on, such as clocks, ids and the order of a hash table, is left ' +
      'out by rules declared in `test/conformance/loose.ts`. `npm run compatibility` measures again and rewrites this file.',
    '## Servers',
    servers(),
    '### Other servers',
    '`npm run test:servers` fetches these from Debian’s releases and runs the tests that depend on the server on each. Not ' +
      `run: ${NOT_TO_BE_HAD.map(([version, why]) => `${version} (${why})`).join('; ')}.`,
    otherServers(),
    '## Commands',
    'Every command and subcommand of the server’s own COMMAND list, in RESP2 and RESP3: with success, with an ' +
      'argument too few or too many, and with keys of a wrong type.',
    commands(),
    '## Pipelines and scenarios',
    'Pipelines of one connection, sent whole and byte by byte; scenarios of several clients.',
    scenarios(),
    '## Clients',
    clients(),
    '## Test-suites of clients and servers',
    suites(),
    '## What is refused',
    '[ERRORS.md](ERRORS.md) lists every error that Spillway itself sends. Every other error is the server’s own. Inside `MULTI` the ' +
      'server is made to refuse what Spillway refuses, so that `EXEC` answers `EXECABORT`.',
    '## What differs',
    table(['a client can tell by', 'why'], DIFFERENCES),
    '## By TLS and unix sockets',
    'Pipelines and scenarios run again by TLS and by unix sockets, on both sides of Spillway (`npm run test:rest`), ' +
      'without a further difference. A server that is reached by a unix socket shows its path where it would show an ' +
      'address (`MONITOR`, `CLIENT LIST`).',
    '## With command pooling',
    'With `upstream.pool: "command"` the conformance and the fault tests run as well (`npm run test:rest`). Beyond the above:',
    table(['a client can tell by', 'why'], POOLED),
    '',
  ].join('\n\n');
}

const text = `${generate().trimEnd()}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(DOCUMENT, text);
} else if (!existsSync(DOCUMENT) || readFileSync(DOCUMENT, 'utf8') !== text) {
  console.error(
    'docs/COMPATIBILITY.md is not what docs/figures say; run: npx tsx scripts/generate-compatibility.ts',
  );
  process.exitCode = 1;
}
