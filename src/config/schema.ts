// The config file as zod sees it: every setting, its default and its description.
// The one source: proxy.schema.json and the reference are generated from here. Defaults stand here and nowhere else.
// It is long since it is a table: one entry for each setting, in the order of the file.
// Invariant: strict all the way down, so a mistyped key is an error and never a silent default.
import { z } from 'zod';
import { isLoopback, parseDataAddress, parseListenAddress } from './address.js';
import {
  clientSource,
  commandName,
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
  upstreamUrl,
} from './fields.js';
import { LOG_LEVELS } from './log-levels.js';
import { ruleSchema } from './rule-schema.js';
import { parseDuration, parsePercent } from './units.js';
import { parseUpstreamUrl } from './upstream-url.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MAX_RULES = 10_000;
const MAX_WORKERS = 64;
const MAX_SHARED_COMMANDS = 1000;
const MAX_SOURCES = 1000;
const MAX_MEMORY = 2 ** 50;
const MAX_HYSTERESIS = 0.5;

const upstreamTls = strict({
  ca: filePath()
    .optional()
    .describe(
      "PEM file with the CAs that the server's certificate may be from; without it, the well-known ones.",
    ),
  cert: filePath().optional().describe('PEM file: the certificate that Spillway shows to the server.'),
  key: filePath().optional().describe('PEM file: its private key, not locked by a passphrase.'),
  serverName: z
    .string({ error: (issue) => expected(issue, 'a host name in quotes') })
    .regex(/^[A-Za-z0-9._-]{1,253}$/, 'must be a host name: letters, digits, ".", "-" and "_"')
    .optional()
    .describe("The name that the server's certificate is for, where it is not the URL's; asked for by SNI."),
}).check((context) => {
  const { cert, key } = context.value;
  if ((cert === undefined) !== (key === undefined)) {
    fail(context, 'must be given together with the other one of cert and key', [
      cert === undefined ? 'cert' : 'key',
    ]);
  }
});

const listenTls = strict({
  cert: filePath().describe('PEM file: the certificate, then those in between up to the CA.'),
  key: filePath().describe('PEM file: its private key, not locked by a passphrase.'),
  clientCa: filePath()
    .optional()
    .describe('PEM file with the CAs of client certificates; clients without one from them are refused.'),
});

const proxyProtocol = strict({
  from: z
    .array(clientSource(), { error: (issue) => expected(issue, 'a list of addresses and networks') })
    .max(MAX_SOURCES, `must hold at most ${MAX_SOURCES} sources`)
    .default([])
    .describe(
      'Load balancers whose connections all begin with a PROXY protocol header, version 2: addresses, networks ' +
        '("10.0.0.0/8"), "unix" for those by unix socket. From everybody else it is no header.',
    ),
});

const upstream = strict({
  url: upstreamUrl()
    .default('redis://127.0.0.1:6379')
    .describe(
      'Redis or Valkey: redis://[user:password@]host[:port][/db], rediss:// with TLS, or a unix socket: ' +
        "unix://[user:password@]/path[?db=N]. User, password and db serve the memory monitor's own connection; " +
        'clients log in for themselves.',
    ),
  tls: upstreamTls.optional().describe('With rediss://: what is not as usual.'),
  pool: oneOf(['session', 'command'])
    .default('session')
    .describe(
      '"session": one upstream connection for each client. "command": clients share a few, and get one of their own ' +
        'while they need it (MULTI, WATCH, blocking commands, subscriptions …).',
    ),
  sharedConnections: count(1, 64)
    .default(2)
    .describe(
      'With pool "command": how many connections clients of the same user, database and protocol share: one for ' +
        'writes, the others for reads. With 1 there are two all the same.',
    ),
  shareCommands: z
    .array(commandName(), { error: (issue) => expected(issue, 'a list of command names') })
    .max(MAX_SHARED_COMMANDS, `must hold at most ${MAX_SHARED_COMMANDS} names`)
    .default([])
    .describe(
      'With pool "command": commands that leave nothing on their connection, and so may go over shared ones: of ' +
        'modules ("JSON.GET"), or scripts ("EVALSHA"). While a shared script runs, others wait behind it and are not ' +
        'told BUSY.',
    ),
  connectTimeout: duration(1, 5 * MINUTE)
    .default('5s')
    .describe('How long a connection to the upstream may take.'),
  responseTimeout: duration(100, 5 * MINUTE)
    .default('1s')
    .describe(
      'With pool "command": a shared connection that owes replies and brings nothing for so long takes no further ' +
        'commands; they go up another one. When the server answers there and stays silent here, Spillway gives the ' +
        'silent one up.',
    ),
}).check((context) => {
  const { url, tls } = context.value;
  if (tls !== undefined && quietly(url, parseUpstreamUrl)?.secure === false) {
    fail(context, 'is for TLS: give an upstream.url that begins with rediss://, or take this out', ['tls']);
  }
});

