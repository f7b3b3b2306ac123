// The schema: defaults, and for every way to get a setting wrong the place and the reason that the user sees.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { z } from 'zod';
import { checkConfig, formatPath } from '../../../src/config/check.js';
import { ConfigError } from '../../../src/config/error.js';
import { ruleSchema } from '../../../src/config/rule-schema.js';
import { configSchema } from '../../../src/config/schema.js';

const rule = { name: 'a', match: 'a:*', ttl: '1h' };

/** The problems of a config, as "where: message". */
function problems(config: unknown): string[] {
  try {
    checkConfig(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ where, message }) => `${where}: ${message}`);
  }
}

t.test('the defaults', async (t) => {
  t.same(checkConfig({}), {
    listen: '127.0.0.1:6380',
    upstream: {
      url: 'redis://127.0.0.1:6379',
      expect: 'primary',
      pool: 'session',
      sharedConnections: 2,
      shareCommands: [],
      connectTimeout: '5s',
      responseTimeout: '1s',
    },
    listenMode: '0600',
    proxyProtocol: { from: [] },
    sentinelListen: false,
    sentinelAnnounce: { sentinels: [] },
    workers: 1,
    mode: 'enforce',
    rules: [],
    families: 'auto',
    memory: {
      pollInterval: '500ms',
      proxies: 1,
      staleAfter: '5s',
      onStale: 'admit',
      hysteresis: '2%',
      shedWhen: 'auto',
      passScripts: [],
      shed: { low: ['80%', '88%'], normal: ['88%', '94%'], high: ['94%', '98%'], critical: 'never' },
      reserve: { horizon: '30s', most: '10%' },
      evict: { start: '78%', stop: '76%', keys: '32mb' },
    },
    admin: { listen: '127.0.0.1:9380' },
    console: true,
    limits: {
      maxClients: 10_000,
      lookahead: '1mb',
      pendingReplies: 1_000_000,
      idleTimeout: '0s',
      tcpKeepAlive: '60s',
      drainTimeout: '10s',
    },
    alerts: { timeToFull: '30m', hold: '1m', timeout: '5s' },
    sweep: { every: '0s', maxRate: 1000 },
    log: { level: 'info', format: 'auto' },
    reload: { onChange: true },
  });
  t.same(checkConfig({ rules: [rule] }).rules, [
    { ...rule, applyTo: 'strings', scripts: 'pass', scriptTtl: false },
  ]);
});

t.test('the shipped config is valid', async (t) => {
  const text = readFileSync(new URL('../../../proxy.config.json', import.meta.url), 'utf8');
  t.same(problems(JSON.parse(text)), []);
});

