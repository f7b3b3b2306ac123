// Exit codes of `spillway`, and the line on standard error that goes with a failure.
// Codes 64 and 78 are those of BSD's sysexits.h, so that a supervisor can tell "fix the config" from "try again".

export const ExitCode = {
  OK: 0,
  /** It ran, or tried to, and failed: a port in use, a crash, a shutdown cut short. */
  FAILURE: 1,
  /** Of doctor: the worst that was found; of watch --once: which threshold is reached. */
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

/** Of a URL on the command line. */
export const PASSWORD_SEEN =
  'warning: a password on the command line can be seen by all users of this machine (ps): use SPILLWAY_UPSTREAM_PASSWORD or SPILLWAY_UPSTREAM_PASSWORD_FILE';

/** Prints `spillway: <message>` to standard error. */
export function complain(message: string): void {
  process.stderr.write(`spillway: ${message}\n`);
}