const band = z
  .union([z.literal('never'), z.tuple([percent(), percent()])], {
    error: (issue) => expected(issue, '"never", or a pair of percentages such as ["80%", "90%"]'),
  })
  .check((context) => {
    if (typeof context.value === 'string') return;
    const [start, full] = context.value.map((text) => quietly(text, parsePercent));
    if (start !== undefined && full !== undefined && start > full) {
      fail(context, 'must not start above where it is full: [start, full]');
    }
  });

const shed = strict({
  low: band.default(['80%', '90%']).describe('Band of rules with priority low.'),
  normal: band
    .default(['90%', '97%'])
    .describe('Band of rules with priority normal, and of keys without a rule.'),
  high: band.default(['95%', '99%']).describe('Band of rules with priority high.'),
  critical: band.default('never').describe('Band of rules with priority critical.'),
});

const memory = strict({
  pollInterval: duration(10, MINUTE)
    .default('500ms')
    .describe('How often INFO memory is read at leisure; more often as the limit comes nearer.'),
  staleAfter: duration(20, HOUR).default('5s').describe('Age from which a reading no longer counts.'),
  onStale: oneOf(['admit', 'hold'])
    .default('admit')
    .describe('Without a fresh reading: "admit" lets every write pass, "hold" keeps the last level.'),
  hysteresis: percent(MAX_HYSTERESIS)
    .default('2%')
    .describe('How far pressure must fall below the point where shedding rose before it eases again.'),
  limit: size(1, MAX_MEMORY)
    .optional()
    .describe("Memory limit to hold where Redis has none (maxmemory 0), or below Redis's own."),
  shedWhen: oneOf(['auto', 'always', 'never'])
    .default('auto')
    .describe(
      '"auto" goes by maxmemory-policy: noeviction sheds, volatile-* sheds while hardly any key can be evicted, ' +
        'allkeys-* never sheds. "always" sheds whatever the policy, "never" only watches.',
    ),
  shed: shed
    .prefault({})
    .describe(
      'Per priority [start, full], shares of the limit: nothing is refused below start, every growing write at full, ' +
        'a growing share of the keys in between. "never" exempts the priority.',
    ),
}).check((context) => {
  const pollInterval = quietly(context.value.pollInterval, parseDuration);
  const staleAfter = quietly(context.value.staleAfter, parseDuration);
  if (pollInterval !== undefined && staleAfter !== undefined && staleAfter <= pollInterval) {
    fail(context, 'must be longer than pollInterval, or every reading is stale before the next', [
      'staleAfter',
    ]);
  }
});

const admin = strict({
  listen: z
    .union([listenAddress(), z.literal(false)], {
      error: (issue) => expected(issue, 'host:port in quotes, such as "127.0.0.1:9380", or false for none'),
    })
    .default('127.0.0.1:9380')
    .describe(
      'Where statistics, metrics and health are served over HTTP. Beyond loopback a token is needed. false: nowhere.',
    ),
  tokenFile: z
    .string({ error: (issue) => expected(issue, 'the path of a file') })
    .min(1, 'must be the path of a file')
    .optional()
    .describe(
      'A file that holds the bearer token that requests must carry, all but health checks. SPILLWAY_ADMIN_TOKEN gives ' +
        'the token itself.',
    ),
});

