// The text of `analyze --help` below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const ANALYZE_MANUAL = `
Description:
  Walks over the keys of a Redis and shows which of them hold its memory. It groups keys by the
  rules of the configuration, and by the pattern of their names where no rule matches. For each
  group it shows the number of keys, their bytes, how many have no TTL, when the others expire,
  types, encodings and idle times. It also lists the biggest keys of each type. In a Cluster it
  walks over all primaries.

  It examines all keys, or about as many as --sample says. With --sample each figure is an
  estimate, with bounds that hold 19 times out of 20. Types, encodings and idle times always come
  from a part of the keys.

  It only reads, and changes no key's idle time. It pauses while the server answers slowly or is
  busy with other clients; --max-rate limits it further. Ctrl-C ends it and prints what it has
  found so far.

Examples:
  spillway analyze --upstream redis://10.0.0.5:6379
      All keys, by pattern.
  spillway analyze --config proxy.config.json --sample 50000
      By the rules of a file, estimated from 50,000 keys.
  spillway analyze --html report.html
      A report with plots in one self-contained file.
  spillway analyze --json | jq '.groups[0]'
      For scripts (docs/TOOLS.md lists the fields).

Rights:
  +scan +memory|usage +pttl +info +ping +select +client|setname. For types, encodings and idle
  times also +type and +object; without these rights analyze leaves them out. In a Cluster also
  +cluster|slots and +cluster|nodes. It does not use CONFIG.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
