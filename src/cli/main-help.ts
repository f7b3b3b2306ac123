// The text of `spillway --help` below the list of flags: the parts of a manual page that commander does not write.
// Text only; tests compare the variables and exit codes named here with those that exist.
import { exitStatusHelp } from './exit.js';

export const MANUAL = `
Description:
  Spillway is a proxy between applications and Redis. It speaks Redis's own protocol, so that an
  application only changes host and port. A write that matches a rule and carries no expiry gets
  the rule's TTL. As memory nears maxmemory, Spillway refuses growing writes with Redis's own OOM
  error, the least important patterns first. Everything else passes byte for byte.

  Without a command, spillway runs the proxy in the foreground until SIGTERM or SIGINT. Then it
  gives clients limits.drainTimeout to finish; a second signal ends it at once. It reads the
  configuration again on SIGHUP and when the file changes. Without a configuration file it runs
  with default settings and without rules. It logs to standard output: text on a terminal, JSON lines elsewhere.

Examples:
  spillway --config proxy.config.json
      Run with the rules of a file.
  spillway --upstream redis://10.0.0.5:6379 --listen :6380
      In front of a Redis on another machine, for clients on all interfaces.
  spillway check --config proxy.config.json
      Validate a file and print the effective configuration; for CI.
  spillway explain session:42 --config proxy.config.json
      Which rule and TTL a key gets, when Spillway refuses its writes, and why.
  spillway stats
  spillway top
      The counters of a running proxy, and its current traffic.
  spillway doctor --upstream redis://10.0.0.5:6379
  spillway analyze --upstream redis://10.0.0.5:6379
  spillway sweep --config proxy.config.json
      What endangers a Redis, which keys hold its memory, and which would get a TTL.
  spillway watch --upstream redis://10.0.0.5:6379
      How full a Redis is, and when it will be full; alerts by webhook.
  spillway demo --seconds 30s
      See Spillway work on its own small Redis, beside a Redis without it.

Environment:
  Flags override variables, variables override the file. An empty variable counts as not set.
  SPILLWAY_CONFIG                      as --config
  SPILLWAY_LISTEN                      as --listen
  SPILLWAY_SENTINEL_LISTEN             as sentinelListen
  SPILLWAY_UPSTREAM                    as --upstream
  SPILLWAY_TLS_CERT                    as --tls-cert
  SPILLWAY_TLS_KEY                     as --tls-key
  SPILLWAY_TLS_CLIENT_CA               as --tls-client-ca
  SPILLWAY_UPSTREAM_CA                 as --upstream-ca
  SPILLWAY_UPSTREAM_CERT               as --upstream-cert
  SPILLWAY_UPSTREAM_KEY                as --upstream-key
  SPILLWAY_UPSTREAM_SERVER_NAME        as --upstream-server-name
  SPILLWAY_ADMIN                       as --admin
  SPILLWAY_ADMIN_TOKEN                 bearer token of the admin server; required if it listens beyond loopback
  SPILLWAY_ADMIN_TOKEN_FILE            as admin.tokenFile: the same, read from a file (a mounted secret)
  SPILLWAY_ALERTS_WEBHOOK              URL that alerts are posted to; a secret
  SPILLWAY_ALERTS_WEBHOOK_FILE         as alerts.webhookFile: the same, read from a file
  SPILLWAY_ALERTS_AUTHORIZATION        the Authorization header of the alerts
  SPILLWAY_ALERTS_AUTHORIZATION_FILE   as alerts.authorizationFile: the same, read from a file
  SPILLWAY_WORKERS                     as --workers
  SPILLWAY_LOG_LEVEL                   as --log-level
  SPILLWAY_LOG_FORMAT                  as --log-format
  SPILLWAY_UPSTREAM_PASSWORD           password of the memory monitor's connection, in place of one in the URL
  SPILLWAY_UPSTREAM_PASSWORD_FILE      the same, read from a file (a mounted secret)
  SPILLWAY_SENTINEL_PASSWORD           password of the Sentinels themselves, with redis-sentinel://
  SPILLWAY_SENTINEL_PASSWORD_FILE      the same, read from a file
  SPILLWAY_SENTINEL_LISTEN_PASSWORD    password that clients of sentinelListen must give
  SPILLWAY_SENTINEL_LISTEN_PASSWORD_FILE   the same, read from a file
${exitStatusHelp('run')}`;
