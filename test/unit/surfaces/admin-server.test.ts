// The admin API over real HTTP on loopback: answers, headers, guards, metrics.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { ConfigSnapshot } from '../../../src/config/reload-outcome.js';
import type { MemorySnapshot } from '../../../src/memory/snapshot.js';
import { CALM } from '../../../src/observe/alerts/situation.js';
import type { LoggedEvent } from '../../../src/observe/history/event-log.js';
import { History } from '../../../src/observe/history/history.js';
import { RuleHistory } from '../../../src/observe/history/report.js';
import type { ConnectionSnapshot } from '../../../src/observe/snapshots/connections.js';
import type { WorkersSnapshot } from '../../../src/observe/snapshots/workers.js';
import type { ServiceStateSnapshot } from '../../../src/observe/state/service-state.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { snapshotStats } from '../../../src/observe/stats/snapshot.js';
import { hostAllowed } from '../../../src/surfaces/admin/host-guard.js';
import { startAdmin } from '../../../src/surfaces/admin/server.js';
import type { AdminOptions } from '../../../src/surfaces/admin/types.js';
import type { ExplainRequest, Explanation } from '../../../src/surfaces/explain/types.js';
import { numberedRules } from '../../support/numbered-rules.js';

/** Of a server with noeviction. */
const UNEVICTED = {
  ...{ usedShare: 0.85, committedBytes: 850, committedFlowBytes: 850, serverEvicts: 'none' as const },
  ...{ evictableBytes: 0, evictableErrorBytes: 0, evictedKeysPerSecond: 0, evictedAfterSeconds: null },
  ...{ hitsPerSecond: 0, missesPerSecond: 0 },
};
const MEMORY: MemorySnapshot = {
  pressure: 0.85,
  ...UNEVICTED,
  actingPressure: 0.86,
  cause: 'reading',
  usedBytes: 850,
  notCountedBytes: 0,
  limitBytes: 1000,
  maxmemoryBytes: 1000,
  policy: 'noeviction',
  level: {
    low: { shedShare: 0.5, band: [0.8, 0.9], reservedBytes: 0, growthBytesPerSecond: 0 },
    normal: { shedShare: 0, band: [0.9, 0.97], reservedBytes: 0, growthBytesPerSecond: 0 },
    high: { shedShare: 0, band: [0.95, 0.99], reservedBytes: 0, growthBytesPerSecond: 0 },
    critical: { shedShare: 0, band: null, reservedBytes: 0, growthBytesPerSecond: 0 },
  },
  othersBytesPerSecond: 0,
  active: true,
  readingAgeMs: 250,
  stale: false,
  reason: 'noeviction refuses at the limit',
  growthSinceReadingBytes: 5,
  headroomBytes: 150,
  upstreamVersion: '7.0.15',
  proxies: 1,
  upstreamMode: 'standalone',
  upstreamRole: 'primary',
  polls: 7,
  pollErrors: 1,
  levelChanges: 2,
  sparesExpiring: false,
  briefBytes: 87,
  briefMostBytes: 88,
  rehearsal: null,
  eviction: null,
  budgets: [],
  limits: [],
};
const CONNECTIONS: ConnectionSnapshot = {
  clients: 3,
  clientsTotal: 9,
  clientsRejected: 1,
  clientsLimit: 10,
  keysGivenUp: 0,
  clientsTooSlow: 0,
  clientsGivenUp: 0,
  clientsFailed: 0,
  handshakesFailed: 0,
  proxyHeadersRefused: 0,
  tls: null,
  failover: null,
  sentinelEndpoint: null,
  upstreamTls: null,
  pool: null,
  clientsTimedOut: 0,
  upstreamFailures: 2,
  bytesFromClients: 100,
  bytesToClients: 200,
  bytesToUpstream: 300,
  bytesFromUpstream: 400,
  commands: 50,
  rawSessions: 1,
  stalls: 4,
  followUpsUnsupported: false,
  listening: true,
  pausedClients: 1,
  heldReplyBytes: 0,
  heldCommandBytes: 0,
  stalledCommandBytes: 0,
  slabLentBytes: 0,
  slabPooledBytes: 0,
};

const WORKERS: WorkersSnapshot = {
  configured: 2,
  running: 1,
  restarts: 3,
  silent: 0,
  logLinesLost: 0,
  workers: [
    { worker: 2, pid: 4711, clients: 5, upSeconds: 6, residentBytes: 7, cpuSeconds: 0.5, logLinesLost: 0 },
  ],
};

