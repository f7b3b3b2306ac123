// What `--help` of watch says below the list of flags. Text only.
import { TOOL_ENVIRONMENT } from './tool-help.js';

export const WATCH_MANUAL = `
Description:
  Reads a server's memory again and again, for those who want no proxy yet. It tells when memory
  goes over a threshold and when it is below again, when it will be full before long at the growth
  of the last two minutes, when the server does not answer and when it does again. On a terminal the
  last reading stands below what was told; elsewhere each reading is a line.

  What is told goes to standard output, to --log, and to the webhook of the configuration (alerts in
  docs/CONFIG.md; alerts.timeToFull and alerts.hold count here, too). A webhook that fails is tried
  on, and holds nothing up.

Examples:
  spillway watch --upstream redis://10.0.0.5:6379
      Every ten seconds, until Ctrl-C.
  spillway watch --threshold 70%,85%,95% --interval 5 --log memory.jsonl
      Three thresholds, kept in a file.
  spillway watch --once --threshold 90% || notify
      For cron.

Rights:
  +info +ping +client|setname. CONFIG is not asked for.

Exit status:
  0    ended by Ctrl-C or SIGTERM; with --once: below the first threshold, or there is no limit
  1    the server could not be asked at the start, and the message says why and what to do
  2    with --once: over the first threshold; 3: over the last of several
  64   wrong usage: an unknown flag, a missing value
  78   the configuration is invalid; every problem is listed with its place
${TOOL_ENVIRONMENT}`;
