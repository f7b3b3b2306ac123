// What `--help` of the commands that talk to Redis itself has in common. Text only.
import { exitStatusHelp } from './exit.js';

export const TOOL_ENVIRONMENT = `
Environment:
  SPILLWAY_CONFIG                   as --config
  SPILLWAY_UPSTREAM                 as --upstream, but for redis-sentinel://
  SPILLWAY_UPSTREAM_CA              as --upstream-ca
  SPILLWAY_UPSTREAM_PASSWORD        the server's password, instead of in the URL
  SPILLWAY_UPSTREAM_PASSWORD_FILE   the same, read from a file (a mounted secret)
  SPILLWAY_SENTINEL_PASSWORD        what the Sentinels of redis-sentinel:// ask for
  NO_COLOR                          set: no colours
`;

export const TOOL_EXIT_STATUS = exitStatusHelp('tool');
