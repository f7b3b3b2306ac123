// What `--help` of analyze says below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const ANALYZE_MANUAL = `
Description:
  Goes through the keys of a Redis and tells which of them hold its memory: by the rules of the
  configuration, and by the patterns of their names where no rule matches. For each group: keys,
  bytes, how many have no TTL, when the others end, types, encodings, and for how long nobody has
  asked for them; and the biggest keys of each type. Of a Cluster all primaries are looked at.

  All keys are looked at, unless --sample says how many: then each figure is an estimate, with the
  bounds between which the truth lies nineteen times of twenty. Types, encodings and idle times are
  always from a part of the keys.

  It reads only, and changes no key's idle time. It pauses while the server answers slowly or is
  busy with others; --max-rate bounds it further. Ctrl-C ends it with what was found so far.

Examples:
  spillway analyze --upstream redis://10.0.0.5:6379
      All keys, by pattern.
  spillway analyze --config proxy.config.json --sample 50000
      By the rules of a file, estimated from 50,000 keys.
  spillway analyze --html report.html
      With plots, in one file that needs nothing else.
  spillway analyze --json | jq '.groups[0]'
      For scripts (docs/TOOLS.md has the fields).

Rights:
  +scan +memory|usage +pttl +info +ping +select +client|setname; +type and +object for types,
  encodings and idle times, which are left out without them; of a Cluster +cluster|slots and
  +cluster|nodes. CONFIG is not asked for.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
