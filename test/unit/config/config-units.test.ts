// Durations, sizes, percentages, addresses and upstream URLs: what is read, what is refused, and that
// formatting and parsing are inverse to one another.
import fc from 'fast-check';
import t from 'tap';
import { formatListenAddress, isLoopback, parseListenAddress } from '../../../src/config/address.js';
import { isSentinelUrl, parseSentinelUrl } from '../../../src/config/sentinel-url.js';
import {
  COUNT_RATE_PATTERN,
  DURATION_PATTERN,
  formatCountRate,
  formatDuration,
  formatPercent,
  formatSize,
  formatSizeRate,
  PERCENT_PATTERN,
  parseCountRate,
  parseDuration,
  parsePercent,
  parseSize,
  parseSizeRate,
  SIZE_PATTERN,
  SIZE_RATE_PATTERN,
} from '../../../src/config/units.js';
import { formatRedactedUrl, parseUpstreamUrl } from '../../../src/config/upstream-url.js';

t.test('rates', async (t) => {
  t.equal(parseCountRate('500/s'), 500);
  t.equal(parseSizeRate('5mb/s'), 5 * 1024 * 1024);
  t.equal(parseSizeRate('100/s'), 100);
  for (const text of ['', '5', '/s', '5/m', '5 /s', '-5/s', '5mb/s', `${'9'.repeat(20)}/s`])
    t.throws(() => parseCountRate(text), { name: 'UnitError' }, text);
  for (const text of ['', '5mb', 'mb/s', '5tb/s', '5mb/m', '5mb/s '])
    t.throws(() => parseSizeRate(text), { name: 'UnitError' }, text);
  fc.assert(
    fc.property(fc.maxSafeNat(), (rate) => {
      const [count, size] = [formatCountRate(rate), formatSizeRate(rate)];
      return (
        parseCountRate(count) === rate &&
        parseSizeRate(size) === rate &&
        new RegExp(COUNT_RATE_PATTERN).test(count) &&
        new RegExp(SIZE_RATE_PATTERN).test(size)
      );
    }),
  );
});

t.test('durations', async (t) => {
  const good: [string, number][] = [
    ['500ms', 500],
    ['2s', 2000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['0s', 0],
    ['90m', 5_400_000],
  ];
  for (const [text, ms] of good) t.equal(parseDuration(text), ms, text);
  const bad = [...'5 h 5x -5s 1.5h 5S 5s5 30m1h 1h1h 1ms1s 9e9d ٣s'.split(' '), '', ' 5s', '5s ', '5 s'];
  for (const text of bad) t.throws(() => parseDuration(text), { name: 'UnitError', message: /^must/ }, text);
  t.throws(() => parseDuration('999999999999d'), { message: 'is too long a duration' });
  fc.assert(
    fc.property(fc.maxSafeNat(), (ms) => {
      const text = formatDuration(ms);
      return parseDuration(text) === ms && new RegExp(DURATION_PATTERN).test(text);
    }),
  );
});

t.test("sizes mean what they mean in redis.conf: 'kb' is 1024, 'k' is 1000", async (t) => {
  const good: [string | number, number][] = [
    ['64mb', 67_108_864],
    ['1gb', 1_073_741_824],
    ['100kb', 102_400],
    ['100k', 100_000],
    ['1m', 1_000_000],
    ['1G', 1_000_000_000],
    ['1MB', 1_048_576],
    ['12b', 12],
    ['4096', 4096],
    [4096, 4096],
    [0, 0],
  ];
  for (const [text, bytes] of good) t.equal(parseSize(text), bytes, String(text));
  for (const text of [
    ...'mb 1tb 1.5gb -1 0x10 1kib 5constructor'.split(' '),
    '',
    '1 mb',
    -1,
    1.5,
    Number.NaN,
    1e21,
  ]) {
    t.throws(() => parseSize(text), { name: 'UnitError', message: /^must be a size/ }, String(text));
  }
  t.throws(() => parseSize('99999999999gb'), { message: 'is too large a size' });
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      const text = formatSize(bytes);
      return parseSize(text) === bytes && new RegExp(SIZE_PATTERN).test(text);
    }),
  );
  t.equal(formatSize(1024 ** 2), '1mb');
  t.equal(formatSize(1500), '1500');
});