t.test('each mistake is one problem, at its place', async (t) => {
  const memory = (value: unknown) => ({ memory: value });
  const rules = (...value: unknown[]) => ({ rules: value });
  const cases: [unknown, RegExp][] = [
    [[], /^: must be an object such as \{ "listen": … \}$/],
    [null, /^: must be an object such as/],
    [
      { lisen: ':1' },
      /^lisen: is not a setting here; did you mean "listen"\? the settings here are \$schema, listen, /,
    ],
    [JSON.parse('{ "__proto__": {} }'), /^__proto__: is not a setting here/],
    [{ 'a b': 1 }, /^\["a b"\]: is not a setting here/],
    [{ listen: 6380 }, /^listen: must be host:port in quotes/],
    [{ listen: '6380' }, /^listen: must be host:port, such as/],
    [rules({ ...rule, scripts: 'allow' }), /^rules\[0\]\.scripts: must be "pass" or "refuse"$/],
    [rules({ ...rule, scriptTtl: true }), /^rules\[0\]\.scriptTtl: gives the TTL of the rule/],
    [
      rules({ name: 'a', match: 'a', durable: true, applyTo: 'all', scriptTtl: true }),
      /^rules\[0\]\.scriptTtl: gives the TTL of the rule/,
    ],
    [memory({ passScripts: ['a-b'] }), /^memory\.passScripts\[0\]: must be a SHA1 \(40 hexadecimal digits\)/],
    [memory({ passScripts: 'x' }), /^memory\.passScripts: must be a list of SHA1s and names of functions/],
    [
      { upstream: { url: 'redis-sentinel://s1:26379' } },
      /^upstream\.url: must look like redis-sentinel:\/\/host:26379,host:26379\/name-of-the-primary/,
    ],
    [{ upstream: { url: 'redis-sentinel://s1,s2,s1/m' } }, /^upstream\.url: must name each Sentinel once$/],
    [
      { upstream: { url: `redis-sentinel://${Array.from({ length: 17 }, (_, i) => `s${i}`)}/m` } },
      /^upstream\.url: must name at most 16 Sentinels$/,
    ],
    [
      { upstream: { url: 'redis://h', failover: {} } },
      /^upstream\.failover: needs Sentinels: write redis-sentinel:\/\/ in upstream\.url, or "mode": "name" for a name that moves, or remove this setting$/,
    ],
    [
      { upstream: { url: 'redis-sentinel://s1/m', tls: {} } },
      /^upstream\.tls: needs TLS: write rediss-sentinel:\/\/ in upstream\.url/,
    ],
    [
      { upstream: { url: 'redis-sentinel://s1/m', failover: { natMap: { 'a:1': 'b' } } } },
      /^upstream\.failover\.natMap\["a:1"\]: must map host:port to host:port/,
    ],
    [
      { upstream: { url: 'redis-sentinel://s1/m', failover: { pause: '0.5s' } } },
      /^upstream\.failover\.pause: must be/,
    ],
    [{ mode: 'Observe' }, /^mode: must be "enforce" or "observe"$/],
    [{ upstream: 'redis://h' }, /^upstream: must be an object such as \{ "url": … \}$/],
    [
      { upstream: { uri: 'x' } },
      /^upstream\.uri: is not a setting here; did you mean "url"\? the settings here are url, tls, expect, pool, sharedConnections, shareCommands, connectTimeout, responseTimeout, failover$/,
    ],
    [{ upstream: { url: 5 } }, /^upstream\.url: must be a URL in quotes/],
    [{ upstream: { url: 'http://h' } }, /^upstream\.url: must start with redis:\/\/, rediss:\/\//],
    [{ upstream: { tls: {} } }, /^upstream\.tls: needs TLS: write rediss:\/\/ in upstream\.url/],
    [
      { upstream: { url: 'rediss://h', tls: { cert: 'c' } } },
      /^upstream\.tls\.key: is missing: cert and key must be set together$/,
    ],
    [
      { upstream: { url: 'rediss://h', tls: { serverName: 'a b' } } },
      /^upstream\.tls\.serverName: must be a host name/,
    ],
    [{ upstream: { url: 'rediss://h', tls: { ca: '' } } }, /^upstream\.tls\.ca: must be the path of a file/],
    [{ listenTls: { cert: 'c' } }, /^listenTls\.key: is missing: give the path of a file/],
    [{ listen: 'unix:run.sock' }, /^listen: must be "unix:" and an absolute path/],
    [
      { listen: `unix:/${'x'.repeat(200)}` },
      /^listen: must be "unix:" and an absolute path of at most 107 bytes/,
    ],
    [
      { listen: 'unix:/a', upstream: { url: 'unix:///a' } },
      /^upstream\.url: is the address on which Spillway itself listens/,
    ],
    [{ listenMode: '0999' }, /^listenMode: must be a file mode/],
    [{ admin: { listen: 'unix:/a' } }, /^admin\.listen: must be host:port/],
    [
      { proxyProtocol: { from: ['10.0.0.0/33'] } },
      /^proxyProtocol\.from\[0\]: must be an address, a network/,
    ],
    [
      { proxyProtocol: { from: ['lb.internal'] } },
      /^proxyProtocol\.from\[0\]: must be an address, a network/,
    ],
    [{ upstream: { pool: 'statement' } }, /^upstream\.pool: must be "session" or "command"$/],
    [
      { upstream: { shareCommands: 'EVALSHA' } },
      /^upstream\.shareCommands: must be a list of command names$/,
    ],
    [
      { upstream: { shareCommands: ['JSON.GET', 'Multi'] } },
      /^upstream\.shareCommands\[1\]: cannot be shared: this command begins or ends a transaction on its connection$/,
    ],
    [
      { upstream: { shareCommands: ['BLPOP'] } },
      /^upstream\.shareCommands\[0\]: cannot be shared: this command may block its connection, /,
    ],
    [
      { upstream: { shareCommands: ['JSON GET'] } },
      /^upstream\.shareCommands\[0\]: must be the name of a command: a word /,
    ],
    [
      { upstream: { shareCommands: [1] } },
      /^upstream\.shareCommands\[0\]: must be the name of a command in quotes/,
    ],
    [{ upstream: { connectTimeout: '0s' } }, /^upstream\.connectTimeout: must be from 1ms to 5m$/],
    [{ upstream: { responseTimeout: '10ms' } }, /^upstream\.responseTimeout: must be from 100ms to 5m$/],
    [{ upstream: { connectTimeout: 5000 } }, /^upstream\.connectTimeout: must be a duration in quotes/],
    [{ rules: {} }, /^rules: must be a list of rules, such as \[\{ "name": /],
    [
      {
        rules: Array(10_001)
          .fill(rule)
          .map((r, i) => ({ ...r, name: `r${i}` })),
      },
      /^rules: must hold at most 10000 rules$/,
    ],
    [rules('a'), /^rules\[0\]: must be an object such as \{ "name": … \}$/],
    [rules({ ...rule, name: undefined }), /^rules\[0\]\.name: is missing: give a name in quotes$/],
    [rules({ ...rule, name: '' }), /^rules\[0\]\.name: must be 1 to 64 of/],
    [rules({ ...rule, name: 'x'.repeat(65) }), /^rules\[0\]\.name: must be 1 to 64 of/],
    [rules({ ...rule, name: 'a b' }), /^rules\[0\]\.name: must be 1 to 64 of/],
    [rules({ ...rule, name: 'unregistered' }), /^rules\[0\]\.name: must not be "unregistered"/],
    [rules(rule, { ...rule, match: 'b' }), /^rules\[1\]\.name: is also the name of rules\[0\]/],
    [rules({ ...rule, match: undefined }), /^rules\[0\]\.match: is missing: give a pattern/],
    [rules({ ...rule, db: -1 }), /^rules\[0\]\.db: must be a whole number from 0 to 999999$/],
    [rules({ ...rule, db: 1.5 }), /^rules\[0\]\.db: must be the number of a database/],
    [rules({ ...rule, db: '1' }), /^rules\[0\]\.db: must be the number of a database .* such as \[1, 2\]$/],
    [rules({ ...rule, db: 1_000_000 }), /^rules\[0\]\.db: must be/],
    [rules({ ...rule, db: [] }), /^rules\[0\]\.db: must hold at least one database$/],
    [rules({ ...rule, db: [1, -1] }), /^rules\[0\]\.db\[1\]: must be a whole number from 0 to 999999$/],
    [rules({ ...rule, user: '' }), /^rules\[0\]\.user: must not be empty; .* are the user "default"$/],
    [rules({ ...rule, user: [] }), /^rules\[0\]\.user: must hold at least one user$/],
    [rules({ ...rule, user: ['a', ''] }), /^rules\[0\]\.user\[1\]: must not be empty/],
    [
      rules({ ...rule, user: 'a b' }),
      /^rules\[0\]\.user: must be the name of an ACL user, which has no spaces$/,
    ],
    [rules({ ...rule, user: 5 }), /^rules\[0\]\.user: must be the name of an ACL user in quotes/],
    [
      rules(
        ...Array.from({ length: 1000 }, (_, i) => ({
          ...rule,
          name: `r${i}`,
          db: i,
          ...(i % 2 && { user: `u${i}` }),
        })),
      ),
      /^rules: name so many databases and users that their combinations have \d+ patterns, and at most 500000 are possible/,
    ],
    [rules({ ...rule, name: 'family:rq' }), /^rules\[0\]\.name: must not begin with "family:"/],
    [rules({ name: 'a', family: 'cron' }), /^rules\[0\]\.family: must be "sidekiq", "celery", /],
    [rules({ ...rule, family: 'rq' }), /^rules\[0\]\.ttl: cannot be set together with family/],
    [
      rules({ name: 'a', family: 'rq', maxTtl: '1h' }),
      /^rules\[0\]\.maxTtl: cannot be set together with family/,
    ],
    [{ families: 'on' }, /^families: must be "auto", "off", or a list of sidekiq, celery, /],
    [{ families: ['rq', 'cron'] }, /^families/],
    [rules({ ...rule, match: 5 }), /^rules\[0\]\.match: must be a pattern/],
    [rules({ ...rule, match: '' }), /^rules\[0\]\.match: must not be empty$/],
    [rules({ ...rule, match: [] }), /^rules\[0\]\.match: must hold at least one pattern$/],
    [rules({ ...rule, match: ['a', ''] }), /^rules\[0\]\.match\[1\]: must not be empty$/],
    [rules({ ...rule, match: ['a', 5] }), /^rules\[0\]\.match: must be a pattern/],
    [rules({ ...rule, match: 'x'.repeat(1025) }), /^rules\[0\]\.match: must be at most 1024 characters/],
    [rules({ ...rule, match: 'a\ud800' }), /^rules\[0\]\.match: contains half of a surrogate pair/],
    [rules({ ...rule, ttl: 3600 }), /^rules\[0\]\.ttl: must be a duration in quotes with its unit/],
    [rules({ ...rule, ttl: '1 hour' }), /^rules\[0\]\.ttl: must be a duration such as/],
    [rules({ ...rule, ttl: '0s' }), /^rules\[0\]\.ttl: must be from 1ms to 36500d$/],
    [rules({ ...rule, ttl: '40000d' }), /^rules\[0\]\.ttl: must be from 1ms to 36500d$/],
    [rules({ ...rule, maxTtl: '59m' }), /^rules\[0\]\.ttl: is longer than maxTtl/],
    [rules({ ...rule, jitter: '91%' }), /^rules\[0\]\.jitter: must be at most 90%$/],
    [rules({ ...rule, jitter: 0.1 }), /^rules\[0\]\.jitter: must be a percentage in quotes/],
    [rules({ ...rule, jitter: '10' }), /^rules\[0\]\.jitter: must be a percentage from/],
    [rules({ ...rule, durable: true }), /^rules\[0\]\.ttl: cannot be set together with durable/],
    [rules({ ...rule, durable: 'yes' }), /^rules\[0\]\.durable: must be true or false, without quotes$/],
    [
      rules({ name: 'a', match: 'a', durable: true, maxTtl: '1h' }),
      /^rules\[0\]\.maxTtl: cannot be set together with durable/,
    ],
    [rules({ name: 'a', match: 'a', durable: true, jitter: '1%' }), /^rules\[0\]\.jitter: .*needs a "ttl"/],
    [rules({ name: 'a', match: 'a', priority: 'low' }), /^rules\[0\]: must have a "ttl", or/],
    [rules({ name: 'a', match: 'a', maxTtl: '1h' }), /^rules\[0\]: must have a "ttl"/],
    [rules({ name: 'a', match: 'a', durable: false }), /^rules\[0\]: must have a "ttl"/],
    [
      rules({ ...rule, priority: 'urgent' }),
      /^rules\[0\]\.priority: must be "low", "normal", "high" or "critical"$/,
    ],
    [rules({ ...rule, applyTo: 'hashes' }), /^rules\[0\]\.applyTo: must be "strings" or "all"$/],
    [rules({ ...rule, budget: '0%' }), /^rules\[0\]\.budget: must be/],
    [rules({ ...rule, budget: '1kb' }), /^rules\[0\]\.budget: must be a size/],
    [rules({ ...rule, budget: '101%' }), /^rules\[0\]\.budget: must be a size/],
    [rules({ ...rule, budget: true }), /^rules\[0\]\.budget: must be a size/],
    [
      rules(...Array.from({ length: 101 }, (_, i) => ({ ...rule, name: `r${i}`, budget: '1%' }))),
      /^rules: at most 100 rules may have a budget; these are 101$/,
    ],
    [rules({ ...rule, limit: {} }), /^rules\[0\]\.limit: must set at least one of writes, bytes and value$/],
    [rules({ ...rule, limit: { error: 'SLOW down' } }), /^rules\[0\]\.limit: must set at least one/],
    [
      rules({ ...rule, limit: { writes: 500 } }),
      /^rules\[0\]\.limit\.writes: must be a number a second in quotes/,
    ],
    [
      rules({ ...rule, limit: { writes: '0/s' } }),
      /^rules\[0\]\.limit\.writes: must be from 1\/s to 1000000\/s$/,
    ],
    [rules({ ...rule, limit: { bytes: '5mb' } }), /^rules\[0\]\.limit\.bytes: must be a size a second/],
    [rules({ ...rule, limit: { bytes: '1/s' } }), /^rules\[0\]\.limit\.bytes: must be from 1kb\/s to /],
    [rules({ ...rule, limit: { value: '10' } }), /^rules\[0\]\.limit\.value: must be from 1kb to /],
    [
      rules({ ...rule, limit: { reads: '5/s', value: '1kb' } }),
      /^rules\[0\]\.limit\.reads: is not a setting here/,
    ],
    [
      rules({ ...rule, limit: { value: '1kb', error: 'too big' } }),
      /^rules\[0\]\.limit\.error: must be one line/,
    ],
    [
      rules({ ...rule, limit: { value: '1kb', error: 'BIG a\r\n+OK' } }),
      /^rules\[0\]\.limit\.error: must be one line/,
    ],
    [
      rules({ ...rule, limit: { value: '1kb', error: 'MOVED 1 evil:1' } }),
      /^rules\[0\]\.limit\.error: begins with a code/,
    ],
    [
      rules({ ...rule, limit: { value: '1kb', error: `BIG ${'x'.repeat(200)}` } }),
      /^rules\[0\]\.limit\.error: must be at most 200/,
    ],
    [rules({ ...rule, mode: 'off' }), /^rules\[0\]\.mode: must be "enforce" or "observe"$/],
    [
      rules(rule, { ...rule, name: 'b', tll: '1h' }),
      /^rules\[1\]\.tll: is not a setting here; did you mean "ttl"\? the settings here are name, match, family, db, user, ttl, /,
    ],
    [memory({ pollInterval: '9ms' }), /^memory\.pollInterval: must be from 10ms to 1m$/],
    [memory({ staleAfter: '500ms' }), /^memory\.staleAfter: must be longer than pollInterval/],
    [memory({ onStale: 'shed' }), /^memory\.onStale: must be "admit" or "hold"$/],
    [memory({ hysteresis: '51%' }), /^memory\.hysteresis: must be at most 50%$/],
    [memory({ reserve: true }), /^memory\.reserve: must be "off", or an object with horizon and most$/],
    [memory({ reserve: { most: '51%' } }), /^memory\.reserve\.most: must be at most 50%$/],
    [memory({ reserve: { horizon: '10ms' } }), /^memory\.reserve\.horizon: must be from 1s to 1h$/],
    [memory({ evict: { start: '76%' } }), /^memory\.evict\.stop: must be below start$/],
    [memory({ evict: { keys: '1kb' } }), /^memory\.evict\.keys: must be from 64kb to 4gb$/],
    [
      { rules: [{ ...rule, evict: true }], memory: { evict: { start: '80%' } } },
      /^memory\.evict\.start: must be below memory\.shed\.low, which begins at 80%: /,
    ],
    [
      {
        rules: [{ ...rule, evict: true }],
        memory: { shed: { low: 'never', normal: ['70%', '80%'] } },
      },
      /^memory\.evict\.start: must be below memory\.shed\.normal, which begins at 70%: /,
    ],
    [
      rules({ name: 'a', match: 'a:*', durable: true, evict: true }),
      /^rules\[0\]\.evict: cannot be set together with durable/,
    ],
    [memory({ limit: '1tb' }), /^memory\.limit: must be a size/],
    [memory({ limit: 0 }), /^memory\.limit: must be from 1 to /],
    [memory({ limit: -1 }), /^memory\.limit: must/],
    [memory({ limit: 1.5 }), /^memory\.limit: must be a size/],
    [memory({ limit: null }), /^memory\.limit: must be a size/],
    [memory({ shedWhen: true }), /^memory\.shedWhen: must be "auto", "always" or "never"$/],
    [memory({ shed: { low: '80%' } }), /^memory\.shed\.low: must be "never", or a pair/],
    [memory({ shed: { low: ['80%'] } }), /^memory\.shed\.low: must be "never", or a pair/],
    [memory({ shed: { low: ['1%', '2%', '3%'] } }), /^memory\.shed\.low: must be "never", or a pair/],
    [memory({ shed: { low: ['80%', 90] } }), /^memory\.shed\.low: must be "never", or a pair/],
    [memory({ shed: { low: ['80%', '101%'] } }), /^memory\.shed\.low\[1\]: must be a percentage/],
    [
      memory({ shed: { low: ['80%', '79.9%'] } }),
      /^memory\.shed\.low: must be \[start, full\], with start not above full/,
    ],
    [
      memory({ shed: { urgent: 'never' } }),
      /^memory\.shed\.urgent: is not a setting here; the settings here are low, normal, high, critical$/,
    ],
    [{ admin: { listen: true } }, /^admin\.listen: must be host:port in quotes.*or false/],
    [{ admin: { listen: 'x' } }, /^admin\.listen: must be host:port/],
    [{ admin: { tokenFile: '' } }, /^admin\.tokenFile: must be the path of a file/],
    [
      { admin: { token: 'x' } },
      /^admin\.token: is not a setting here; did you mean "tokenFile"\? the settings here are listen, tokenFile/,
    ],
    [{ limits: { maxClients: 0 } }, /^limits\.maxClients: must be a whole number from 1 to 1000000$/],
    [{ limits: { maxClients: '5' } }, /^limits\.maxClients: must be a whole number/],
    [{ limits: { lookahead: '1023' } }, /^limits\.lookahead: must be from 1kb to 512mb$/],
    [{ limits: { pendingReplies: 1.5 } }, /^limits\.pendingReplies: must be a whole number/],
    [{ limits: { drainTimeout: '2h' } }, /^limits\.drainTimeout: must be from 0s to 1h$/],
    [{ log: { level: 'verbose' } }, /^log\.level: must be "trace", "debug", /],
  ];
  for (const [config, expected] of cases) {
    const found = problems(config);
    t.equal(found.length, 1, found.join(' | ') || `nothing found for ${expected}`);
    t.match(found[0], expected);
  }
});

t.test('values just within their bounds pass', async (t) => {
  const valid: object[] = [
    { rules: [{ ...rule, maxTtl: '1h', jitter: '90%' }] },
    { rules: [{ ...rule, jitter: '0%', durable: false }] },
    { rules: [{ ...rule, budget: '64kb' }] },
    { rules: [{ name: 'a', db: 0, ttl: '1h' }] },
    { rules: [{ name: 'a', user: 'cache-app', durable: true }] },
    { rules: [{ ...rule, db: [0, 999_999], user: ['default', 'größe'] }] },
    { rules: [{ ...rule, budget: '0.01%' }] },
    { rules: [{ ...rule, budget: '100%' }] },
    { rules: [{ ...rule, limit: { writes: '1/s', bytes: '1kb/s', value: '1kb', error: 'SLOW down' } }] },
    { rules: [{ name: 'a', match: ['a', 'b'], durable: true, priority: 'critical' }] },
    { memory: { shed: { low: ['80%', '80%'], critical: ['100%', '100%'] }, limit: 1 } },
    { rules: [{ name: 'a', family: 'rq' }] },
    { rules: [{ name: 'a', family: 'celery', match: 'mail', priority: 'high', durable: true }] },
    { families: ['rq', 'arq'] },
    { families: [] },
    { memory: { limit: '64mb' }, admin: { listen: false } },
    { admin: { listen: '[::1]:0' }, limits: { drainTimeout: '0s' } },
    { upstream: { url: 'redis://u:p@h:1/2' }, $schema: './proxy.schema.json' },
  ];
  for (const config of valid) t.same(problems(config), [], JSON.stringify(config));
});

t.test('all problems are reported at once', async (t) => {
  const bad = { listen: 1, mode: 2, rules: [{ match: 5 }, { ...rule, ttl: 'x' }], log: { level: 3, x: 4 } };
  t.equal(problems(bad).length, 7);
  t.throws(() => checkConfig(bad, 'f.json'), {
    code: 'CONFIG_INVALID',
    message: /^f\.json: 7 problems\n {2}listen: .*\n(.*\n)* {2}rules\[1\]\.ttl: must be a duration/,
  });
  const many = { rules: Array(80).fill(5) };
  t.throws(() => checkConfig(many), {
    message: /80 problems\n(.*\n)* {2}rules\[49\]: .*\n {2}… and 30 more$/,
  });
});

t.test("no value reaches the message, not even a secret's neighbor", async (t) => {
  const secret = 'hunter2';
  const everywhere = {
    listen: secret,
    upstream: { url: `rediss://u:${secret}@h`, pool: secret, connectTimeout: secret },
    mode: secret,
    rules: [
      { name: `${secret} `, match: [5], ttl: secret, jitter: secret, durable: secret, priority: secret },
    ],
    memory: { limit: secret, hysteresis: secret, shed: { low: [secret, secret], high: secret } },
    admin: { listen: secret },
    limits: { maxClients: secret },
    log: { level: secret },
  };
  t.ok(problems(everywhere).length > 10);
  t.notMatch(problems(everywhere).join('\n'), new RegExp(secret));
});

t.test('a single rule can be checked by itself', async (t) => {
  t.ok(ruleSchema.safeParse(rule).success);
  t.notOk(ruleSchema.safeParse({ name: 'a', match: 'a' }).success);
});

t.test('the place of a setting is written as in JavaScript', async (t) => {
  t.equal(formatPath(['rules', 2, 'ttl']), 'rules[2].ttl');
  t.equal(formatPath(['memory', 'a.b']), 'memory["a.b"]');
  t.equal(formatPath([]), '');
});

t.test('every setting has a description: the reference is made of them', async (t) => {
  type Node = { description?: string; properties?: Record<string, Node>; items?: Node };
  const walk = (node: Node, path: string): string[] =>
    Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
      ...(child.description === undefined ? [`${path}${key}`] : []),
      ...walk(child, `${path}${key}.`),
      ...(child.items === undefined ? [] : walk(child.items, `${path}${key}[].`)),
    ]);
  t.same(walk(z.toJSONSchema(configSchema, { io: 'input' }) as Node, ''), []);
});

t.test('a proxy that would be its own client, or its own neighbor', async (t) => {
  const itself =
    'upstream.url: is the address on which Spillway itself listens, so it would be its own client';
  for (const listen of ['127.0.0.1:6379', ':6379', '0.0.0.0:6379', 'localhost:6379']) {
    t.same(problems({ listen }), [itself], listen);
  }
  t.same(problems({ listen: '127.0.0.1:9380' }), [
    'admin.listen: is the address for clients (listen); choose another port',
  ]);
  t.same(problems({ listen: ':6379', upstream: { url: 'redis://redis.example:6379' } }), []);
  t.same(problems({ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' } }), []);
  for (const [config, problem] of [
    [{ listen: ':6380', sentinelListen: '127.0.0.1:6380' }, /^sentinelListen: is the address for clients/],
    [{ sentinelListen: '127.0.0.1:9380' }, /^sentinelListen: is the address of the admin server/],
    [
      { sentinelListen: '127.0.0.1:26379', upstream: { url: 'redis-sentinel://localhost,h/mymaster' } },
      /^sentinelListen: is one of the Sentinels in upstream\.url/,
    ],
    [{ listen: 'unix:/run/s.sock', sentinelListen: '127.0.0.1:1' }, /^sentinelListen: needs a TCP address/],
    [
      { sentinelListen: ':26379' },
      /^sentinelListen: can be reached from other machines, and listen .* cannot/,
    ],
    [{ sentinelAnnounce: { address: ':1' } }, /^sentinelAnnounce\.address: must be host:port/],
    [{ sentinelAnnounce: { sentinels: ['h:0'] } }, /^sentinelAnnounce\.sentinels\[0\]: must be host:port/],
    [{ sentinelAnnounce: { primary: 'a b' } }, /^sentinelAnnounce\.primary: must be a name without spaces/],
    [{ sentinelListen: 26379 }, /^sentinelListen: must be host:port in quotes/],
  ] as const)
    t.match(problems(config), [problem]);
  t.same(problems({ sentinelListen: ':26379', sentinelAnnounce: { address: 'h:6380' } }), []);
  t.same(problems({ listen: ':6380', sentinelListen: ':26379' }), []);
});