const CONFIG: ConfigSnapshot = {
  file: '/etc/spillway.json',
  loadedAt: '2026-01-01T00:00:00.000Z',
  needsRestart: [],
  reloads: 0,
  reloadFailures: 0,
  lastError: null,
  config: {},
};
const STATE: ServiceStateSnapshot = {
  ...{ state: 'ok', severity: 'ok', since: '2026-01-01T00:00:00.000Z', text: 'all writes are admitted' },
  ...{ also: [], observed: [] },
};
const REHEARSAL = {
  ...{ pressure: 0.9, endsAt: '2026-01-01T00:01:00.000Z', secondsLeft: 60 },
  ...{ refused: [], wouldEvict: null },
};
const GROWTH = new History(() => 0).growth([]);
const SERIES = new History(() => 0).series('10m', 0, 0);
const ALERTS = { webhook: false, now: CALM, told: CALM, delivered: 0, failed: 0, problem: null };
const ADVICE = { advice: [], policies: [] };
const EVENT: LoggedEvent = { number: 1, at: '2026-01-01T00:00:00.000Z', kind: 'level', text: 'low shed' };
const CLIENTS = Array.from({ length: 30 }, (_, i) => ({
  address: `127.0.0.1:${i}`,
  name: '',
  bytes: 90 - i,
}));
const EXPLANATION: Explanation = {
  command: ['SET', 'a', 'value'],
  db: 0,
  user: 'default',
  kind: 'passed',
  why: '',
  sends: [],
  changed: false,
  keys: [],
  now: null,
};

async function start(t: Test, overrides: Partial<AdminOptions> = {}) {
  const stats = new TrafficStats(numberedRules('cache'), () => 1000);
  const admin = await startAdmin({
    maxConnections: 10,
    listen: { host: '127.0.0.1', port: 0 },
    token: undefined,
    log: pino({ level: 'silent' }),
    version: '1.2.3',
    stats: () => snapshotStats(stats, 2000),
    advice: async () => ADVICE,
    rules: () => [{ name: 'cache', match: 'cache:*' }],
    config: () => CONFIG,
    report: (windowMs) => new RuleHistory([]).report(windowMs, new Map(), 0, 0),
    failover: undefined,
    setRehearsal: (request) =>
      request === undefined || request.pressure < 1
        ? { ok: true, rehearsal: request === undefined ? null : { ...REHEARSAL, pressure: request.pressure } }
        : { ok: false, reason: 'off: maxmemory is 0' },
    reload: async () => ({
      ok: true,
      applied: [],
      needsRestart: [],
      rules: 1,
      workersPending: [],
      warnings: [],
    }),
    memory: () => MEMORY,
    state: () => STATE,
    connections: () => CONNECTIONS,
    workers: () => WORKERS,
    growth: () => GROWTH,
    history: () => SERIES,
    alerts: () => ALERTS,
    sweep: () => ({ ...{ on: false, running: false, given: 0, failures: 0 }, problem: null, doneAt: null }),
    events: () => [EVENT],
    clients: () => CLIENTS,
    subscribe: () => () => {},
    explain: () => EXPLANATION,
    health: () => ({ live: true }),
    ready: () => ({ ready: true, reasons: [] }),
    ...overrides,
  });
  t.teardown(() => admin.close());
  return { admin, stats };
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

function ask(
  port: number,
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    call.on('error', reject).end();
  });
}

t.test('JSON endpoints answer what their source says', async (t) => {
  const { admin, stats } = await start(t);
  stats.onUpstreamOom();
  const sources: [path: string, value: unknown][] = [
    ['/api/stats', snapshotStats(stats, 2000)],
    ['/api/rules', [{ name: 'cache', match: 'cache:*' }]],
    ['/api/memory', MEMORY],
    ['/api/connections', CONNECTIONS],
    ['/api/workers', WORKERS],
    ['/api/growth', GROWTH],
    ['/api/history', SERIES],
    ['/api/events', [EVENT]],
    ['/api/alerts', ALERTS],
    ['/api/advice', ADVICE],
    ['/api/clients', CLIENTS.slice(0, 20)],
  ];
  const index = await ask(admin.port, '/');
  t.match(JSON.parse(index.body), { name: 'redis-spillway', version: '1.2.3' });
  for (const [path, value] of sources) {
    const answer = await ask(admin.port, path);
    t.equal(answer.status, 200, path);
    t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store' });
    t.match(answer.headers, {
      'x-content-type-options': 'nosniff',
      'content-security-policy': /default-src 'none'/,
    });
    t.notOk('access-control-allow-origin' in answer.headers, 'no CORS');
    t.same(JSON.parse(answer.body), value);
    t.ok(path in JSON.parse(index.body).endpoints, 'named in the index');
  }
});

