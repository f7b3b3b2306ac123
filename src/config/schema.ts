// The schema of the config file: every setting with its default and description. proxy.schema.json and docs/CONFIG.md are
// generated from it. Defaults are set here, and in the schemas of large sections (upstream, memory, rules), and nowhere else.
// Invariant: unknown keys are errors at every level, so a mistyped key never becomes a silent default.
import { z } from 'zod';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/units.js';
import { parseDataAddress, parseListenAddress, sameMachine } from './address.js';
import { evictProblem } from './evict-schema.js';
import {
  clientSource,
  count,
  dataAddress,
  duration,
  expected,
  fail,
  fileMode,
  filePath,
  flag,
  listenAddress,
  oneOf,
  percent,
  quietly,
  size,
  strict,
} from './fields.js';
import { LOG_FORMATS, LOG_LEVELS } from './log-levels.js';
import { memorySchema } from './memory-schema.js';
import { familiesSchema, rulesSchema } from './rule-list-schema.js';
import { ownSentinelProblem, sentinelAnnounceSchema } from './sentinel-endpoint-schema.js';
import { parseAnyUrl } from './sentinel-url.js';
import { parseDuration } from './units.js';
import { upstreamSchema } from './upstream-schema.js';

const MAX_WORKERS = 64;
const MAX_SOURCES = 1000;

const listenTls = strict({
  cert: filePath().describe('PEM file: the certificate, followed by the intermediate certificates.'),
  key: filePath().describe('PEM file: the private key of that certificate, without a passphrase.'),
  clientCa: filePath()
    .optional()
    .describe(
      'PEM file with certificate authorities. Spillway then refuses clients without a certificate from one of these.',
    ),
});

const proxyProtocol = strict({
  from: z
    .array(clientSource(), { error: (issue) => expected(issue, 'a list of addresses and networks') })
    .max(MAX_SOURCES, `must hold at most ${MAX_SOURCES} sources`)
    .default([])
    .describe(
      'Load balancers that send a PROXY protocol header, version 2, at the start of every connection: addresses, networks ' +
        '("10.0.0.0/8"), "unix" for unix sockets. Spillway reads no such header from other clients.',
    ),
});

const admin = strict({
  listen: z
    .union([listenAddress(), z.literal(false)], {
      error: (issue) =>
        expected(issue, 'host:port in quotes, such as "127.0.0.1:9380", or false for no admin server'),
    })
    .default('127.0.0.1:9380')
    .describe(
      'The address of the HTTP server for the dashboard, the API, metrics and health checks. An address beyond loopback ' +
        'needs a token. false: no admin server.',
    ),
  tokenFile: z
    .string({ error: (issue) => expected(issue, 'the path of a file') })
    .min(1, 'must be the path of a file')
    .optional()
    .describe(
      'A file with the bearer token that all requests except health checks must carry. The token itself can be in ' +
        'SPILLWAY_ADMIN_TOKEN.',
    ),
});

const log = strict({
  level: oneOf(LOG_LEVELS)
    .default('info')
    .describe('The least severe level that Spillway logs. The log goes to standard output.'),
  format: oneOf(LOG_FORMATS)
    .default('auto')
    .describe(
      'The format of a line: json for programs, text for people. auto: text if standard output is a terminal, else json.',
    ),
});

const reload = strict({
  onChange: flag()
    .default(true)
    .describe(
      'true: Spillway watches the config file and reads it again when it changes, also in a mounted ConfigMap. false: ' +
        'Spillway reads it again only on SIGHUP and POST /api/reload.',
    ),
});

