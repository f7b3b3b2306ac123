// Who may ask what of the admin server: the token, and the guards against web pages.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { type Asking, createGuard } from '../../../src/surfaces/admin/auth.js';
import { startAdmin } from '../../../src/surfaces/admin/server.js';
import type { AdminOptions } from '../../../src/surfaces/admin/types.js';

const TOKEN = '0123456789abcdef';
const ASKING: Asking = {
  method: 'GET',
  open: false,
  host: '127.0.0.1:9380',
  origin: undefined,
  authorization: undefined,
};

function errorOf(token: string | undefined, asking: Partial<Asking>): string | undefined {
  return createGuard(token)({ ...ASKING, ...asking })?.error;
}

t.test('without a token: reading on loopback only, nothing is changed', async (t) => {
  t.equal(errorOf(undefined, {}), undefined);
  t.equal(errorOf(undefined, { method: 'HEAD' }), undefined);
  t.equal(errorOf(undefined, { authorization: `Bearer ${TOKEN}` }), undefined);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    t.equal(errorOf(undefined, { method }), 'token_not_set', method);
  t.equal(errorOf(undefined, { host: 'evil.example' }), 'host_not_allowed');
  t.equal(errorOf(undefined, { host: 'evil.example', open: true }), 'host_not_allowed');
});

t.test('with a token everything needs it but what is open, and any name will do', async (t) => {
  t.equal(errorOf(TOKEN, {}), 'token_missing');
  t.equal(errorOf(TOKEN, { method: 'POST' }), 'token_missing');
  t.equal(errorOf(TOKEN, { method: 'POST', open: true }), 'token_missing');
  t.equal(errorOf(TOKEN, { open: true }), undefined);
  t.equal(errorOf(TOKEN, { open: true, method: 'HEAD', host: 'spillway.svc:9380' }), undefined);
  for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `, `BEARER ${TOKEN}`]) {
    t.equal(errorOf(TOKEN, { authorization }), undefined, authorization);
    t.equal(errorOf(TOKEN, { authorization, method: 'POST', host: 'spillway.svc' }), undefined);
  }
  for (const wrong of [`${TOKEN}0`, TOKEN.slice(1), TOKEN.toUpperCase(), 'x'])
    t.equal(errorOf(TOKEN, { authorization: `Bearer ${wrong}` }), 'token_wrong', wrong);
  for (const authorization of ['', 'Bearer', 'Bearer ', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN} x`])
    t.equal(errorOf(TOKEN, { authorization }), 'token_missing', authorization);
});

t.test('a page of elsewhere is refused, with the token too', async (t) => {
  for (const token of [undefined, TOKEN]) {
    const authorization = `Bearer ${TOKEN}`;
    for (const origin of [
      'http://evil.example',
      'null',
      '',
      'http://127.0.0.1:9381',
      'file://127.0.0.1:9380',
    ])
      t.equal(errorOf(token, { origin, authorization }), 'origin_not_allowed', origin);
    for (const origin of ['http://127.0.0.1:9380', 'https://127.0.0.1:9380'])
      t.equal(errorOf(token, { origin, authorization }), undefined, origin);
  }
  t.equal(errorOf(undefined, { origin: 'http://evil.example', host: 'evil.example' }), 'host_not_allowed');
});

async function start(t: Test, token: string | undefined): Promise<string> {
  const unused = () => {
    throw new Error('must not be read');
  };
  const options: AdminOptions = {
    maxConnections: 10,
    listen: { host: '127.0.0.1', port: 0 },
    token,
    log: pino({ level: 'silent' }),
    version: '1.2.3',
    stats: unused,
    rules: () => [],
    advice: unused,
    config: unused,
    reload: unused,
    failover: undefined,
    setRehearsal: unused,
    report: unused,
    memory: unused,
    state: () => ({ state: 'ok', severity: 'ok', since: '', text: '', also: [], observed: [] }),
    connections: unused,
    workers: unused,
    explain: unused,
    growth: unused,
    history: unused,
    events: unused,
    alerts: unused,
    sweep: unused,
    clients: unused,
    subscribe: unused,
    health: () => ({ live: true }),
    ready: () => ({ ready: true, reasons: [] }),
  };
  const admin = await startAdmin(options);
  t.teardown(() => admin.close());
  return `http://127.0.0.1:${admin.port}`;
}

t.test(
  'over HTTP: 401 with WWW-Authenticate on every path but the health checks and the files of the page',
  async (t) => {
    const url = await start(t, TOKEN);
    for (const path of [
      '/api',
      '/api/stats',
      '/api/stream',
      '/api/clients',
      '/api/rules',
      '/api/explain?key=a',
      '/metrics',
      '/nope',
    ]) {
      const answer = await fetch(url + path);
      t.equal(answer.status, 401, path);
      t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="spillway"');
      t.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      t.match(await answer.json(), { error: 'token_missing', message: /SPILLWAY_ADMIN_TOKEN/ });
    }
    const wrong = await fetch(`${url}/api/rules`, { headers: { authorization: `Bearer ${TOKEN}x` } });
    t.equal(wrong.status, 401);
    t.equal(wrong.headers.get('www-authenticate'), 'Bearer realm="spillway", error="invalid_token"');
    t.notMatch(await wrong.text(), TOKEN);
    for (const path of ['/healthz', '/readyz', '/', '/page/page.js'])
      t.equal((await fetch(url + path)).status, 200, path);

    const headers = { authorization: `Bearer ${TOKEN}` };
    const right = await fetch(`${url}/api/rules`, { headers });
    t.equal(right.status, 200);
    t.same(await right.json(), []);
    t.equal((await fetch(`${url}/api/rules`, { headers, method: 'POST' })).status, 405);
    t.equal((await fetch(`${url}/nope`, { headers })).status, 404);
  },
);
