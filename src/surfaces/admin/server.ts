// The admin HTTP server: the dashboard, JSON, metrics and health checks.
// Owns routes and headers. auth.ts decides which requests are allowed. Only POST and DELETE change anything. There is no
// CORS. It reads the proxy only through the functions of AdminOptions.
import type { AddressInfo } from 'node:net';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  fastify,
  LogController,
} from 'fastify';
import type { Span } from '../../observe/history/history.js';
import { addGuard } from './auth.js';
import { readExplainQuery } from './explain-query.js';
import { addFailover } from './failover-route.js';
import { addLiveStream } from './live-stream.js';
import { createMetrics } from './metrics.js';
import { addPage } from './page-files.js';
import { readRehearsalBody } from './rehearsal-body.js';
import { SharedAnswers } from './shared-answers.js';
import type { AdminOptions, AdminServer } from './types.js';
import { readWindow } from './window.js';

const ENDPOINTS: Readonly<Record<string, string>> = {
  '/api/state': 'The state of the service in one word and a sentence, and since when.',
  '/api/stats': 'Writes, TTLs and refusals by rule, patterns of keys that no rule matches, latency.',
  '/api/rules': 'The rules in effect.',
  '/api/config': 'The configuration in effect, and the outcome of the last reload.',
  '/api/reload': 'POST: read the configuration again.',
  '/api/simulate': 'POST { pressure, seconds }: begin a rehearsal at that pressure. DELETE: end it.',
  '/api/failover':
    'POST {}: switch to a replica by Sentinel, without losing a write; { dryRun: true }: what that would do. GET: how it goes.',
  '/api/memory': 'The last reading of memory, the pressure, and how much of each priority is refused.',
  '/api/connections': 'Clients, connections, bytes and commands.',
  '/api/workers': 'The processes that serve clients.',
  '/api/growth': 'How fast memory grows, which rules make it grow, and when it will be full.',
  '/api/history': 'Memory and writes over the last ten minutes; ?span=2h: two hours.',
  '/api/report':
    'What the rules did in the last hour, and what observing rules would have done; ?window=5m to 24h.',
  '/api/advice': 'Whether the eviction policy suits these rules and keys, and what each policy could evict.',
  '/api/events': 'The last events, such as changes of a level and losses of the server.',
  '/api/alerts': 'The state that the webhook received last, and the state now.',
  '/api/clients': 'The clients that have sent the most bytes; ?limit=20.',
  '/api/stream': 'Server-sent events: a snapshot each second.',
  '/api/explain':
    'What Spillway does with a command, and why: ?key=KEY&command=WORD&command=WORD … (default: SET), &db=1&user=NAME.',
  '/metrics': 'All figures for Prometheus.',
  '/healthz': '200 while the process works.',
  '/readyz': '200 while clients can be served, otherwise 503 with the reasons.',
};

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const HISTORY_QUERY = {
  querystring: {
    type: 'object',
    properties: { span: { type: 'string', enum: ['10m', '2h'], default: '10m' } },
  },
};
const CLIENTS_QUERY = {
  querystring: {
    type: 'object',
    properties: { limit: { type: 'integer', minimum: 1, maximum: 50, default: 20 } },
  },
};
/** Time limits for slow requests, each of which occupies one of few connections. */
const PATIENCE = {
  requestTimeout: 5000,
  connectionTimeout: 30_000,
  http: { headersTimeout: 3000, connectionsCheckingInterval: 1000 },
} as const;
/** Probes send no token. */
const OPEN = { config: { open: true } };

/**
 * Starts listening. Every answer except those of /metrics and /healthz is JSON; an error is `{ error, message }`.
 * @throws the system's error (EADDRINUSE, EACCES …) when it cannot listen there
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const app: FastifyInstance = fastify({
    loggerInstance: options.log.child({ part: 'admin' }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    bodyLimit: 1024,
    ...PATIENCE,
  });
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(HEADERS);
  });
  addGuard(app, options.token);
  takeEmptyBodies(app);
  answerRest(app);
  addRoutes(app, options);
  app.server.maxConnections = options.maxConnections;
  const { host, port } = options.listen;
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `admin listens on ${address}` });
  } catch (error) {
    await app.close();
    throw error;
  }
  const address = app.server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    setLogLevel(level) {
      app.log.level = level;
    },
    close: () => app.close(),
  };
}

/** Many HTTP clients send a JSON content type with every POST, even one without a body. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body, done);
  });
}

/** Answers requests with other methods, requests for unknown pages, and errors. */
function answerRest(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404 && request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('allow', 'GET, HEAD');
      return reply
        .code(405)
        .send({ error: 'method_not_allowed', message: 'Only GET and HEAD are allowed here.' });
    }
  });
  app.setNotFoundHandler((_request, reply) => {
    const message = `There is no such page. The pages are ${Object.keys(ENDPOINTS).join(', ')}.`;
    return reply.code(404).send({ error: 'not_found', message });
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ error: 'bad_request', message: error.message });
    request.log.error({ err: error, url: request.url }, 'admin request failed');
    return reply
      .code(500)
      .send({ error: 'internal', message: 'Spillway failed to answer; its log says why.' });
  });
}

