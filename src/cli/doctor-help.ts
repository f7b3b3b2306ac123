// The text of `doctor --help` below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';
import { TOOL_ENVIRONMENT } from './tool-help.js';

export const DOCTOR_MANUAL = `
Description:
  Reads the status of a Redis and a sample of its keys, and shows what endangers its memory: no
  limit, the wrong eviction policy, keys that never expire, fragmentation, buffers, big keys, OOM
  errors so far. Each finding has its evidence, the reason, and the command that fixes it. In a
  Cluster it examines each primary. It prints no password: redis-cli takes it from REDISCLI_AUTH.

  It only reads. It lists what its user may not read, such as CONFIG on managed services, and the
  checks that it could not make for that reason. It names keys only if they are very big.

Examples:
  spillway doctor --upstream redis://10.0.0.5:6379
      All findings, the worst first.
  spillway doctor --fail-on critical --sample 0 || notify
      For cron: quick, and exit code 0 unless something is critical.
  spillway doctor --json | jq '.servers[].findings[].id'
      For scripts (docs/TOOLS.md lists the fields and all checks).

Rights:
  +info +ping +select +client|setname; for the keys +scan +memory|usage +pttl +type +object
  +exists +strlen +hlen +zcard +scard +hscan +zscan +sscan; +config|get +slowlog|get
  +latency|latest +latency|history +client|list; in a Cluster also +cluster|slots and
  +cluster|nodes. Only INFO is required; doctor lists the other rights that are missing.
${exitStatusHelp('doctor')}${TOOL_ENVIRONMENT}`;
