// Loading: files, environment, flags and their precedence; compiling and describing as inverse steps; secrets.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { checkConfig } from '../../../src/config/check.js';
import { compileConfig } from '../../../src/config/compile.js';
import { describeConfig } from '../../../src/config/describe.js';
import { ConfigError } from '../../../src/config/error.js';
import { type ConfigSources, loadConfig } from '../../../src/config/load.js';
import { withoutSecrets } from '../../../src/config/secrets.js';
import { formatDuration } from '../../../src/config/units.js';
import { Priority } from '../../../src/core/policy/rule.js';

/** What a failing call reports, each as "where: message". */
function problemsOf(call: () => unknown): string[] {
  try {
    call();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ where, message }) => `${where}: ${message}`);
  }
}

const load = (sources: Partial<ConfigSources> = {}) => loadConfig({ env: {}, flags: {}, ...sources });

t.test('compiled: numbers and bytes, frozen through and through', async (t) => {
  const config = compileConfig(
    checkConfig({
      listen: '[::1]:7000',
      upstream: { url: 'redis://u:p@h:1/2', connectTimeout: '1s' },
      mode: 'observe',
      rules: [
        {
          name: 'a',
          match: 'é:*',
          ttl: '1h',
          maxTtl: '2h',
          jitter: '10%',
          priority: 'low',
          applyTo: 'all',
          mode: 'enforce',
        },
        { name: 'b', match: ['b:*', 'c:*'], durable: true, priority: 'critical' },
      ],
      memory: { limit: '64mb', hysteresis: '2%', shed: { high: 'never', critical: ['99%', '100%'] } },
      admin: { listen: false },
      limits: { lookahead: '2kb', drainTimeout: '0s' },
    }),
  );
  t.same(config.listen, { host: '::1', port: 7000 });
  t.match(config.upstream, {
    host: 'h',
    port: 1,
    username: 'u',
    password: 'p',
    db: 2,
    connectTimeoutMs: 1000,
  });
  const [a, b] = config.rules;
  t.match(a, {
    slot: 1,
    ttlMs: 3_600_000,
    maxTtlMs: 7_200_000,
    jitter: 0.1,
    durable: false,
    priority: Priority.LOW,
  });
  t.match(a, { observe: false, applyToAll: true });
  t.same(
    a.globs.map((glob) => [...glob]),
    [[0xc3, 0xa9, 0x3a, 0x2a]],
    'UTF-8 bytes',
  );
  t.match(b, { slot: 2, ttlMs: 0, maxTtlMs: 0, jitter: 0, durable: true, priority: Priority.CRITICAL });
  t.match(b, { observe: true, applyToAll: false });
  t.same(b.globs.map(String), ['b:*', 'c:*']);
  t.same(config.memory.bands, [[0.8, 0.88], [0.88, 0.94], null, [0.99, 1]]);
  t.match(config.memory, {
    limitBytes: 67_108_864,
    hysteresis: 0.02,
    pollIntervalMs: 500,
    staleAfterMs: 5000,
  });
  t.equal(config.admin.listen, false);
  t.match(config.limits, { lookaheadBytes: 2048, drainTimeoutMs: 0 });

  const thawed: string[] = [];
  const walk = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    if (!Object.isFrozen(value)) thawed.push(path);
    for (const [key, child] of Object.entries(value)) walk(child, `${path}.${key}`);
  };
  walk(config, 'config');
  t.same(thawed, []);
});

