// Exit codes of `spillway`: one table, from which `--help` and docs/EXIT-CODES.md are written, and the line on standard
// error that goes with a failure.
// Codes 64 and 78 are those of BSD's sysexits.h, so that a supervisor can tell "fix the config" from "try again".

export const ExitCode = {
  OK: 0,
  /** A failure at the start or later: a port in use, a crash, a shutdown cut short. */
  FAILURE: 1,
  /** From doctor: the worst finding. From watch --once: the threshold that is reached. */
  WARNING: 2,
  CRITICAL: 3,
  /** EX_USAGE: unknown flag, missing argument. */
  USAGE: 64,
  /** EX_CONFIG: the config, a variable or a flag's value is invalid. */
  CONFIG: 78,
  /** Ended by Ctrl-C, or SIGTERM, before it was done. */
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const USAGE = [ExitCode.USAGE, 'wrong usage: an unknown flag or command, a missing value'] as const;
const CONFIG = [
  ExitCode.CONFIG,
  'the configuration, a variable or an address is invalid; the output lists each problem with its place',
] as const;
const UNASKED = [ExitCode.FAILURE, 'the server did not answer; the message says why and what to do'] as const;
const SIGNALS = [
  [ExitCode.INTERRUPTED, 'ended by SIGINT (Ctrl-C) before it finished'],
  [ExitCode.TERMINATED, 'ended by SIGTERM before it finished'],
] as const;

export interface ExitStatus {
  readonly commands: readonly string[];
  readonly about?: string;
  readonly rows: readonly (readonly [code: ExitCode, meaning: string])[];
}

/** The exit codes of each kind of command. A second SIGINT or SIGTERM ends any of them at once. */
export const EXIT_STATUS = {
  run: {
    commands: ['spillway'],
    rows: [
      [ExitCode.OK, 'ended by SIGTERM or SIGINT after all clients had finished'],
      [ExitCode.FAILURE, 'could not listen, failed while running, or was ended by a second signal'],
      USAGE,
      CONFIG,
    ],
  },
  check: {
    commands: ['spillway check'],
    rows: [
      [ExitCode.OK, 'the configuration is valid'],
      [ExitCode.FAILURE, 'with --connect: the server, or a majority of its Sentinels, did not answer'],
      USAGE,
      CONFIG,
    ],
  },
  ask: {
    commands: ['spillway explain', 'spillway stats', 'spillway top', 'spillway report', 'spillway simulate'],
    rows: [
      [ExitCode.OK, 'answered'],
      [ExitCode.FAILURE, 'the proxy did not answer; the message says why and what to do'],
      USAGE,
      CONFIG,
    ],
  },
  failover: {
    commands: ['spillway failover'],
    rows: [
      [ExitCode.OK, 'switched; with --dry-run: a switch could take place now'],
      [
        ExitCode.FAILURE,
        'refused or failed, or the proxy did not answer; the message says why and what to do',
      ],
      USAGE,
      CONFIG,
    ],
  },
  doctor: {
    commands: ['spillway doctor'],
    rows: [
      [ExitCode.OK, 'no findings, or only findings below --fail-on'],
      UNASKED,
      [ExitCode.WARNING, 'the worst finding is a warning or a notice'],
      [ExitCode.CRITICAL, 'the worst finding is critical'],
      USAGE,
      CONFIG,
      ...SIGNALS,
    ],
  },
  watch: {
    commands: ['spillway watch'],
    about: 'with --once; otherwise watch runs until you end it',
    rows: [
      [ExitCode.OK, 'below all thresholds, or the server evicts'],
      UNASKED,
      [ExitCode.WARNING, 'a threshold is reached, but not the highest of several'],
      [ExitCode.CRITICAL, 'the highest of several thresholds is reached'],
      USAGE,
      CONFIG,
      ...SIGNALS,
    ],
  },
  tool: {
    commands: ['spillway analyze', 'spillway init', 'spillway sweep'],
    rows: [
      [ExitCode.OK, 'done'],
      [ExitCode.FAILURE, 'failed or did not finish; the message says why and what to do'],
      USAGE,
      CONFIG,
      ...SIGNALS,
    ],
  },
  demo: {
    commands: ['spillway demo'],
    rows: [
      [ExitCode.OK, 'it ran until --seconds or Ctrl-C ended it'],
      [ExitCode.FAILURE, 'it could not run; the message says why and what to do'],
      USAGE,
    ],
  },
} as const satisfies Record<string, ExitStatus>;

/** The last section of a `--help`. */
export function exitStatusHelp(kind: keyof typeof EXIT_STATUS): string {
  const { about, rows }: ExitStatus = EXIT_STATUS[kind];
  const lines = rows.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}`);
  return `\nExit status${about === undefined ? '' : ` (${about})`}:\n${lines.join('\n')}\n`;
}

/** The warning about a URL on the command line. */
export const PASSWORD_SEEN =
  'warning: a password on the command line can be seen by all users of this machine (ps): use SPILLWAY_UPSTREAM_PASSWORD or SPILLWAY_UPSTREAM_PASSWORD_FILE';

/** Prints `spillway: <message>` to standard error. */
export function complain(message: string): void {
  process.stderr.write(`spillway: ${message}\n`);
}
