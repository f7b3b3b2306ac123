// What `--help` of explain, stats, top, report and simulate says below the list of flags. Text only.
import { exitStatusHelp } from './exit.js';

const ENVIRONMENT = `
Environment:
  SPILLWAY_CONFIG             as --config
  SPILLWAY_ADMIN              host:port of the admin server, before the file's admin.listen
  SPILLWAY_ADMIN_TOKEN        the proxy's admin token, where it was started with one
  SPILLWAY_ADMIN_TOKEN_FILE   the same, read from a file (a mounted secret)
  NO_COLOR                    set: no colours
`;

const EXIT_STATUS = exitStatusHelp('ask');

export const EXPLAIN_MANUAL = `
Description:
  Says what becomes of a command, and why: which rule each of its keys falls under and which were
  tried before, which TTL is given, cut or left, what goes up to Redis, and at which memory pressure
  it is refused. The command is run through the real decision, with nothing behind it: nothing is
  sent to Redis and nothing is counted.

  COMMAND is what a client would send, SET where none is given. Without the key in it, the key gets
  its place, and so does a value. Put -- before words that begin with a dash.

  Without --admin the answer comes from the configuration alone; with it from a running proxy, which
  also knows its server's commands and whether the key is refused right now.

Examples:
  spillway explain session:42 --config proxy.config.json
      Which rule, which TTL.
  spillway explain cache:1 SET EX 60
      A SET of cache:1 with a TTL of its own.
  spillway explain cache:1 MSET cache:1 a session:1 b
      A whole command; each of its keys is explained.
  spillway explain cache:1 --admin http://127.0.0.1:9380 --json
      From a running proxy, as JSON (docs/API.md has the fields).
${ENVIRONMENT}${EXIT_STATUS}`;

export const STATS_MANUAL = `
Description:
  Prints what a running proxy has counted since it started: writes, bytes, TTLs given, writes left
  without a TTL, distinct keys and refused writes, by rule, and the patterns of keys that no rule
  matches. PATTERN is a glob on names of rules and on discovered patterns.

Examples:
  spillway stats
      Of the proxy on this machine.
  spillway stats 'cache*' --json
      The rules and patterns that begin with cache, as JSON.
  spillway stats --admin http://10.0.0.7:9380
      Of another machine's, which needs its token.
${ENVIRONMENT}${EXIT_STATUS}`;

export const TOP_MANUAL = `
Description:
  Shows what happens a second, by rule, with memory and what is refused at the top. On a terminal it
  goes on: w, b and s sort by writes, bytes and sheds, q or Ctrl-C ends it. Elsewhere it prints one
  table, of one interval, and ends.

Examples:
  spillway top
      Of the proxy on this machine.
  spillway top --sort sheds --interval 5
      What is refused most, over five seconds.
  spillway top | head -n 8
      Once, without colours.
${ENVIRONMENT}${EXIT_STATUS}`;

export const REPORT_MANUAL = `
Description:
  Prints what the rules did in the last hour, or another window: TTLs given or cut and writes refused,
  and what the rules that only observe would have done. That is what to look at before "mode" is set
  to "enforce". What is told begins with the window or up to five minutes before it, with windows of
  more than an hour up to an hour before, and never before the start of the proxy.

Examples:
  spillway report
      Of the last hour.
  spillway report --window 24h --json
      Of the last day, as JSON (docs/API.md has the fields).
${ENVIRONMENT}${EXIT_STATUS}`;

export const SIMULATE_MANUAL = `
Description:
  Makes a running proxy refuse writes as if memory were so full, by the rules and bands that it has, so
  that teams can see what their applications make of Redis's OOM error before the day. It ends by
  itself. What memory really demands is refused all the same; rules that only observe refuse nothing.
  While it lasts it shows in stats, top, the dashboard, PROXY MEMORY, the metrics and the log.

  It changes what the proxy does: the proxy must have been started with an admin token.

Examples:
  spillway simulate 95%
      For a minute.
  spillway simulate 100% --seconds 300
      Everything that may be refused is, for five minutes.
  spillway simulate off
      Ends it now.
${ENVIRONMENT}${EXIT_STATUS}`;
