// The text of `--help` of explain, stats, top, report and simulate below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';

export const ASK_ENVIRONMENT = `
Environment:
  SPILLWAY_CONFIG             as --config
  SPILLWAY_ADMIN              host:port of the admin server; overrides admin.listen in the file
  SPILLWAY_ADMIN_TOKEN        the proxy's admin token, if it was started with one
  SPILLWAY_ADMIN_TOKEN_FILE   the same, read from a file (a mounted secret)
  NO_COLOR                    if set: no colors
`;

const EXIT_STATUS = exitStatusHelp('ask');

export const EXPLAIN_MANUAL = `
Description:
  Shows what Spillway does with a command, and why: the rule of each of its keys and the earlier
  rules that did not match, the TTL that Spillway adds, cuts or leaves alone, the command that it
  sends to Redis, and the memory pressure at which it refuses the command. explain uses the same
  code as the proxy, but sends nothing to Redis and counts nothing.

  COMMAND is the command of a client, by default SET. If the key is not in it, explain inserts the
  key and fills in a value. Put -- before words that begin with a dash.

  With --config the answer comes from that configuration. With --admin, or with neither, it comes
  from a running proxy, which also knows its server's commands and whether it refuses the key at
  this moment.

Examples:
  spillway explain session:42 --config proxy.config.json
      Which rule, which TTL.
  spillway explain cache:1 SET EX 60
      A SET of cache:1 with its own TTL.
  spillway explain cache:1 MSET cache:1 a session:1 b
      A whole command with two keys; explains both.
  spillway explain cache:1 --admin http://127.0.0.1:9380 --json
      From a running proxy, as JSON (docs/API.md lists the fields).
${ASK_ENVIRONMENT}${EXIT_STATUS}`;

export const STATS_MANUAL = `
Description:
  Prints the counters of a running proxy since its start, by rule: writes, bytes, TTLs given,
  writes without a TTL, distinct keys and refused writes. It also lists patterns of keys that no
  rule matches. PATTERN is a glob: stats then shows only rules and patterns whose name matches it.

Examples:
  spillway stats
      The proxy on this machine.
  spillway stats 'cache*' --json
      Rules and patterns that begin with cache, as JSON.
  spillway stats --admin http://10.0.0.7:9380
      The proxy on another machine; this needs its token.
${ASK_ENVIRONMENT}${EXIT_STATUS}`;

export const TOP_MANUAL = `
Description:
  Shows writes, bytes and sheds a second by rule, with memory and current refusals at the top. On
  a terminal it runs until q or Ctrl-C; w, b and s sort by writes, bytes and sheds. If the output
  is not a terminal, it prints one table for one interval and ends.

Examples:
  spillway top
      The proxy on this machine.
  spillway top --sort sheds --interval 5s
      The rules with most refusals first, over five seconds.
  spillway top | head -n 8
      One table, without colors.
${ASK_ENVIRONMENT}${EXIT_STATUS}`;

export const REPORT_MANUAL = `
Description:
  Prints what the rules did in the last hour or another window: TTLs given or cut, and writes
  refused. It also prints what observing rules would have done. Read it before you set "mode" to
  "enforce". The report begins at the start of the window or up to five minutes earlier (up to an
  hour earlier for windows of more than an hour), but never before the start of the proxy.

Examples:
  spillway report
      The last hour.
  spillway report --window 24h --json
      The last day, as JSON (docs/API.md lists the fields).
${ASK_ENVIRONMENT}${EXIT_STATUS}`;

export const SIMULATE_MANUAL = `
Description:
  Makes a running proxy refuse writes as if memory were PRESSURE full, by its own rules and bands.
  So teams can see how their applications handle Redis's OOM error before memory is full. The
  rehearsal ends by itself. If real memory demands more refusals, the proxy makes these too;
  observing rules refuse nothing. Meanwhile stats, top, the dashboard, PROXY MEMORY, the metrics and the log show
  the rehearsal.

  A rehearsal changes what the proxy does, so the proxy needs an admin token.

Examples:
  spillway simulate 95%
      One minute.
  spillway simulate 100% --seconds 5m
      For five minutes, refuse every write that bands can refuse.
  spillway simulate off
      End it now.
${ASK_ENVIRONMENT}${EXIT_STATUS}`;