const limits = strict({
  maxClients: count(1, 1_000_000)
    .default(10_000)
    .describe('Client connections at a time; further ones are refused.'),
  lookahead: size(1024, 512 * 1024 ** 2)
    .default('1mb')
    .describe('How much of one multi-key write may be held back until all its keys are known.'),
  pendingReplies: count(1, 100_000_000)
    .default(1_000_000)
    .describe('Commands of one client that may await their replies; its socket is not read beyond that.'),
  idleTimeout: duration(0, 30 * 24 * HOUR)
    .default('0s')
    .describe(
      "Clients that are silent for so long, await nothing and are not subscribed are closed, as by Redis's own " +
        'timeout setting. 0s: never.',
    ),
  tcpKeepAlive: duration(0, DAY)
    .default('60s')
    .describe(
      'How long a TCP connection, to a client or to the server, may be idle before the system looks whether the other side is ' +
        'there still: less than what load balancers and firewalls in between forget idle connections after (often 240s or ' +
        '350s). 0s: never.',
    ),
  drainTimeout: duration(0, HOUR)
    .default('10s')
    .describe(
      'After SIGTERM or SIGINT: how long what is under way may take before its connection is closed.',
    ),
}).check((context) => {
  const keepAlive = quietly(context.value.tcpKeepAlive, parseDuration) ?? 0;
  if (keepAlive > 0 && keepAlive < SECOND) {
    fail(context, 'must be 0s (never), or 1s or more', ['tcpKeepAlive']);
  }
});

const log = strict({
  level: oneOf(LOG_LEVELS)
    .default('info')
    .describe('Least severe level that is logged (JSON lines on standard output).'),
});

const reload = strict({
  onChange: flag()
    .default(true)
    .describe(
      'The config file is watched, and read again when it has changed, also where a mounted ConfigMap is. false: only ' +
        'on SIGHUP and POST /api/reload.',
    ),
});

const alerts = strict({
  webhookFile: filePath()
    .optional()
    .describe(
      'A file that holds the URL that alerts are posted to, http:// or https://. SPILLWAY_ALERTS_WEBHOOK gives the URL ' +
        'itself. Without either there are no alerts.',
    ),
  authorizationFile: filePath()
    .optional()
    .describe(
      'A file that holds what goes with alerts as their Authorization header, such as "Bearer …". ' +
        'SPILLWAY_ALERTS_AUTHORIZATION gives it itself.',
    ),
  timeToFull: duration(0, 7 * 24 * HOUR)
    .default('30m')
    .describe('Memory that is full within this time, at its growth of the last minutes, is told. 0s: never.'),
  hold: duration(0, HOUR)
    .default('1m')
    .describe(
      'How long a level must have been lower, or memory about to be full, before that is told. A level that rises is told ' +
        'at once, and memory about to be full before half of the time that is left has passed.',
    ),
  timeout: duration(100, MINUTE).default('5s').describe('How long one attempt may take.'),
});

const sweep = strict({
  every: duration(0, 30 * 24 * HOUR)
    .default('0s')
    .describe(
      'How often keys that have no TTL get the one of their rule, where it is enforced. Of several proxies with one Redis ' +
        'one does it. There is no undo: look first at what `spillway sweep` tells. From 1m; 0s: never.',
    ),
  maxRate: count(1, 1_000_000).default(1000).describe('How many keys a second are looked at, at most.'),
  until: z
    .union([z.literal('never'), percent()], {
      error: (issue) => expected(issue, 'a percentage in quotes such as "80%", or "never"'),
    })
    .optional()
    .describe(
      'TTLs take memory: no more are given once the limit is used to this share. By default the start of the lowest band ' +
        'of `memory.shed`. "never": memory is not looked at.',
    ),
}).check((context) => {
  const every = quietly(context.value.every, parseDuration) ?? 0;
  if (every > 0 && every < MINUTE) fail(context, 'must be 0s (never), or 1m or more', ['every']);
});

