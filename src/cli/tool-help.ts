// The common text of `--help` of the commands that talk to Redis directly. Text only.
import { exitStatusHelp } from './exit.js';

export const TOOL_ENVIRONMENT = `
Environment:
  SPILLWAY_CONFIG                   as --config
  SPILLWAY_UPSTREAM                 as --upstream
  SPILLWAY_UPSTREAM_CA              as --upstream-ca
  SPILLWAY_UPSTREAM_PASSWORD        the server's password, in place of one in the URL
  SPILLWAY_UPSTREAM_PASSWORD_FILE   the same, read from a file (a mounted secret)
  SPILLWAY_SENTINEL_PASSWORD        the password of the Sentinels in redis-sentinel://
  SPILLWAY_SENTINEL_PASSWORD_FILE   the same, read from a file
  NO_COLOR                          if set: no colors
`;

export const TOOL_EXIT_STATUS = exitStatusHelp('tool');
