// The schema of the config file: every setting with its default and description. proxy.schema.json and docs/CONFIG.md are
// generated from it. Defaults are set here and nowhere else.
// It is long because it is a table: one entry for each setting, in the order of the file.
// Invariant: unknown keys are errors at every level, so a mistyped key never becomes a silent default.
import { z } from 'zod';
import { FAMILY_NAMES } from '../core/policy/families.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/units.js';
import { isLoopback, parseDataAddress, parseListenAddress } from './address.js';
import { evictProblem, evictSchema } from './evict-schema.js';
import { failoverSchema } from './failover-schema.js';
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
import { LOG_FORMATS, LOG_LEVELS } from './log-levels.js';
import { ruleSchema } from './rule-schema.js';
import { boundViews } from './rule-scope.js';
import { isSentinelUrl, parseAnyUrl } from './sentinel-url.js';
import { parseDuration, parsePercent } from './units.js';

const MAX_RULES = 10_000;
/** With more of them the samples of keys, which share a bounded memory, say too little. */
const MAX_BUDGETS = 100;
const MAX_WORKERS = 64;
const MAX_PROXIES = 1000;
const MAX_SHARED_COMMANDS = 1000;
const MAX_SOURCES = 1000;
const MAX_MEMORY = 2 ** 50;
const MAX_HYSTERESIS = 0.5;
const MAX_RESERVE = 0.5;

const upstreamTls = strict({
  ca: filePath()
    .optional()
    .describe(
      "PEM file with the certificate authorities that may have issued the server's certificate. Default: the well-known ones.",
    ),
  cert: filePath().optional().describe('PEM file: the certificate that Spillway presents to the server.'),
  key: filePath().optional().describe('PEM file: the private key of that certificate, without a passphrase.'),
  serverName: z
    .string({ error: (issue) => expected(issue, 'a host name in quotes') })
    .regex(/^[A-Za-z0-9._-]{1,253}$/, 'must be a host name: letters, digits, ".", "-" and "_"')
    .optional()
    .describe(
      "The host name in the server's certificate, if it is not the one in the URL. Spillway also sends it as SNI.",
    ),
}).check((context) => {
  const { cert, key } = context.value;
  if ((cert === undefined) !== (key === undefined)) {
    fail(context, 'is missing: cert and key must be set together', [cert === undefined ? 'cert' : 'key']);
  }
});

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

const upstream = strict({
  url: upstreamUrl()
    .default('redis://127.0.0.1:6379')
    .describe(
      'Redis or Valkey: redis://[user:password@]host[:port][/db], rediss:// with TLS, or a unix socket: ' +
        'unix://[user:password@]/path[?db=N]. A primary behind Sentinels: redis-sentinel://[user:password@]host[:port],…/NAME, where ' +
        'NAME is what the Sentinels call it; name all of them. FAILOVER.md says more. ' +
        "Spillway uses user, password and db only for its memory monitor's " +
        'connection. Clients log in themselves.',
    ),
  tls: upstreamTls.optional().describe('TLS settings for rediss://.'),
  expect: oneOf(['primary', 'cluster', 'any'])
    .default('primary')
    .describe(
      'What the server should be. If it is something else, the log, /readyz and the state of the service say so. ' +
        '"primary": a primary outside a Cluster. "cluster": a node of a Cluster. "any": any server, such as one whose role changes ' +
        'with a failover. Spillway always says that a Sentinel is no upstream. CLUSTER.md has examples.',
    ),
  pool: oneOf(['session', 'command'])
    .default('session')
    .describe(
      '"session": each client has its own connection to the server. "command": clients share a few connections, and get ' +
        'one of their own while they need it (MULTI, WATCH, blocking commands, subscriptions …).',
    ),
  sharedConnections: count(1, 64)
    .default(2)
    .describe(
      'With pool "command": how many connections are shared by clients with the same user, database and protocol ' +
        'version. One is for writes, the others are for reads, so there are at least two, even with 1.',
    ),
  shareCommands: z
    .array(commandName(), { error: (issue) => expected(issue, 'a list of command names') })
    .max(MAX_SHARED_COMMANDS, `must hold at most ${MAX_SHARED_COMMANDS} names`)
    .default([])
    .describe(
      'With pool "command": further commands that may use shared connections, because they leave no state on their ' +
        'connection: module commands ("JSON.GET") or scripts ("EVALSHA"). While a script runs on a shared connection, ' +
        'other clients of that connection wait and get no BUSY error.',
    ),
  connectTimeout: duration(1, 5 * MINUTE_MS)
    .default('5s')
    .describe('How long connecting to the server may take.'),
  responseTimeout: duration(100, 5 * MINUTE_MS)
    .default('1s')
    .describe(
      'With pool "command": if replies are due on a shared connection and nothing arrives for this long, Spillway sends ' +
        'further commands over another one. If the server answers on that one and stays silent on the first, Spillway ' +
        'gives the silent connection up. With either pool: if a client has ended, and its own connection is silent while ' +
        'the server answers on others, Spillway closes the client after 1.5 times this long.',
    ),
  failover: failoverSchema
    .optional()
    .describe('How Spillway follows the primary, with redis-sentinel:// in upstream.url.'),
}).check((context) => {
  const { url, tls, failover } = context.value;
  if (tls !== undefined && quietly(url, parseAnyUrl)?.secure === false) {
    fail(
      context,
      `needs TLS: write ${isSentinelUrl(url) ? 'rediss-sentinel' : 'rediss'}:// in upstream.url, or remove this setting`,
      ['tls'],
    );
  }
  if (failover !== undefined && !isSentinelUrl(url)) {
    fail(context, 'needs Sentinels: write redis-sentinel:// in upstream.url, or remove this setting', [
      'failover',
    ]);
  }
});