const rules = z
  .array(ruleSchema, { error: (issue) => expected(issue, 'a list of rules') })
  .max(MAX_RULES, `must hold at most ${MAX_RULES} rules`)
  .check((context) => {
    const firstOf = new Map<string, number>();
    for (const [index, { name }] of context.value.entries()) {
      const first = firstOf.get(name);
      if (first === undefined) firstOf.set(name, index);
      else fail(context, `is the name of rules[${first}] already; names must be unique`, [index, 'name']);
    }
  });

const OWN_CLIENT = 'is where Spillway itself listens: it would be its own client';
const ANY_ADDRESS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/** Whether a connection to `target` reaches what listens on `host`, as far as the texts tell. */
function sameMachine(host: string, target: string): boolean {
  return host === target || (isLoopback(target) && (isLoopback(host) || ANY_ADDRESS.has(host)));
}

export const configSchema = strict({
  $schema: z.string().optional().describe('Path of the JSON Schema, for editors; Spillway does not read it.'),
  listen: dataAddress()
    .default('127.0.0.1:6380')
    .describe(
      'Where clients connect: host:port, or unix:/path. ":6380" listens on all interfaces, port 0 lets the system choose.',
    ),
  listenMode: fileMode()
    .default('0600')
    .describe('With a unix socket: its file mode, which says who may connect. "0660": its group as well.'),
  listenTls: listenTls
    .optional()
    .describe('Clients connect by TLS, and by nothing else. Renewed files are noticed.'),
  proxyProtocol: proxyProtocol.prefault({}).describe('Addresses of clients behind load balancers.'),
  upstream: upstream.prefault({}).describe('The Redis or Valkey server behind the proxy.'),
  workers: z
    .union([z.literal('auto'), count(1, MAX_WORKERS)], {
      error: (issue) => expected(issue, `"auto", or a whole number from 1 to ${MAX_WORKERS}`),
    })
    .default(1)
    .describe(
      'How many processes serve clients; "auto": as many as the machine has processors for this one. Limits on clients hold ' +
        'for all of them together, shared upstream connections are of each.',
    ),
  mode: oneOf(['enforce', 'observe'])
    .default('enforce')
    .describe('"observe" decides and counts everything and changes nothing.'),
  rules: rules.default([]).describe('Rules by key pattern, in order: the first that matches a key decides.'),
  memory: memory.prefault({}).describe('How memory is watched, and when writes are refused.'),
  admin: admin.prefault({}).describe('The admin server.'),
  console: flag()
    .default(true)
    .describe(
      'Whether Spillway itself answers PROXY HELP, PROXY STATS and the like on the data port, to clients that may run ' +
        'INFO. false: PROXY is a command like any other.',
    ),
  limits: limits.prefault({}).describe('Bounds on what clients can take.'),
  alerts: alerts.prefault({}).describe('Alerts by webhook, for those without Prometheus.'),
  sweep: sweep.prefault({}).describe('TTLs for keys that are there already, now and then.'),
  log: log.prefault({}).describe('Logging.'),
  reload: reload.prefault({}).describe('When the configuration is read again while Spillway runs.'),
})
  .check((context) => {
    const { listen, upstream, admin } = context.value;
    const own = quietly(listen, parseDataAddress);
    const target = quietly(upstream.url, parseUpstreamUrl);
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
      fail(context, 'is where clients connect (listen); choose another port', ['admin', 'listen']);
    }
  })
  .describe('Configuration of Spillway.');

/** The config file's shape, defaults filled in, quantities still as text. */
export type ConfigInput = z.infer<typeof configSchema>;
