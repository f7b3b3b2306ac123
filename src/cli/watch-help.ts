// What `--help` of watch says below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';
import { TOOL_ENVIRONMENT } from './tool-help.js';

export const WATCH_MANUAL = `
Description:
  Looks at the memory of a Redis again and again, without a proxy: prints how full it is and when it
  will be full at the growth of the last two minutes, and tells when that changes: a threshold is
  reached, or left by two percent; memory will be full before long; Redis refuses writes (OOM); the
  server is away, or there again. It asks INFO every ten seconds, or every --interval where that is
  less, and once PING.

  A server that evicts as it should is full for ever and takes every write: that is no alert. The
  limit is maxmemory, or memory.limit of the configuration where that is lower or there is no other.

  Redis may go away: that is said, and it is asked again until it is there. Behind Sentinels and in a
  Cluster those are watched that are primaries now. At the start it must be there.

  With a webhook each change is posted to it (docs/TOOLS.md has the fields), and tried again until it
  has arrived or is over. The webhook is a secret: it comes by a variable or a file, never by a flag.

Examples:
  spillway watch --upstream redis://10.0.0.5:6379
      How full it is now, and what changes.
  SPILLWAY_ALERTS_WEBHOOK_FILE=/run/secrets/hook spillway watch --quiet --threshold 85%
      As a service: only changes, and alerts.
  spillway watch --once --quiet || notify
      For cron.
  spillway watch --json --interval 1s | jq 'select(.type == "reading").pressure'
      For scripts.

Rights:
  +info +ping +client|setname; of a Cluster +cluster|slots.
${exitStatusHelp('watch')}${TOOL_ENVIRONMENT}  SPILLWAY_ALERTS_WEBHOOK           URL that alerts are posted to; a secret
  SPILLWAY_ALERTS_WEBHOOK_FILE      the same, read from a file
  SPILLWAY_ALERTS_AUTHORIZATION     what goes with them as their Authorization header
  SPILLWAY_ALERTS_AUTHORIZATION_FILE   the same, read from a file
`;