t.test('described, a config loads again to the same', async (t) => {
  const percent = (max: number) => fc.integer({ min: 0, max: max * 100 }).map((n) => `${n / 100}%`);
  const duration = (min: number, max: number) => fc.integer({ min, max }).map(formatDuration);
  const band = fc.oneof(
    fc.constant('never'),
    fc
      .tuple(percent(100), percent(100))
      .map((pair) => pair.sort((x, y) => Number.parseFloat(x) - Number.parseFloat(y))),
  );
  const glob = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
  const ruleBase = {
    match: fc.oneof(glob, fc.array(glob, { minLength: 1, maxLength: 3 })),
    priority: fc.constantFrom('low', 'normal', 'high', 'critical'),
    applyTo: fc.constantFrom('strings', 'all'),
    mode: fc.constantFrom(undefined, 'enforce', 'observe'),
    budget: fc.constantFrom(undefined, '20%', '0.5%', '200mb', 70_000),
    limit: fc.option(
      fc.record(
        {
          writes: fc.integer({ min: 1, max: 1_000_000 }).map((count) => `${count}/s`),
          bytes: fc.integer({ min: 1024, max: 2 ** 40 }).map((bytes) => `${bytes}b/s`),
          value: fc.integer({ min: 1024, max: 2 ** 40 }),
          error: fc.constantFrom('SLOW down', 'RATELIMIT "a" \\ b'),
        },
        { requiredKeys: ['value'] },
      ),
      { nil: undefined },
    ),
  };
  const rule = fc.oneof(
    fc.record({ ...ruleBase, durable: fc.constant(true) }),
    fc.record({
      ...ruleBase,
      ttl: duration(1, 1e9),
      maxTtl: fc.option(duration(1_000_000_000, 2 ** 40), { nil: undefined }),
      jitter: fc.option(percent(90), { nil: undefined }),
    }),
  );
  const listen = fc.constantFrom('127.0.0.1:0', '[::1]:65535', ':6380', 'some-host:1');
  const config = fc.record(
    {
      listen,
      upstream: fc.record({
        url: fc.constantFrom('redis://h', 'redis://user@h:1/15', 'redis://[::1]:7000', 'redis://a%20b@h/0'),
        connectTimeout: duration(1, 300_000),
      }),
      mode: fc.constantFrom('enforce', 'observe'),
      rules: fc
        .array(rule, { maxLength: 5 })
        .map((rules) => rules.map((r, i) => ({ ...r, name: `rule-${i}` }))),
      memory: fc.record(
        {
          pollInterval: duration(10, 60_000),
          staleAfter: duration(60_001, 3_600_000),
          hysteresis: percent(50),
          limit: fc.oneof(fc.integer({ min: 1, max: 2 ** 40 }), fc.constantFrom('1gb', '1000k')),
          shedWhen: fc.constantFrom('auto', 'always', 'never'),
          onStale: fc.constantFrom('admit', 'hold'),
          shed: fc.record({ low: band, normal: band, high: band, critical: band }, { requiredKeys: [] }),
        },
        { requiredKeys: ['staleAfter'] },
      ),
      admin: fc.record({
        listen: fc.oneof(fc.constant(false), fc.constantFrom('127.0.0.1:1', 'localhost:2', '[::1]:3')),
      }),
      limits: fc.record({
        lookahead: fc.integer({ min: 1024, max: 2 ** 29 }),
        idleTimeout: duration(0, 2_592_000_000),
        drainTimeout: duration(0, 3_600_000),
      }),
      log: fc.record({ level: fc.constantFrom('trace', 'silent') }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(config, (input) => {
      const once = compileConfig(checkConfig(input));
      const described: unknown = JSON.parse(JSON.stringify(describeConfig(once)));
      t.same(compileConfig(checkConfig(described)), once);
    }),
    { numRuns: 300 },
  );
});

t.test('whether a TTL is renewed is said of rules for all types', async (t) => {
  const rules = [{ match: 'a', applyTo: 'all' }, { match: 'b', renew: true }, { match: 'c' }];
  const named = rules.map((rule, i) => ({ name: `r${i}`, ttl: '1h', ...rule }));
  const { rules: described } = describeConfig(compileConfig(checkConfig({ rules: named })));
  t.same(
    described.map(({ renew }) => renew),
    [false, true, undefined],
  );
});

t.test('flags before environment before file before defaults', async (t) => {
  const dir = t.testdir({
    'file.json': JSON.stringify({
      listen: '127.0.0.1:1',
      upstream: { url: 'redis://file', connectTimeout: '1s' },
      admin: { listen: '127.0.0.1:2' },
      workers: 3,
      log: { level: 'warn' },
    }),
  });
  const file = `${dir}/file.json`;
  const env = {
    SPILLWAY_LISTEN: '127.0.0.1:11',
    SPILLWAY_UPSTREAM: 'redis://env',
    SPILLWAY_ADMIN: '127.0.0.1:12',
    SPILLWAY_WORKERS: '4',
    SPILLWAY_LOG_LEVEL: 'error',
  };
  const flags = {
    listen: ':21',
    upstream: 'redis://flag',
    admin: 'off',
    workers: 'auto',
    logLevel: 'debug',
  };
  const shape = (sources: Partial<ConfigSources>) => {
    const { listen, upstream, admin, workers, log } = load(sources).config;
    return [
      listen.port,
      upstream.host,
      admin.listen !== false && admin.listen.port,
      workers,
      log.level,
      upstream.connectTimeoutMs,
    ];
  };
  t.same(shape({}), [6380, '127.0.0.1', 9380, 1, 'info', 5000]);
  t.same(shape({ file }), [1, 'file', 2, 3, 'warn', 1000]);
  t.same(shape({ file, env }), [11, 'env', 12, 4, 'error', 1000]);
  t.same(shape({ file, env, flags }), [21, 'flag', false, availableParallelism(), 'debug', 1000]);
  t.same(shape({ env: { SPILLWAY_CONFIG: file } }), [1, 'file', 2, 3, 'warn', 1000]);
  t.same(shape({ env: { SPILLWAY_LISTEN: '', SPILLWAY_CONFIG: '' } }), [
    6380,
    '127.0.0.1',
    9380,
    1,
    'info',
    5000,
  ]);
  t.same(shape({ env: { SPILLWAY_ADMIN: 'off' } })[2], false);
  t.equal(
    load({ file, env: { SPILLWAY_CONFIG: '/nowhere' } }).file,
    file,
    'the flag wins over SPILLWAY_CONFIG',
  );
});

t.test('a bad value is blamed on where it came from', async (t) => {
  const blamed = (sources: Partial<ConfigSources>) => problemsOf(() => load(sources));
  t.match(blamed({ flags: { listen: 'x' } }), [/^--listen: must be host:port/]);
  t.match(blamed({ env: { SPILLWAY_UPSTREAM: 'x' } }), [/^SPILLWAY_UPSTREAM: must start with redis:/]);
  t.match(blamed({ flags: { admin: '0.0.0.0:1' } }), [
    /^--admin: can be reached from other machines.*SPILLWAY_ADMIN_TOKEN/,
  ]);
  t.match(blamed({ env: { SPILLWAY_LOG_LEVEL: 'x' }, flags: { listen: 'y' } }), [
    /^--listen: /,
    /^SPILLWAY_LOG_LEVEL: /,
  ]);
  const dir = t.testdir({ 'a.json': '{ "upstream": 5 }', 'b.json': '[]' });
  t.same(blamed({ file: `${dir}/a.json`, flags: { upstream: 'redis://h' } }), [
    'upstream: must be an object such as { "url": … }',
  ]);
  t.same(blamed({ file: `${dir}/b.json`, flags: { listen: ':1' } }), [
    ': must be an object such as { "listen": … }',
  ]);
});

t.test('files that cannot be used', async (t) => {
  const dir = t.testdir({
    'syntax.json': '{\n  "listen": hunter2\n}',
    'bom.json': '\ufeff{ "mode": "observe" }',
  });
  t.throws(() => load({ file: `${dir}/none.json` }), {
    name: 'ConfigError',
    code: 'CONFIG_UNREADABLE',
    message: /none\.json: 1 problem\n {2}cannot read the config file: there is no such file/,
  });
  t.throws(() => load({ file: dir }), { code: 'CONFIG_UNREADABLE', message: /it is a directory/ });
  t.throws(() => load({ file: `${dir}/syntax.json` }), {
    code: 'CONFIG_SYNTAX',
    message: /syntax\.json: 1 problem\n {2}line 2, column 13: this is not valid JSON: .*$/,
  });
  t.equal(load({ file: `${dir}/bom.json` }).config.mode, 'observe', 'a byte order mark is no matter');
});

t.test('the password comes by variable or file, and goes nowhere', async (t) => {
  const dir = t.testdir({ secret: 'hunter2\n', empty: '\n' });
  const password = (env: Record<string, string>) => load({ env }).config.upstream.password;
  t.equal(password({}), undefined);
  t.equal(password({ SPILLWAY_UPSTREAM_PASSWORD: 'x y' }), 'x y');
  t.equal(password({ SPILLWAY_UPSTREAM_PASSWORD_FILE: `${dir}/secret` }), 'hunter2', 'without the line end');
  t.equal(password({ SPILLWAY_UPSTREAM: 'redis://:old@h', SPILLWAY_UPSTREAM_PASSWORD: 'new' }), 'new');
  t.equal(password({ SPILLWAY_UPSTREAM: 'redis://:p%40@h' }), 'p@');
  const both = { SPILLWAY_UPSTREAM_PASSWORD: 'hunter2', SPILLWAY_UPSTREAM_PASSWORD_FILE: `${dir}/secret` };
  const where = 'SPILLWAY_UPSTREAM_PASSWORD_FILE';
  t.match(
    problemsOf(() => password(both)),
    [/^SPILLWAY_UPSTREAM_PASSWORD_FILE: .*only one of the two/],
  );
  t.throws(() => password({ [where]: `${dir}/none` }), {
    code: 'CONFIG_UNREADABLE',
    message: /no such file/,
  });
  t.same(
    problemsOf(() => password({ [where]: `${dir}/empty` })),
    [`${where}: names an empty file`],
  );

  const { config } = load({
    env: { SPILLWAY_UPSTREAM: 'redis://u:hunter2@h', SPILLWAY_UPSTREAM_PASSWORD: 'hunter3' },
  });
  t.equal(describeConfig(config).upstream.url, 'redis://u:***@h:6379');
  t.notMatch(JSON.stringify(describeConfig(config)), /hunter/);
});

t.test('a primary behind Sentinels: its own settings, its own password, one URL', async (t) => {
  const dir = t.testdir({ secret: 'hunter2\n' });
  const url = 'rediss-sentinel://app:hunter1@s1:26379,[::1]:26380,s3/the%2Fone?db=3';
  const env = { SPILLWAY_UPSTREAM: url, SPILLWAY_SENTINEL_PASSWORD_FILE: `${dir}/secret` };
  const content = {
    upstream: { failover: { pause: '4s', user: 'watcher', natMap: { '10.0.0.1:1': 'h:2' } } },
  };
  const { config } = load({ env, content });
  t.match(config.upstream, { username: 'app', password: 'hunter1', db: 3, secure: true });
  t.same(config.upstream.failover, {
    sentinels: [
      { host: 's1', port: 26379 },
      { host: '::1', port: 26380 },
      { host: 's3', port: 26379 },
    ],
    ...{ primary: 'the/one', user: 'watcher', password: 'hunter2' },
    ...{ pauseMs: 4000, resume: 'agreed', onMinority: 'admit', natMap: { '10.0.0.1:1': 'h:2' } },
  });
  const described = describeConfig(config);
  t.equal(described.upstream.url, 'rediss-sentinel://app:***@s1:26379,[::1]:26380,s3:26379/the%2Fone?db=3');
  t.notMatch(JSON.stringify(described), /hunter/);
  t.notMatch(JSON.stringify(withoutSecrets(config)), /hunter/);
  t.same(load({ content: { upstream: { ...described.upstream } } }).config.upstream.failover, {
    ...config.upstream.failover,
    password: undefined,
  });
  t.equal(load({ env: { SPILLWAY_UPSTREAM: 'redis://h' } }).config.upstream.failover, undefined);
  const both = { SPILLWAY_SENTINEL_PASSWORD: 'x', SPILLWAY_SENTINEL_PASSWORD_FILE: `${dir}/secret` };
  t.match(
    problemsOf(() => load({ env: both })),
    [/^SPILLWAY_SENTINEL_PASSWORD_FILE: .*only one of the two/],
  );
});

t.test('a primary behind a name that moves', async (t) => {
  const upstream = { url: 'redis://app@primary.example:6380', failover: { mode: 'name', pause: '4s' } };
  const { config } = load({ content: { upstream } });
  t.same(config.upstream.followedName, { pauseMs: 4000 });
  t.equal(config.upstream.failover, undefined);
  const { upstream: described } = describeConfig(config);
  t.match(described, upstream);
  t.same(load({ content: { upstream: described } }).config.upstream, config.upstream);
  for (const [url, failover, problem] of [
    ['redis://10.0.0.1', {}, /^upstream\.failover\.mode: needs a host name/],
    ['unix:///run/redis.sock', {}, /^upstream\.failover\.mode: needs a host name/],
    ['redis-sentinel://h/mymaster', {}, /^upstream\.failover\.mode: must be "sentinel"/],
    ['redis://h', { user: 'x' }, /^upstream\.failover\.user: applies to Sentinels only/],
    ['redis://h', { natMap: { 'a:1': 'b:1' } }, /^upstream\.failover\.natMap: applies to Sentinels only/],
  ] as const)
    t.match(
      problemsOf(() => load({ content: { upstream: { url, failover: { mode: 'name', ...failover } } } })),
      [problem],
    );
});

t.test('the password of the Sentinel endpoint comes by variable or file, and goes nowhere', async (t) => {
  const dir = t.testdir({ secret: 'hunter2\n' });
  const variables = { SPILLWAY_SENTINEL_LISTEN: '127.0.0.1:26380' };
  for (const secret of [
    { SPILLWAY_SENTINEL_LISTEN_PASSWORD: 'hunter2' },
    { SPILLWAY_SENTINEL_LISTEN_PASSWORD_FILE: `${dir}/secret` },
  ]) {
    const { config } = load({ env: { ...variables, ...secret } });
    t.match(config.sentinelEndpoint, { listen: { host: '127.0.0.1', port: 26380 }, password: 'hunter2' });
    t.notMatch(JSON.stringify([describeConfig(config), withoutSecrets(config)]), /hunter/);
  }
});

t.test("the admin server's token comes by variable or file, and goes nowhere", async (t) => {
  const first = 'first-hunter2-token';
  const second = 'second+hunter2/token==';
  const dir = t.testdir({
    first: `${first}\n`,
    second,
    empty: '',
    short: 'hunter2',
    'a.json': '{}',
  });
  const file = `${dir}/a.json`;
  const named = `${dir}/first`;
  const token = (env: Record<string, string>, from?: string) => load({ env, file: from }).config.admin.token;
  writeFileSync(file, JSON.stringify({ admin: { tokenFile: named } }));
  t.equal(token({}), undefined);
  t.equal(token({ SPILLWAY_ADMIN_TOKEN: second }), second);
  t.equal(token({ SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/first` }), first, 'without the line end');
  t.equal(token({}, file), first);
  t.equal(token({ SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/second` }, file), second, 'variables win');
  t.equal(token({ SPILLWAY_ADMIN_TOKEN: second }, file), second);

  const problem = (env: Record<string, string>) => problemsOf(() => token(env));
  t.match(problem({ SPILLWAY_ADMIN_TOKEN: first, SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/first` }), [
    /^SPILLWAY_ADMIN_TOKEN_FILE: .*only one of the two/,
  ]);
  t.match(problem({ SPILLWAY_ADMIN_TOKEN: 'hunter2' }), [/^SPILLWAY_ADMIN_TOKEN: must have 16 to 512/]);
  t.match(problem({ SPILLWAY_ADMIN_TOKEN: 'hunter2 hunter2 hunter2' }), [/openssl rand/]);
  t.match(problem({ SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/short` }), [/^SPILLWAY_ADMIN_TOKEN_FILE: must have/]);
  t.match(problem({ SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/empty` }), [/names an empty file/]);
  t.throws(() => token({ SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/none` }), { code: 'CONFIG_UNREADABLE' });
  t.notMatch(JSON.stringify(problem({ SPILLWAY_ADMIN_TOKEN: 'hunter2' })), /hunter/);

  const described = describeConfig(load({ file, env: { SPILLWAY_ADMIN_TOKEN: second } }).config);
  t.same(described.admin, { listen: '127.0.0.1:9380', tokenFile: named });
  t.notMatch(JSON.stringify(described), /hunter2/);
});

t.test('where alerts go comes by variable or file, and is a secret', async (t) => {
  const url = 'https://hooks.example/services/hunter2';
  const dir = t.testdir({
    url: `${url}\n`,
    bearer: 'Bearer hunter2\n',
    'a.json': '{}',
  });
  const [file, webhookFile] = [`${dir}/a.json`, `${dir}/url`];
  writeFileSync(file, JSON.stringify({ alerts: { webhookFile, authorizationFile: `${dir}/bearer` } }));
  const alerts = (env: Record<string, string>, from?: string) => load({ env, file: from }).config.alerts;
  t.match(alerts({}), { webhook: undefined, authorization: undefined });
  t.match(alerts({}, file), { webhook: url, authorization: 'Bearer hunter2' });
  t.equal(alerts({ SPILLWAY_ALERTS_WEBHOOK: 'http://[::1]:1/' }, file).webhook, 'http://[::1]:1/');
  t.equal(alerts({ SPILLWAY_ALERTS_WEBHOOK_FILE: webhookFile }).webhook, url);
  t.equal(alerts({ SPILLWAY_ALERTS_AUTHORIZATION: 'Basic a' }, file).authorization, 'Basic a');
  t.equal(alerts({ SPILLWAY_ALERTS_AUTHORIZATION_FILE: `${dir}/bearer` }).authorization, 'Bearer hunter2');

  const problem = (env: Record<string, string>) => problemsOf(() => alerts(env));
  const twice = { SPILLWAY_ALERTS_WEBHOOK: url, SPILLWAY_ALERTS_WEBHOOK_FILE: webhookFile };
  t.match(problem(twice), [/^SPILLWAY_ALERTS_WEBHOOK_FILE: .*only one of the two/]);
  for (const wrong of ['hunter2', 'ftp://hunter2/', `${url}${'x'.repeat(2048)}`]) {
    const found = problem({ SPILLWAY_ALERTS_WEBHOOK: wrong });
    t.match(found, [/^SPILLWAY_ALERTS_WEBHOOK: must have one URL/]);
    t.notMatch(JSON.stringify(found), /hunter2/);
  }
  t.match(problem({ SPILLWAY_ALERTS_WEBHOOK: 'https://u:hunter2@h/' }), [/without user and password/]);
  t.match(problem({ SPILLWAY_ALERTS_AUTHORIZATION: 'a\r\nb: c' }), [/must have one line/]);

  const { config } = load({ file, env: {} });
  t.notMatch(JSON.stringify(describeConfig(config)), /hunter2/);
  const warnings = (env: Record<string, string>) => load({ env }).warnings.join('\n');
  t.match(warnings({ SPILLWAY_ALERTS_WEBHOOK: 'http://h/' }), /has http:/);
  t.notMatch(warnings({ SPILLWAY_ALERTS_WEBHOOK: 'http://127.0.0.1:1/' }), /has http:/);
  t.notMatch(warnings({ SPILLWAY_ALERTS_WEBHOOK: url }), /has http:/);
  t.match(warnings({ SPILLWAY_ALERTS_AUTHORIZATION: 'a' }), /no webhook/);
});

t.test('beyond loopback the admin server needs a token', async (t) => {
  for (const admin of ['0.0.0.0:9380', ':9380', '[::]:9380', '10.0.0.1:9380', 'example:9380']) {
    const env = { SPILLWAY_ADMIN: admin };
    t.match(
      problemsOf(() => load({ env })),
      [/^SPILLWAY_ADMIN: can be reached from other machines.*SPILLWAY_ADMIN_TOKEN.*127\.0\.0\.1:9380/],
      admin,
    );
    t.equal(
      load({ env: { ...env, SPILLWAY_ADMIN_TOKEN: '0123456789abcdef' } }).config.admin.token?.length,
      16,
    );
  }
  for (const admin of ['127.0.0.1:1', '[::1]:1', 'localhost:1', 'off'])
    t.equal(load({ env: { SPILLWAY_ADMIN: admin } }).config.admin.token, undefined, admin);
});

t.test('warnings', async (t) => {
  const { warnings } = load({ env: { SPILLWAY_PORT: 'hunter2', SPILLWAY_LISTEN: ':1', OTHER: 'x' } });
  t.equal(warnings.length, 2);
  t.match(warnings[0], /^SPILLWAY_PORT is set, but Spillway has no such variable\. It has SPILLWAY_LISTEN, /);
  t.match(warnings[1], /^no rules: no config file is named/);
  t.notMatch(warnings.join(), /hunter2/);
  t.match(
    load({ env: { SPILLWAY_UPSTREM: 'x' } }).warnings[0],
    /variable\. Did you mean SPILLWAY_UPSTREAM\?$/,
  );
  const dir = t.testdir({
    'none.json': '{}',
    'one.json': '{ "rules": [{ "name": "a", "match": "a", "ttl": "1h" }] }',
  });
  t.match(load({ file: `${dir}/none.json` }).warnings, [/none\.json has none/]);
  t.same(load({ file: `${dir}/one.json` }).warnings, []);
});
