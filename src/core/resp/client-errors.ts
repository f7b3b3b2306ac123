// All error replies that Spillway itself sends to clients. docs/ERRORS.md is generated from this table. Every other error
// comes from the server, byte for byte. A test finds error texts that stand elsewhere in src.

export interface ClientError {
  /** The line without `-` and line end. errorText() replaces `<…>`. */
  readonly text: string;
  /** The author of the text: clients compare Redis's texts, so they must not be changed. */
  readonly words: 'Redis' | 'Spillway';
  /** When a client gets it. */
  readonly when: string;
  /** Whether the command was executed. */
  readonly executed: 'no' | 'unknown';
  /** What the application, or its operator, can do. */
  readonly advice: string;
}

export const CLIENT_ERRORS = {
  OOM: {
    // shared.oomerr in server.c
    text: "OOM command not allowed when used memory > 'maxmemory'.",
    words: 'Redis',
    when: 'The write would make memory grow, and Spillway sheds its key at the present memory pressure. Redis answers the same line when it is full. A rule with a `limit` answers it at any pressure, unless the rule has its own `error`.',
    executed: 'no',
    advice:
      'Handle it like an OOM error of Redis. `spillway explain KEY` names the rule and the pressure above which Spillway refuses the key; [GUIDE.md](GUIDE.md) says how to make room.',
  },
  MAX_CLIENTS: {
    // networking.c, acceptCommonHandler
    text: 'ERR max number of clients reached',
    words: 'Redis',
    when: 'A new connection, when `limits.maxClients` clients are connected or the process has no file descriptors left. Spillway then closes it. With TLS the client gets only the close.',
    executed: 'no',
    advice: 'Close idle connections, or raise `limits.maxClients` and the limit on open files (`ulimit -n`).',
  },
  NOAUTH: {
    // shared.noautherr in server.c
    text: 'NOAUTH Authentication required.',
    words: 'Redis',
    when: 'Command pooling only: the client has not logged in, and the server has begun to require a password. The server answers the same line.',
    executed: 'no',
    advice: 'Give the application its user and password.',
  },
  LOST: {
    text: 'ERR spillway lost its connection to the server before the reply: the command may or may not have been executed',
    words: 'Spillway',
    when: 'Command pooling only: the shared connection was lost before the reply came. With session pooling, or if part of the reply had reached the client, Spillway closes the client instead.',
    executed: 'unknown',
    advice: 'Retry the command if it may run twice. Otherwise read the key first.',
  },
  NO_PRIMARY: {
    text: 'ERR spillway found no primary in time: the command was not executed',
    words: 'Spillway',
    when: 'With `upstream.failover` only: the client waited through a failover, and no server had become primary when `failover.pause` was over. Spillway then closes the client, and its data port until there is a primary.',
    executed: 'no',
    advice: 'Connect again and send the command again. docs/FAILOVER.md says what a failover waits for.',
  },
  IN_TRANSACTION: {
    // server.c, processCommand, of a command that is not queued
    text: 'ERR Command not allowed inside a transaction',
    words: 'Redis',
    when: '`PROXY` between MULTI and EXEC. EXEC then fails with EXECABORT, as after any command that Redis refuses to queue.',
    executed: 'no',
    advice: 'Send `PROXY` outside of the transaction.',
  },
  PROXY_ARITY: {
    text: "ERR wrong number of arguments for '<command>' command",
    words: 'Redis',
    when: '`PROXY` without a subcommand, or a subcommand with too many arguments.',
    executed: 'no',
    advice: '`PROXY HELP` lists the subcommands and their arguments.',
  },
  PROXY_SUBCOMMAND: {
    text: "ERR unknown subcommand '<name>'. Try PROXY HELP.",
    words: 'Redis',
    when: '`PROXY` with a subcommand that does not exist.',
    executed: 'no',
    advice: '`PROXY HELP` lists the subcommands.',
  },
  PROXY_PATTERN: {
    text: 'ERR an argument is longer than <limit> bytes',
    words: 'Spillway',
    when: '`PROXY STATS` or `PROXY EXPLAIN` with an argument that is too long.',
    executed: 'no',
    advice: 'Use a shorter pattern, or a command with a shorter value.',
  },
  PROXY_DATABASE: {
    text: 'ERR the database must be a number',
    words: 'Spillway',
    when: '`PROXY EXPLAIN DB` with something other than a number after it.',
    executed: 'no',
    advice: 'Write the number of the database, as for SELECT.',
  },
  PROXY_FAILED: {
    text: "ERR this could not be read; Spillway's log says why",
    words: 'Spillway',
    when: '`PROXY`, when Spillway could not collect the figures.',
    executed: 'no',
    advice: 'Read the log, and report the error that it shows.',
  },
  PROXY_TOO_LATE: {
    text: 'ERR Spillway did not answer in time',
    words: 'Spillway',
    when: '`PROXY`, when the answer took longer than three seconds: many clients ask different questions, or a process is overloaded.',
    executed: 'no',
    advice: 'Ask again. If it persists, look at the CPU that the primary process uses.',
  },
  PROXY_SERVER_SILENT: {
    text: 'ERR the server did not say in time whether you may ask',
    words: 'Spillway',
    when: '`PROXY`, when the server did not answer for three seconds: Spillway first asks it whether the client may run `INFO`.',
    executed: 'no',
    advice:
      'Look at the server. `spillway stats` and the admin address do not need it, and show the same figures.',
  },
  PROXY_OVERTAKEN: {
    text: 'ERR the connection went on before Spillway could answer',
    words: 'Spillway',
    when: '`PROXY`, when the server sent something else on the connection before the answer was ready.',
    executed: 'no',
    advice: 'Ask again.',
  },
} as const satisfies Record<string, ClientError>;

export type ClientErrorName = keyof typeof CLIENT_ERRORS;

/** The line of an error reply, without `-` and line end. `value` replaces the table's `<…>`. */
export function errorText(name: ClientErrorName, value = ''): string {
  return CLIENT_ERRORS[name].text.replace(/<\w+>/, () => value);
}

/** A whole error reply, for both RESP versions. */
export function errorReply(name: ClientErrorName): Buffer {
  return Buffer.from(`-${errorText(name)}\r\n`, 'latin1');
}