t.test('/api/explain takes a key, and a command as words or as a line', async (t) => {
  const asked: ExplainRequest[] = [];
  const explain = (request: ExplainRequest) => {
    asked.push(request);
    return EXPLANATION;
  };
  const { admin } = await start(t, { explain });
  const cases: [query: string, key: string, command: string[]][] = [
    ['key=a', 'a', []],
    ['key=', '', []],
    ['key=a%20b%26c%00&command=SET', 'a b&c\0', ['SET']],
    ['command=SET&command=EX&command=6%200&key=%C3%A4?', 'ä?', ['SET', 'EX', '6 0']],
    ['key=a&command=SET+EX++60', 'a', ['SET', 'EX', '60']],
    ['key=a&command=SET%20a%20%22x%5Cx41%20y%22', 'a', ['SET', 'a', 'xA y']],
  ];
  for (const [query, key, command] of cases) {
    const answer = await ask(admin.port, `/api/explain?${query}`);
    t.same(JSON.parse(answer.body), EXPLANATION, query);
    t.same(asked.pop(), { key, command });
  }
  for (const query of ['', '?command=SET', '?key=a&key=b', '?key=a&nope=1', '?key=a&command=%22x']) {
    const answer = await ask(admin.port, `/api/explain${query}`);
    t.equal(answer.status, 400, query);
    t.match(JSON.parse(answer.body), { error: 'bad_request', message: /./ });
  }
  t.same(asked, []);
});

t.test('health and readiness', async (t) => {
  const up = await start(t);
  t.match(await ask(up.admin.port, '/healthz'), { status: 200, body: 'ok' });
  t.match(await ask(up.admin.port, '/readyz'), {
    status: 200,
    body: '{"ready":true,"reasons":[],"state":"ok","since":"2026-01-01T00:00:00.000Z"}',
  });
  const down = await start(t, {
    health: () => ({ live: false }),
    ready: () => ({ ready: false, reasons: ['Redis does not answer.'] }),
  });
  t.equal((await ask(down.admin.port, '/healthz')).status, 503);
  const answer = await ask(down.admin.port, '/readyz');
  t.equal(answer.status, 503);
  t.same(JSON.parse(answer.body), {
    ready: false,
    reasons: ['Redis does not answer.'],
    state: 'ok',
    since: '2026-01-01T00:00:00.000Z',
  });
});

t.test('only GET and HEAD, on known paths, under a name that no web page can have', async (t) => {
  const { admin } = await start(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const answer = await ask(admin.port, '/api/stats', method);
    t.equal(answer.status, 403, method);
    t.match(JSON.parse(answer.body), { error: 'token_not_set' });
  }
  t.match(await ask(admin.port, '/healthz', 'HEAD'), { status: 200, body: '' });
  const missing = await ask(admin.port, '/nope');
  t.equal(missing.status, 404);
  t.match(JSON.parse(missing.body), { error: 'not_found', message: /\/api\/stats/ });
  t.equal(missing.headers['x-content-type-options'], 'nosniff');

  for (const host of [
    '127.0.0.1',
    'localhost',
    'LOCALHOST:1',
    'spillway.localhost',
    '[::1]:9',
    '10.1.2.3:80',
  ]) {
    t.equal((await ask(admin.port, '/api/stats', 'GET', { host })).status, 200, host);
  }
  t.notOk(hostAllowed(''), 'an empty header');
  t.ok(hostAllowed(undefined), 'HTTP/1.0 probes send none');
  for (const host of [
    'evil.example',
    'evil.example:80',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[x]',
  ]) {
    const answer = await ask(admin.port, '/api/stats', 'GET', { host });
    t.equal(answer.status, 403, host);
    t.notMatch(answer.body, 'unregistered');
  }
});

t.test('a source that throws is a 500 without its details', async (t) => {
  const { admin } = await start(t, {
    memory: () => {
      throw new Error('secret detail');
    },
  });
  for (const path of ['/api/memory', '/metrics']) {
    const answer = await ask(admin.port, path);
    t.equal(answer.status, 500, path);
    t.notMatch(answer.body, 'secret');
  }
  t.equal((await ask(admin.port, '/api/stats')).status, 200, 'others still answer');
});

