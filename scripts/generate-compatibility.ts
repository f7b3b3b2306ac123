// Writes docs/COMPATIBILITY.md from the figures that the conformance tests leave in docs/figures. With --check it writes
// nothing and exits 1 when the document differs. The reasons, which no test can tell, are text below.
// It never runs a test itself, and never fills in a figure that is not there.
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
      z.object({
        ...{ part: z.string(), passed: z.number(), failed: z.number(), names: z.array(z.string()) },
        // Written by hand: what was found out of a failure. The next run takes it away.
        why: z.string().optional(),
      }),
    ),
  }),
);
const because = z.array(z.object({ name: z.string(), why: z.string() }));
const suiteFigures = measured.extend({
  suite: z.string(),
  version: z.string(),
  pool: z.string(),
  ran: z.number(),
  same: z.number(),
  differs: because,
  skipped: z.array(z.object({ what: z.string(), why: z.string() })),
});

/** What a client could notice, and the reason. */
const DIFFERENCES: readonly (readonly [what: string, why: string])[] = [
  [
    'A refused write gets `OOM` where Redis would answer `NOPERM` or `MOVED`.',
    'Only the server knows rights and slots, and a refused write never reaches it. All refusals that Redis makes before these two (unknown command, arity, `NOAUTH`) come first here too.',
  ],
  [
    'A client sees a rule’s TTL: in `TTL`, `PTTL` and `EXPIRETIME`, and in the answers of `EXPIRE … NX` and similar commands.',
    'That is the purpose of the rule. Rules that match nothing, and rules in observe mode, change no reply.',
  ],
  [
    'A follow-up `PEXPIRE … NX` is a write of its own: it touches watched keys, invalidates the key for clients that track it, fires an `expire` keyspace event, and shows in `MONITOR` and in replicas. Before Redis 7.0 it is an `EVAL`, which also reads the key: a client with tracking on may get one more invalidation.',
    'Some writes, such as `SETNX`, cannot carry a TTL themselves.',
  ],
  [
    '`MONITOR`, `CLIENT LIST` and `INFO` show Spillway’s own connection and its commands (`INFO`, `COMMAND`), and now and then an injected `CLIENT REPLY ON` or `HELLO`.',
    'Spillway must know how full the server is, and whether a client that asked for silence is silent.',
  ],
  [
    '`CLIENT LIST`, `CLIENT INFO` and `ACL LOG` show Spillway’s address for each client, so `CLIENT KILL ADDR` and `LADDR` need that address. `CLIENT KILL ID` works as usual.',
    'Spillway opens a connection to the server for each client.',
  ],
  [
    'Cluster and Sentinel clients that follow the addresses in replies (`CLUSTER SLOTS`, `MOVED`, `SENTINEL …`) bypass Spillway.',
    'Spillway does not rewrite replies. A client without such a mode, in front of one node, sees that node’s replies unchanged.',
  ],
  [
    'A failed `AUTH`, or a failed `HELLO` with `AUTH`, after other commands of a pipeline gets its error, even if the server itself would send nothing (Redis 7.2 to 8, Valkey 8).',
    'These servers omit the error while earlier replies wait to be sent ([redis#15640](https://github.com/redis/redis/issues/15640)), and every later reply goes to the wrong command. Spillway sends such a command only after the earlier replies. In a transaction that does not help: from there on the connection is a plain pipe.',
  ],
  [
    'A replica that replicates through Spillway gets its stream byte for byte, one hop further away.',
    '`SYNC`, `PSYNC` and `REPLCONF` turn the connection into a plain pipe.',
  ],
  [
    'Spillway itself answers `PROXY`, for clients that may run `INFO`, unless the server has a command of that name. With `"console": false` Redis gets the command and does not know it.',
    'So redis-cli is enough to see what Spillway does. To learn whether the client may ask, Spillway sends `INFO spillway` in its place. That shows in `MONITOR` and in the server’s command statistics.',
  ],
  [
    'When the server ends in the middle of a pipeline, a client may get one reply more or less than without Spillway.',
    'Redis does not send the replies of the event loop turn in which it ends, and a hop changes which commands share a turn.',
  ],
];

