// What `--help` of the commands that talk to Redis itself has in common. Text only.

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

export const TOOL_EXIT_STATUS = `
Exit status:
  0    done
  1    it failed, or was not done to the end; the message says why and what to do
  64   wrong usage: an unknown flag, a missing value
  78   the configuration, or an address, is invalid; every problem is listed with its place
  130  ended by Ctrl-C, with what there was; 143: by SIGTERM
`;