t.test('a planned switch: begun, planned, refused, and only by a body that says so', async (t) => {
  const token = 'a-token-of-this-test';
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const run = {
    ...{ state: 'waiting' as const, from: 'a:1', to: 'b:2', startedAt: '2026-01-01T00:00:00.000Z' },
    ...{ replicaMs: null, pausedMs: null, waited: null, error: null },
  };
  const plan = { primary: 'a:1', quorum: 'OK', replicas: [], replicaMs: 3, pauseMs: 1303 };
  let refused: string | undefined;
  const begun: string[] = [];
  const failover = {
    snapshot: run,
    plan: async () => (refused === undefined ? plan : { refused }),
    async begin() {
      begun.push('begin');
      return refused === undefined ? run : { refused };
    },
  };
  const { admin } = await start(t, { token, failover });
  const post = async (body: string) => {
    const response = await fetch(`http://127.0.0.1:${admin.port}/api/failover`, {
      method: 'POST',
      headers,
      body,
    });
    return { status: response.status, ...((await response.json()) as object) };
  };
  t.match(await post('{"dryRun":true}'), { status: 200, plan });
  for (const body of ['', '[]', '{"dryrun":true}', '{"dryRun":"yes"}'])
    t.match(await post(body), { status: 422, error: 'body_invalid' }, body);
  t.same(begun, []);
  t.match(await post('{}'), { status: 202, switch: run });
  refused = 'the replica is behind';
  const refusal = {
    status: 409,
    error: 'failover_refused',
    message: 'Nothing was changed: the replica is behind.',
  };
  t.match(await post('{}'), refusal);
  t.match(await post('{"dryRun":true}'), refusal);
  t.same(JSON.parse((await ask(admin.port, '/api/failover', 'GET', headers)).body), { switch: run });
  const fixed = await start(t, { token });
  const none = await ask(fixed.admin.port, '/api/failover', 'GET', headers);
  t.same(JSON.parse(none.body), { switch: null });
});

t.test('a POST that calls itself JSON and has no body is one without a body', async (t) => {
  const token = 'a-token-of-this-test';
  const { admin } = await start(t, { token });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  t.equal((await ask(admin.port, '/api/reload', 'POST', headers)).status, 200);
  t.equal((await ask(admin.port, '/api/simulate', 'POST', headers)).status, 422);
});

t.test('slow requests are ended, and connections beyond the limit refused', async (t) => {
  const token = 'a-token-of-this-test';
  const { admin } = await start(t, { token, maxConnections: 3 });
  const beginnings = {
    headers: 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    body: `POST /api/simulate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    nothing: '',
  };
  const slow = Object.entries(beginnings).map(([what, text]) => {
    const socket = connect(admin.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += String(bytes);
    });
    return { what, socket, ended: once(socket, 'close'), answer: () => answer };
  });
  await Promise.all(slow.map(({ socket }) => socket.connecting && once(socket, 'connect')));
  await t.rejects(ask(admin.port, '/healthz'), { code: 'ECONNRESET' });
  for (const { what, socket, ended, answer } of slow) {
    // One that says nothing at all may stay for longer: it is a connection that is kept for later.
    if (what === 'nothing') socket.destroy();
    await ended;
    if (what !== 'nothing') t.match(answer(), /^HTTP\/1.1 408 /, what);
  }
  t.equal((await ask(admin.port, '/healthz')).status, 200, 'there is room again');
});

t.test("an address that is taken is refused with the system's own error", async (t) => {
  const { admin } = await start(t);
  const listen = { host: '127.0.0.1', port: admin.port };
  await t.rejects(start(t, { listen }), { code: 'EADDRINUSE', port: admin.port });
});

t.test('the page: only for browsers at /, known files only, asked about again by ETag', async (t) => {
  const { admin } = await start(t);
  const page = await ask(admin.port, '/', 'GET', { accept: 'text/html,*/*' });
  t.match(page, { status: 200, body: /<h1 id="headline">/ });
  t.match(page.headers, {
    'content-type': /^text\/html/,
    vary: 'accept',
    'x-content-type-options': 'nosniff',
  });
  t.notMatch(page.body, /<script(?![^>]* src=)|\son\w+=|\sstyle=/, 'nothing inline');
  const named = [...page.body.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, file]) => file);
  t.ok(named.length >= 3);
  for (const file of [...named, '/page/chart.js', '/page/tables.js']) {
    const { status, headers } = await ask(admin.port, file);
    t.equal(status, 200, file);
    t.match(headers['content-type'], /javascript|css|svg/);
    t.match(headers['content-security-policy'], "default-src 'none'; script-src 'self'");
    const again = await ask(admin.port, file, 'GET', { 'if-none-match': String(headers.etag) });
    t.match(again, { status: 304, body: '' });
  }
  for (const file of ['/page/', '/page/index.html', '/page/..%2fserver.js', '/page/server.js']) {
    t.equal((await ask(admin.port, file)).status, 404, file);
  }
  t.match(JSON.parse((await ask(admin.port, '/api')).body), { name: 'redis-spillway' });
});

t.test('every file of the page is served, with its type', async (t) => {
  const { admin } = await start(t);
  const files = readdirSync(new URL('../../../src/surfaces/admin/page/', import.meta.url));
  t.ok(files.length > 5);
  for (const name of files.filter((file) => file !== 'index.html')) {
    const { status, headers } = await ask(admin.port, `/page/${name}`);
    t.equal(status, 200, name);
    t.match(headers['content-type'], /^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/, name);
  }
});