/** Further differences when clients share upstream connections. */
const POOLED: readonly (readonly [what: string, why: string])[] = [
  [
    'The client id in the reply to HELLO belongs to a connection that may end. A client that asks for `CLIENT ID` keeps the connection with that id.',
    'HELLO runs on a connection that ends when it is no longer needed.',
  ],
  [
    '`CLIENT LIST` shows shared connections without names, and a client only while it has a connection of its own. `CLIENT KILL` of a shared connection fails the commands on it, with `-ERR spillway lost its connection to the server before the reply …`.',
    'Many clients are one connection to the server.',
  ],
  [
    'When the server ends, a client gets that error for each of its pending commands, and then its connection ends. Without Spillway it sees only the end or a reset. When only the connection is lost, the client continues on another one: commands behind the lost ones in its pipeline are executed.',
    'Other clients are on the connection too. Its loss need not end them all.',
  ],
  [
    'A client that needs a login and connects while the server is full gets the server’s error at its first command, and its connection is closed.',
    'Spillway opens no connection for a client before its first command.',
  ],
  [
    'A client that needs a new connection (for `MULTI`, `SUBSCRIBE`, a script, `SELECT`, any `CLIENT` subcommand such as `CLIENT GETNAME`, a command that acts on the server such as `FLUSHALL`, a large reply, or after a shared one was lost) may get the server’s error, and its connection is closed. This happens when the server is full, busy with a script (`SELECT`), or has another password by then; for a client without a login also when the default user has a password by now.',
    'Spillway opens and authenticates that connection when the client needs it. The answer to such a command depends on its connection, or it would delay the clients of a shared one. All other commands continue on the shared connection, however long the client was silent. A client that logs in again continues: with a valid password as that user, with a wrong one with the rights that it had. RESET is answered, too. The client never gets other rights than it had when it connected.',
  ],
  [
    'A client that connects while the default user has a password, and sends its first command when it has none, is closed after the first reply.',
    'Without Spillway its connection would lose its rights with the next password. A connection opened for it now would keep them.',
  ],
  [
    '`MONITOR` and `INFO commandstats` show a `HELLO` when clients connect and after each `RESET`. If the server wants a login, idle clients and each `RESET` add a `NOAUTH` to `INFO errorstats`.',
    'Before clients share connections, Spillway asks on a fresh connection what they may do. One question serves all clients that wait for the answer.',
  ],
  [
    'When a client’s own connection ends while the client does not need it, as by `CLIENT KILL`, a client that waits for replies elsewhere stays connected.',
    'The client is no longer on that connection.',
  ],
  [
    'When more than 128 MB of replies wait for clients that do not read, Spillway closes the client with the most waiting bytes. Before that, such clients delay the others on their connection for at most 0.1 s of each second.',
    'Redis cannot hold back the replies of one client on a connection that others share.',
  ],
  [
    'An HTTP request gets an error before its connection is closed; Redis closes at once.',
    'Its first line is a command like any other and goes to Redis on a shared connection. The rest does not.',
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
    outcomes.flatMap(({ part, names, why }) =>
      names.map((name) => `- ${server} ${version}, ${part}: ${name}${why === undefined ? '' : `: ${why}`}`),
    ),
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
      parts.push('These commands cannot succeed in the script. It compares their refusals:');
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
  const rows = runs.map(({ suite, version, pool, ran, same, differs, skipped, day }) => [
    ...[suite, version, pool, ran, same, differs.length, skipped.length, day],
  ]);
  const found = runs.flatMap(({ suite, pool, differs, skipped }) => [
    ...differs.map(({ name, why }) => `- ${suite}, ${pool} pooling: “${name}” differs: ${why}`),
    ...skipped.map(({ what, why }) => `- ${suite}: ${what}, not run: ${why}`),
  ]);
  const parts = [
    table(['suite', 'version', 'pooling', 'tests', 'same as direct', 'differ', 'not run', 'day'], rows),
  ];
  return (found.length === 0 ? parts : [...parts, [...new Set(found)].join('\n')]).join('\n\n');
}

/** The text of docs/COMPATIBILITY.md. */
function generate(): string {
  return [
    '<!-- Generated from docs/figures by scripts/generate-compatibility.ts: change that, or measure again. -->',
    '# Compatibility',
    'Spillway claims that a client cannot tell it from Redis. `test/conformance` checks that. It sends the same bytes to a ' +
      'server and to its twins, each behind a proxy, and compares the replies byte for byte. One proxy has no rules, ' +
      'one has rules that match nothing, one has rules that only observe; in pipelines and scenarios a fourth has rules ' +
      'that act on every key. The tests ignore what no two servers can agree on, such as clocks, ids and the order of a hash table: ' +
      '`test/conformance/loose.ts` declares these. `npm run compatibility` measures again and rewrites this file.',
    '## Servers',
    servers(),
    '### Other servers',
    '`npm run test:servers` fetches these servers from Debian’s releases and runs the tests that depend on the server on each ' +
      `of them. Not run: ${NOT_TO_BE_HAD.map(([version, why]) => `${version} (${why})`).join('; ')}.`,
    otherServers(),
    '## Commands',
    'Every command and subcommand of the server’s own COMMAND list, in RESP2 and RESP3: successful, with one argument ' +
      'too few or too many, and with keys of a wrong type.',
    commands(),
    '## Pipelines and scenarios',
    'Pipelines use one connection and are sent whole and byte by byte. Scenarios have several clients.',
    scenarios(),
    '## Clients',
    clients(),
    '## Test-suites of clients and servers',
    suites(),
    '## What is refused',
    '[ERRORS.md](ERRORS.md) lists every error that Spillway itself sends. Every other error is the server’s own. When ' +
      'Spillway refuses a command inside `MULTI`, it also makes the server refuse one, so that `EXEC` answers `EXECABORT`.',
    '## What differs',
    table(['difference', 'reason'], DIFFERENCES),
    '## By TLS and unix sockets',
    'Pipelines and scenarios also run over TLS and over unix sockets, on both sides of Spillway (`npm run test:rest`). There ' +
      'is no further difference. A server behind a unix socket shows the socket’s path in place of an address (`MONITOR`, ' +
      '`CLIENT LIST`).',
    '## With command pooling',
    'The conformance and fault tests also run with `upstream.pool: "command"` (`npm run test:rest`). Further differences:',
    table(['difference', 'reason'], POOLED),
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