const band = z
  .union([z.literal('never'), z.tuple([percent(), percent()])], {
    error: (issue) => expected(issue, '"never", or a pair of percentages in quotes, such as ["80%", "88%"]'),
  })
  .check((context) => {
    if (typeof context.value === 'string') return;
    const [start, full] = context.value.map((text) => quietly(text, parsePercent));
    if (start !== undefined && full !== undefined && start > full) {
      fail(context, 'must be [start, full], with start not above full: exchange the two');
    }
  });

const shed = strict({
  low: band.default(['80%', '88%']).describe('The band of rules with priority low.'),
  normal: band
    .default(['88%', '94%'])
    .describe('The band of rules with priority normal, and of keys without a rule.'),
  high: band.default(['94%', '98%']).describe('The band of rules with priority high.'),
  critical: band.default('never').describe('The band of rules with priority critical.'),
});

const reserve = strict({
  horizon: duration(SECOND_MS, HOUR_MS)
    .default('30s')
    .describe('Spillway keeps room for the memory that higher priorities add in this time.'),
  most: percent(MAX_RESERVE)
    .default('10%')
    .describe('The most room that Spillway keeps, as a share of the limit. 0%: none.'),
});

const memory = strict({
  pollInterval: duration(10, MINUTE_MS)
    .default('500ms')
    .describe(
      'How often Spillway reads INFO memory while memory is far from the limit. Near the limit it reads more often.',
    ),
  staleAfter: duration(20, HOUR_MS)
    .default('5s')
    .describe('Spillway does not use a reading that is older than this.'),
  proxies: z
    .union([z.int().min(1).max(MAX_PROXIES), z.literal('auto')], {
      error: `must be a whole number from 1 to ${MAX_PROXIES}, or "auto"`,
    })
    .default(1)
    .describe(
      'How many proxies write to this Redis. Near the limit, each one reads memory as early as if the others wrote as much as it ' +
        'does, so that Spillway refuses a burst through all of them in time. This number alone refuses no write. "auto" counts ' +
        'them: each one subscribes to the channel __spillway__:here and asks PUBSUB NUMSUB.',
    ),
  onStale: oneOf(['admit', 'hold'])
    .default('admit')
    .describe('Without a valid reading: "admit" lets every write pass, "hold" keeps the last level.'),
  hysteresis: percent(MAX_HYSTERESIS)
    .default('2%')
    .describe(
      'How far pressure must fall below the point at which a level rose before the level falls again.',
    ),
  limit: size(1, MAX_MEMORY)
    .optional()
    .describe(
      "A memory limit for a server without one (maxmemory 0), or one that is lower than the server's.",
    ),
  shedWhen: oneOf(['auto', 'always', 'never'])
    .default('auto')
    .describe(
      '"auto": the bands apply to memory that the server cannot evict under its maxmemory-policy. With noeviction that is ' +
        'all memory, with volatile-* the memory of keys without a TTL; with allkeys-* Spillway refuses nothing. "always": they ' +
        'apply to used memory under every policy. "never": Spillway only watches.',
    ),
  passScripts: z
    .array(
      z
        .string({ error: (issue) => expected(issue, 'a SHA1 or the name of a function, in quotes') })
        .regex(/^[A-Za-z0-9_]{1,64}$/, 'must be a SHA1 (40 hexadecimal digits) or the name of a function'),
      { error: (issue) => expected(issue, 'a list of SHA1s and names of functions') },
    )
    .max(1000, 'must hold at most 1000 names')
    .default([])
    .describe(
      'Scripts (by SHA1) and functions (by name) that rules with scripts "refuse" let pass: those that free memory. You need not ' +
        'list a script if Spillway has seen its source (in EVAL or SCRIPT LOAD) and it calls no command that may grow.',
    ),
  shed: shed
    .prefault({})
    .describe(
      'A band [start, full] for each priority, as shares of the limit. Below start Spillway refuses nothing. At full it refuses ' +
        'every growing write. Between the two it refuses writes to a rising share of the keys, the same keys each time; keys ' +
        'with the same {tag} are refused together. "never": no refusals. Begin each band where the lower priority\'s ' +
        'band ends: otherwise Spillway refuses a priority while a lower one still fills memory.',
    ),
  reserve: z
    .union([z.literal('off'), reserve], {
      error: (issue) => expected(issue, '"off", or an object with horizon and most'),
    })
    .prefault({})
    .describe(
      'Room for higher priorities. Spillway measures the memory that all higher priorities, and writers that bypass it, add ' +
        'in `horizon`, and refuses a priority that much earlier. So lower priorities do not fill the memory that higher ones ' +
        'need next. "off": the bands alone decide.',
    ),
  evict: evictSchema
    .prefault({})
    .describe('Making room: how Spillway removes keys of rules with evict before it refuses any write.'),
}).check((context) => {
  const pollInterval = quietly(context.value.pollInterval, parseDuration);
  const staleAfter = quietly(context.value.staleAfter, parseDuration);
  if (pollInterval !== undefined && staleAfter !== undefined && staleAfter <= pollInterval) {
    fail(context, 'must be longer than pollInterval, or each reading expires before the next', [
      'staleAfter',
    ]);
  }
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

const rules = z
  .array(ruleSchema, {
    error: (issue) =>
      expected(issue, 'a list of rules, such as [{ "name": "cache", "match": "cache:*", "ttl": "1h" }]'),
  })
  .max(MAX_RULES, `must hold at most ${MAX_RULES} rules`)
  .check((context) => {
    const firstOf = new Map<string, number>();
    for (const [index, { name }] of context.value.entries()) {
      const first = firstOf.get(name);
      if (first === undefined) firstOf.set(name, index);
      else fail(context, `is also the name of rules[${first}]; names must be unique`, [index, 'name']);
    }
    boundViews(context);
    const budgets = context.value.filter(({ budget }) => budget !== undefined).length;
    if (budgets > MAX_BUDGETS)
      fail(context, `at most ${MAX_BUDGETS} rules may have a budget; these are ${budgets}`);
  });

const families = z
  .union(
    [
      z.enum(['auto', 'off']),
      z
        .array(oneOf(FAMILY_NAMES), { error: (issue) => expected(issue, 'a list of job systems') })
        .max(FAMILY_NAMES.length, `must hold each job system once`),
    ],
    {
      error: (issue) => expected(issue, `"auto", "off", or a list of ${FAMILY_NAMES.join(', ')}`),
    },
  )
  .default('auto')
  .describe(
    'Job systems whose keys Spillway recognizes if no rule matches them. They are critical and get no TTL, because refusing or ' +
      `expiring a part of them loses jobs. "auto": all that Spillway knows (${FAMILY_NAMES.join(', ')}). "off": none.`,
  );

const OWN_CLIENT = 'is the address on which Spillway itself listens, so it would be its own client';
const ANY_ADDRESS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/** Whether a connection to `target` reaches a server that listens on `host`, judged by the texts alone. */
function sameMachine(host: string, target: string): boolean {
  return host === target || (isLoopback(target) && (isLoopback(host) || ANY_ADDRESS.has(host)));
}

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
  upstream: upstream.prefault({}).describe('The Redis or Valkey server behind the proxy.'),
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
  rules: rules.default([]).describe('Rules by key pattern. The first rule that matches a key applies.'),
  families,
  memory: memory.prefault({}).describe('How Spillway watches memory, and when it refuses writes.'),
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
  .describe('Configuration of Spillway.');

/** The checked config file with its defaults; quantities are still texts. */
export type ConfigInput = z.infer<typeof configSchema>;