const limits = strict({
  maxClients: count(1, 1_000_000)
    .default(10_000)
    .describe('The most client connections at a time. Spillway refuses further ones.'),
  lookahead: size(1024, 512 * 1024 ** 2)
    .default('1mb')
    .describe('The most bytes of a multi-key write that Spillway holds back until it knows all of its keys.'),
  pendingReplies: count(1, 100_000_000)
    .default(1_000_000)
    .describe('The most pending replies of one client. Beyond that Spillway does not read from it.'),
  idleTimeout: duration(0, 30 * DAY_MS)
    .default('0s')
    .describe(
      "Spillway closes clients that are silent for this long, await no reply and are not subscribed, like Redis's own " +
        'timeout setting. 0s: never.',
    ),
  tcpKeepAlive: duration(0, DAY_MS)
    .default('60s')
    .describe(
      'How long a TCP connection to a client or the server may be idle before the system checks that the other side is ' +
        'still there. Choose less than the idle timeout of load balancers and firewalls in between (often 240s or 350s). ' +
        '0s: never.',
    ),
  drainTimeout: duration(0, HOUR_MS)
    .default('10s')
    .describe(
      'After SIGTERM or SIGINT: how long Spillway waits for replies that are due before it closes the connections.',
    ),
}).check((context) => {
  const keepAlive = quietly(context.value.tcpKeepAlive, parseDuration) ?? 0;
  if (keepAlive > 0 && keepAlive < SECOND_MS) {
    fail(context, 'must be 0s (never), or 1s or more', ['tcpKeepAlive']);
  }
});

const alerts = strict({
  webhookFile: filePath()
    .optional()
    .describe(
      'A file with the http:// or https:// URL to which Spillway posts alerts. The URL itself can be in ' +
        'SPILLWAY_ALERTS_WEBHOOK. Without either there are no alerts.',
    ),
  authorizationFile: filePath()
    .optional()
    .describe(
      'A file with the value of the Authorization header of alerts, such as "Bearer …". The value itself can be in ' +
        'SPILLWAY_ALERTS_AUTHORIZATION.',
    ),
  timeToFull: duration(0, 7 * DAY_MS)
    .default('30m')
    .describe(
      'Alert when memory will be full within this time at the growth of the last minutes. 0s: no such alert.',
    ),
  hold: duration(0, HOUR_MS)
    .default('1m')
    .describe(
      'How long a level must have been lower, or memory about to be full, before Spillway sends an alert. It alerts at once ' +
        'if a level rises. If memory is about to be full, it alerts before half of the remaining time has passed.',
    ),
  timeout: duration(100, MINUTE_MS).default('5s').describe('How long one attempt to post an alert may take.'),
});

const sweep = strict({
  every: duration(0, 30 * DAY_MS)
    .default('0s')
    .describe(
      'How often Spillway gives keys without a TTL the TTL of their rule, if the rule is enforced. If several proxies ' +
        'serve one Redis, only one sweeps at a time. There is no undo: first do a dry run with `spillway sweep`. At least 1m; ' +
        '0s: never.',
    ),
  maxRate: count(1, 1_000_000).default(1000).describe('The most keys that the sweep examines in a second.'),
  until: z
    .union([z.literal('never'), percent()], {
      error: (issue) => expected(issue, 'a percentage in quotes such as "80%", or "never"'),
    })
    .optional()
    .describe(
      'TTLs take memory, so the sweep stops when memory reaches this share of the limit. Default: the start of the lowest ' +
        'band of `memory.shed`. "never": the sweep does not check memory.',
    ),
}).check((context) => {
  const every = quietly(context.value.every, parseDuration) ?? 0;
  if (every > 0 && every < MINUTE_MS) fail(context, 'must be 0s (never), or 1m or more', ['every']);
});

