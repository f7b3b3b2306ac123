// What `spillway --help` says below the list of flags: the parts of a manual page that commander does not write.
// Text only; tests hold the variables and exit codes named here to those that exist.
import { exitStatusHelp } from './exit.js';

export const MANUAL = `
Description:
  Spillway stands between applications and Redis and speaks Redis's own protocol, so that an
  application only changes host and port. Writes that match a rule and carry no expiry get the
  rule's TTL. As memory nears maxmemory, growing writes are refused with Redis's own OOM error,
  the least important patterns first. Everything else passes byte for byte.

  Without a command it runs the proxy in the foreground until SIGTERM or SIGINT, then lets clients
  finish for limits.drainTimeout; a second signal ends it at once. SIGHUP reads the configuration
  again, and so does a change of its file. Without a configuration file it runs on defaults, with
  no rules. Logs are JSON lines on standard output.

Examples:
  spillway --config proxy.config.json
      Run with the rules of a file.
  spillway --upstream redis://10.0.0.5:6379 --listen :6380
      In front of another machine's Redis, for clients on all interfaces.
  spillway check --config proxy.config.json
      Validate a file and print what it amounts to; for CI.
  spillway explain session:42 --config proxy.config.json
      Which rule a key falls under, which TTL it gets, when it is refused, and why.
  spillway stats
  spillway top
      What a running proxy has counted, and what happens now.
  spillway doctor --upstream redis://10.0.0.5:6379
  spillway analyze --upstream redis://10.0.0.5:6379
  spillway sweep --config proxy.config.json
      What endangers a Redis, which keys hold its memory, and which would get a TTL.
  spillway watch --upstream redis://10.0.0.5:6379
      How full a Redis is, when it will be full, and what changes; alerts by webhook.
  spillway demo --seconds 30
      See it work on a private Redis, beside a Redis without it.

Environment:
  Flags go before variables, variables before the file. An empty variable counts as not set.
  SPILLWAY_CONFIG                      as --config
  SPILLWAY_LISTEN                      as --listen
  SPILLWAY_UPSTREAM                    as --upstream
  SPILLWAY_TLS_CERT                    as --tls-cert
  SPILLWAY_TLS_KEY                     as --tls-key
  SPILLWAY_TLS_CLIENT_CA               as --tls-client-ca
  SPILLWAY_UPSTREAM_CA                 as --upstream-ca
  SPILLWAY_ADMIN                       as --admin
  SPILLWAY_ADMIN_TOKEN                 bearer token that the admin server asks for; needed beyond loopback
  SPILLWAY_ADMIN_TOKEN_FILE            as admin.tokenFile: the same, read from a file (a mounted secret)
  SPILLWAY_SENTINEL_PASSWORD           of the tools: what the Sentinels of redis-sentinel:// ask for
  SPILLWAY_ALERTS_WEBHOOK              URL that alerts are posted to; a secret
  SPILLWAY_ALERTS_WEBHOOK_FILE         as alerts.webhookFile: the same, read from a file
  SPILLWAY_ALERTS_AUTHORIZATION        what goes with them as their Authorization header
  SPILLWAY_ALERTS_AUTHORIZATION_FILE   as alerts.authorizationFile: the same, read from a file
  SPILLWAY_WORKERS                     as --workers
  SPILLWAY_LOG_LEVEL                   as --log-level
  SPILLWAY_UPSTREAM_PASSWORD           password of the memory monitor's connection, instead of in the URL
  SPILLWAY_UPSTREAM_PASSWORD_FILE      the same, read from a file (a mounted secret)
${exitStatusHelp('run')}`;