t.test('percentages', async (t) => {
  t.equal(parsePercent('80%'), 0.8);
  t.equal(parsePercent('0%'), 0);
  t.equal(parsePercent('100%'), 1);
  t.equal(parsePercent('2.5%'), 0.025);
  for (const text of [...'80 % 101% 100.1% -1% 1.% .5% 1.23456% 1e1% 0.8'.split(' '), '', '80 %']) {
    t.throws(() => parsePercent(text), { name: 'UnitError', message: /^must be a percentage/ }, text);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (tenThousandths) => {
      const share = parsePercent(`${tenThousandths / 10_000}%`);
      const text = formatPercent(share);
      return parsePercent(text) === share && new RegExp(PERCENT_PATTERN).test(text);
    }),
    { numRuns: 5000 },
  );
});

t.test('listen addresses', async (t) => {
  t.same(parseListenAddress('127.0.0.1:6380'), { host: '127.0.0.1', port: 6380 });
  t.same(parseListenAddress('[::1]:6380'), { host: '::1', port: 6380 });
  t.same(parseListenAddress(':6380'), { host: '', port: 6380 });
  t.same(parseListenAddress('redis-proxy.internal:0'), { host: 'redis-proxy.internal', port: 0 });
  const bad = [...'6380 host host: host:x host:65536 ::1:6380 [::1] [nope]:1 [127.0.0.1]:1'.split(' '), ''];
  for (const text of [
    ...bad,
    '999.0.0.1:1',
    '10.0.0:1',
    'a b:1',
    'host:-1',
    'redis://h:1',
    'h:1/x',
    'h:1\n',
  ]) {
    t.throws(() => parseListenAddress(text), { name: 'AddressError', message: /^must be host:port/ }, text);
  }
  for (const text of ['127.0.0.1:6380', '[::1]:6380', ':6380', 'localhost:0']) {
    t.equal(formatListenAddress(parseListenAddress(text)), text);
  }
});