const OWN_CLIENT = 'is the address on which Spillway itself listens, so it would be its own client';
export const configSchema = strict({
  $schema: z.string().optional().describe('Path of the JSON Schema, for editors. Spillway does not read it.'),
  listen: dataAddress()
    .default('127.0.0.1:6380')
    .describe(
      'The address for clients: host:port, or unix:/path. ":6380" listens on all interfaces; with port 0 the system ' +
        'chooses the port.',
    ),
  listenMode: fileMode()
    .default('0600')
    .describe('The file mode of a unix socket, which says who may connect. "0660" allows the group as well.'),
  listenTls: listenTls
    .optional()
    .describe('With this, clients must connect with TLS. Spillway notices renewed files.'),
  proxyProtocol: proxyProtocol.prefault({}).describe('Load balancers that pass on the addresses of clients.'),
  sentinelListen: z
    .union([listenAddress(), z.literal(false)], {
      error: (issue) => expected(issue, 'host:port in quotes, such as "127.0.0.1:26380", or false'),
    })
    .default(false)
    .describe(
      'The address at which Spillway answers as a Sentinel whose primary is Spillway itself, so that clients that are configured ' +
        'for Sentinel connect to it. `listenTls` applies there as well. SPILLWAY_SENTINEL_LISTEN_PASSWORD, or the file that ' +
        'SPILLWAY_SENTINEL_LISTEN_PASSWORD_FILE names, holds the password that such clients must give; without one every login ' +
        'succeeds. FAILOVER.md says more. false: no such address.',
    ),
  sentinelAnnounce: sentinelAnnounceSchema.prefault({}).describe('What Spillway says at `sentinelListen`.'),
  upstream: upstreamSchema.prefault({}).describe('The Redis or Valkey server behind the proxy.'),
  workers: z
    .union([z.literal('auto'), count(1, MAX_WORKERS)], {
      error: (issue) => expected(issue, `"auto", or a whole number from 1 to ${MAX_WORKERS}`),
    })
    .default(1)
    .describe(
      'How many processes serve clients. "auto": one for each processor that Spillway may use. Limits on clients apply to ' +
        'all of them together; each has its own shared connections to the server.',
    ),
  mode: oneOf(['enforce', 'observe'])
    .default('enforce')
    .describe(
      '"enforce": the rules take effect. "observe": Spillway decides and counts, and changes nothing.',
    ),
  rules: rulesSchema.default([]).describe('Rules by key pattern. The first rule that matches a key applies.'),
  families: familiesSchema,
  memory: memorySchema.prefault({}).describe('How Spillway watches memory, and when it refuses writes.'),
  admin: admin.prefault({}).describe('The admin server.'),
  console: flag()
    .default(true)
    .describe(
      'true: Spillway itself answers PROXY HELP, PROXY STATS and so on, on the data port, to clients that may run INFO. ' +
        'false: it forwards PROXY like any command.',
    ),
  limits: limits.prefault({}).describe('Limits on clients and connections.'),
  alerts: alerts.prefault({}).describe('Alerts by webhook, without Prometheus.'),
  sweep: sweep.prefault({}).describe('Periodic TTLs for keys that are there already.'),
  log: log.prefault({}).describe('Logging.'),
  reload: reload.prefault({}).describe('When Spillway reads the configuration again.'),
})
  .check((context) => {
    const problem = evictProblem(context.value);
    if (problem !== undefined) fail(context, problem, ['memory', 'evict', 'start']);
  })
  .check((context) => {
    const { listen, upstream, admin } = context.value;
    const own = quietly(listen, parseDataAddress);
    const target = quietly(upstream.url, parseAnyUrl);
    if (own?.path !== undefined && own.path === target?.path) {
      fail(context, OWN_CLIENT, ['upstream', 'url']);
    }
    if (own === undefined || own.port === 0) return;
    const { host, port } = own;
    if (port === target?.port && sameMachine(host, target.host)) {
      fail(context, OWN_CLIENT, ['upstream', 'url']);
    }
    const adminAddress = admin.listen === false ? undefined : quietly(admin.listen, parseListenAddress);
    if (port === adminAddress?.port && sameMachine(host, adminAddress.host)) {
      fail(context, 'is the address for clients (listen); choose another port', ['admin', 'listen']);
    }
  })
  .check((context) => {
    const problem = ownSentinelProblem(context.value);
    if (problem !== undefined) fail(context, problem.message, problem.path);
  })
  .describe('Configuration of Spillway.');

/** The checked config file with its defaults; quantities are still texts. */
export type ConfigInput = z.infer<typeof configSchema>;