function addRoutes(app: FastifyInstance, options: AdminOptions): void {
  addPage(app, { name: 'redis-spillway', version: options.version, endpoints: ENDPOINTS });
  addLiveStream(app, options);
  addViews(app, options);
  addViewsByQuery(app, options);
  addReload(app, options);
  addRehearsal(app, options);
  addFailover(app, options.failover);
  addProbes(app, options);
}

/** What is shown as it is. */
function addViews(app: FastifyInstance, options: AdminOptions): void {
  const stats = new SharedAnswers<undefined, string>(async () => [JSON.stringify(await options.stats())]);
  app.get('/api/stats', (_request, reply) =>
    stats.ask('', undefined).then((text) => reply.type('application/json; charset=utf-8').send(text)),
  );
  app.get('/api/rules', async () => options.rules());
  app.get('/api/config', async () => options.config());
  app.get('/api/state', async () => options.state());
  app.get('/api/memory', async () => options.memory());
  app.get('/api/connections', async () => options.connections());
  app.get('/api/workers', async () => options.workers());
  app.get('/api/growth', async () => options.growth());
  app.get('/api/events', async () => options.events());
  app.get('/api/advice', async () => options.advice());
  app.get('/api/alerts', async () => options.alerts());
  const metrics = createMetrics(options, options.version);
  app.get('/metrics', (_request, reply) =>
    metrics.render().then((text) => reply.type(metrics.contentType).send(text)),
  );
}

function addViewsByQuery(app: FastifyInstance, options: AdminOptions): void {
  app.get<{ Querystring: { span: Span } }>('/api/history', { schema: HISTORY_QUERY }, async ({ query }) =>
    options.history(query.span),
  );
  app.get<{ Querystring: { limit: number } }>('/api/clients', { schema: CLIENTS_QUERY }, async ({ query }) =>
    (await options.clients()).slice(0, query.limit),
  );
  app.get<{ Querystring: { window?: string } }>('/api/report', async ({ query }, reply) => {
    const windowMs = readWindow(query.window);
    if (windowMs !== undefined) return options.report(windowMs);
    return reply
      .code(400)
      .send({ error: 'bad_request', message: 'window must be from 5m to 24h, such as 1h.' });
  });
  app.get('/api/explain', async (request, reply) => {
    const mark = request.url.indexOf('?');
    const asked = readExplainQuery(mark < 0 ? '' : request.url.slice(mark + 1));
    if (typeof asked !== 'string') return options.explain(asked);
    return reply.code(400).send({ error: 'bad_request', message: asked });
  });
}

function addReload(app: FastifyInstance, options: AdminOptions): void {
  app.post('/api/reload', async (_request, reply) => {
    const outcome = await options.reload();
    if (outcome.ok) return outcome;
    const { source, problems } = outcome;
    const message = 'The new configuration is invalid, so the old one stays in effect.';
    return reply.code(422).send({ error: 'config_invalid', message, source, problems });
  });
}

function addRehearsal(app: FastifyInstance, options: AdminOptions): void {
  app.post('/api/simulate', async (request, reply) => {
    const asked = readRehearsalBody(request.body);
    if (typeof asked === 'string') return reply.code(422).send({ error: 'body_invalid', message: asked });
    const outcome = options.setRehearsal(asked);
    if (outcome.ok) return outcome.rehearsal;
    const message = `There is nothing to rehearse, because Spillway refuses nothing here: shedding is ${outcome.reason}.`;
    return reply.code(409).send({ error: 'not_shedding', message });
  });
  app.delete('/api/simulate', async (_request, reply) => {
    options.setRehearsal(undefined);
    return reply.code(204).send();
  });
}

function addProbes(app: FastifyInstance, options: AdminOptions): void {
  app.get('/healthz', OPEN, async (_request, reply) => {
    const { live } = options.health();
    return reply
      .code(live ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(live ? 'ok' : 'not live');
  });
  app.get('/readyz', OPEN, async (_request, reply) => {
    const ready = options.ready();
    const { state, since } = options.state();
    return reply.code(ready.ready ? 200 : 503).send({ ...ready, state, since });
  });
}
