// What `--help` of doctor says below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';
import { TOOL_ENVIRONMENT } from './tool-help.js';

export const DOCTOR_MANUAL = `
Description:
  Reads what a Redis says of itself and a sample of its keys, and tells what endangers its memory:
  no limit, a policy that does not fit, keys that never end, fragmentation, buffers, big keys, OOM
  errors already counted. Each finding comes with its evidence, the reason, and the command that
  mends it. Of a Cluster each primary is examined. No password is printed: redis-cli takes it from
  REDISCLI_AUTH.

  It reads only. What may not be read, such as CONFIG on managed services, is said, and so is each
  check that could not be made without it. Keys are shown only where they are very big.

Examples:
  spillway doctor --upstream redis://10.0.0.5:6379
      What is wrong, the worst first.
  spillway doctor --fail-on critical --sample 0 || notify
      For cron: quick, and quiet unless it is serious.
  spillway doctor --json | jq '.servers[].findings[].id'
      For scripts (docs/TOOLS.md has the fields and all checks).

Rights:
  +info +ping +select +client|setname; for the keys +scan +memory|usage +pttl +type +object +exists +strlen +hlen
  +zcard +scard +hscan +zscan +sscan; +config|get +slowlog|get +latency|latest +latency|history
  +client|list; of a Cluster +cluster|slots and +cluster|nodes. What is missing but INFO is said.
${exitStatusHelp('doctor')}${TOOL_ENVIRONMENT}`;
