// The common text of `--help` of the commands that talk to Redis directly. Text only.
import { exitStatusHelp } from './exit.js';

export const TOOL_ENVIRONMENT = `
Environment:
  SPILLWAY_CONFIG                   as --config
  SPILLWAY_UPSTREAM                 as --upstream
  SPILLWAY_UPSTREAM_CA              as --cacert; also SPILLWAY_UPSTREAM_CERT, _KEY, _SERVER_NAME
  SPILLWAY_UPSTREAM_PASSWORD        the server's password, in place of one in the URL
  SPILLWAY_UPSTREAM_PASSWORD_FILE   the same, read from a file (a mounted secret)
  REDISCLI_AUTH                     the same, for a server that the command line names
  SPILLWAY_SENTINEL_PASSWORD        the password of the Sentinels in redis-sentinel://
  SPILLWAY_SENTINEL_PASSWORD_FILE   the same, read from a file
  NO_COLOR                          if set: no colors
`;

export const TOOL_EXIT_STATUS = exitStatusHelp('tool');
