// The text of `watch --help` below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';
import { TOOL_ENVIRONMENT } from './tool-help.js';

export const WATCH_MANUAL = `
Description:
  Watches the memory of a Redis without a proxy. It prints how full memory is, and when it will be
  full at the growth of the last two minutes. It reports changes: memory reaches a threshold, or
  falls two percent below it; memory will soon be full; Redis refuses writes (OOM); the server
  does not answer, or answers again. It sends one PING at the start, and INFO every ten seconds,
  or every --interval if that is shorter.

  A server that evicts is always full and accepts every write, so watch sends no alert about it.
  The limit is maxmemory, or memory.limit of the configuration if that is lower or there is no
  maxmemory.

  The server must answer at the start. If it is away later, watch reports that and retries until
  it is back. Behind Sentinels and in a Cluster it watches the current primaries.

  With a webhook it posts each change (docs/TOOLS.md lists the fields), and retries until the
  change is delivered or no longer true. The webhook is a secret: set it in a variable or a file.

Examples:
  spillway watch --upstream redis://10.0.0.5:6379
      How full memory is now, and each change.
  SPILLWAY_ALERTS_WEBHOOK_FILE=/run/secrets/hook spillway watch --quiet --threshold 85%
      As a service: only changes, with alerts.
  spillway watch --once --quiet || notify
      For cron.
  spillway watch --json --interval 1s | jq 'select(.type == "reading").pressure'
      For scripts.

Rights:
  +info +ping +client|setname; in a Cluster also +cluster|slots.
${exitStatusHelp('watch')}${TOOL_ENVIRONMENT}  SPILLWAY_ALERTS_WEBHOOK           URL that alerts are posted to; a secret
  SPILLWAY_ALERTS_WEBHOOK_FILE      the same, read from a file
  SPILLWAY_ALERTS_AUTHORIZATION     the Authorization header of the alerts
  SPILLWAY_ALERTS_AUTHORIZATION_FILE
                                    the same, read from a file
`;