t.test('loopback', async (t) => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LocalHost'])
    t.ok(isLoopback(host), host);
  for (const host of ['', '0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'example', '127.example'])
    t.notOk(isLoopback(host), host);
});

t.test('upstream URLs', async (t) => {
  const none = {
    secure: false,
    path: undefined,
    username: undefined,
    password: undefined,
    db: undefined,
  };
  t.same(parseUpstreamUrl('redis://127.0.0.1:6379'), { host: '127.0.0.1', port: 6379, ...none });
  t.same(parseUpstreamUrl('redis://cache.internal'), { host: 'cache.internal', port: 6379, ...none });
  t.same(parseUpstreamUrl('redis://[::1]:7000/'), { host: '::1', port: 7000, ...none });
  t.same(parseUpstreamUrl('REDIS://u:p%40%2F@h:1/3'), {
    ...none,
    host: 'h',
    port: 1,
    username: 'u',
    password: 'p@/',
    db: 3,
  });
  t.same(parseUpstreamUrl('redis://:hunter2@h'), { host: 'h', port: 6379, ...none, password: 'hunter2' });

  const local = { host: '', port: 0 };
  t.same(parseUpstreamUrl('rediss://h'), { host: 'h', port: 6379, ...none, secure: true });
  t.same(parseUpstreamUrl('unix:///run/redis.sock'), { ...none, ...local, path: '/run/redis.sock' });
  t.same(parseUpstreamUrl('unix:/run/redis.sock'), { ...none, ...local, path: '/run/redis.sock' });
  t.same(parseUpstreamUrl('unix://u:p%40%2F@/run/a%20b.sock?db=3'), {
    ...none,
    ...local,
    path: '/run/a b.sock',
    username: 'u',
    password: 'p@/',
    db: 3,
  });

  const bad: [string, RegExp][] = [
    ['unix://tmp/hunter2.sock', /three slashes/],
    ['unix://u:hunter2@tmp/r.sock', /three slashes/],
    ['unix:///', /three slashes/],
    ['unix:///r.sock?db=hunter2', /three slashes/],
    ['/tmp/hunter2.sock', /must start with redis:\/\//],
    ['http://hunter2', /must start with redis:\/\//],
    ['h:6379', /must start with redis:\/\//],
    ['', /must start with redis:\/\//],
    ['redis://', /must look like/],
    ['redis://u:hunter2@', /must look like/],
    ['redis://u:hunter2@h:99999', /must look like/],
    ['redis://u:hunter2@h:0', /must look like/],
    ['redis://u:hunter2@h/x', /database number/],
    ['redis://u:hunter2@h/1/2', /database number/],
    ['redis://u:hunter2%@h', /not part of a percent-encoding/],
    ['redis://h?password=hunter2', /must not have a "\?"/],
    ['redis://u:hun#ter2@h', /must look like|must not have a "\?"/],
  ];
  for (const [text, message] of bad) {
    try {
      parseUpstreamUrl(text);
      t.fail(`accepted ${text}`);
    } catch (error) {
      t.match(error, { name: 'UpstreamUrlError', message }, text);
      t.notMatch(String(error), /hunter|ter2/, 'without the secret');
    }
  }
  t.equal(
    formatRedactedUrl(parseUpstreamUrl('redis://u:hunter2@[::1]:7000/2')),
    'redis://u:***@[::1]:7000/2',
  );
  for (const url of ['rediss://u@h:6379/1', 'unix:///run/a%20b%3F.sock?db=3', 'unix://u@/r']) {
    t.equal(formatRedactedUrl(parseUpstreamUrl(url)), url);
  }
  t.equal(formatRedactedUrl(parseUpstreamUrl('unix://u:hunter2@/r')), 'unix://u:***@/r');
  t.equal(formatRedactedUrl(parseUpstreamUrl('redis://:hunter2@h')), 'redis://:***@h:6379');
});

t.test('a primary that Sentinels know', async (t) => {
  const { sentinels, primary, server } = parseSentinelUrl(
    'redis-sentinel://u:p%40@a,[::1]:7,b:8/my%20one?db=2',
  );
  t.same(sentinels, [
    { host: 'a', port: 26379 },
    { host: '::1', port: 7 },
    { host: 'b', port: 8 },
  ]);
  t.equal(primary, 'my one');
  t.match(server, { secure: false, username: 'u', password: 'p@', db: 2 });
  t.match(parseSentinelUrl('REDISS-sentinel://a/m').server, {
    secure: true,
    username: undefined,
    db: undefined,
  });
  t.notOk(isSentinelUrl('redis://sentinel'));

  const bad: [string, RegExp][] = [
    ['redis-sentinel://u:hunter2@a:1', /must look like redis-sentinel/],
    ['redis-sentinel://a/m/hunter2', /must look like redis-sentinel/],
    ['redis-sentinel://a/m?password=hunter2', /must look like redis-sentinel/],
    ['redis-sentinel://:hunter2@a:99999/m', /must look like/],
    ['redis-sentinel://:hunter2@a,,b/m', /must look like/],
    ['redis-sentinel://:hunter2%@a/m', /not part of a percent-encoding/],
    ['redis-sentinel://a/hunter2%', /not part of a percent-encoding/],
  ];
  for (const [url, message] of bad) {
    t.ok(isSentinelUrl(url));
    const refused = t.throws(() => parseSentinelUrl(url), { name: 'UpstreamUrlError', message }, url);
    t.notMatch(String(refused), /hunter/, 'without the secret');
  }
});
