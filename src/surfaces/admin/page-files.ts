// The dashboard's files, at / and /page: read once at the start, and served from memory. Owns their headers.
// Invariants: only the files named here are served; the page can load and call only this server, and runs no inline code;
// a request for / that does not accept HTML (curl, a probe) gets JSON.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const FILES: Readonly<Record<string, string>> = {
  'index.html': HTML,
  'page.css': 'text/css; charset=utf-8',
  'page.js': SCRIPT,
  'advice.js': SCRIPT,
  'chart.js': SCRIPT,
  'charts.js': SCRIPT,
  'clients.js': SCRIPT,
  'detail.js': SCRIPT,
  'discovered.js': SCRIPT,
  'dom.js': SCRIPT,
  'eviction.js': SCRIPT,
  'format.js': SCRIPT,
  'headline.js': SCRIPT,
  'identity.js': SCRIPT,
  'levels.js': SCRIPT,
  'outcomes.js': SCRIPT,
  'rules.js': SCRIPT,
  'state.js': SCRIPT,
  'stream.js': SCRIPT,
  'tables.js': SCRIPT,
  'icon.svg': 'image/svg+xml',
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
].join('; ');

/** The files need no token, because the page itself asks for it. They contain nothing about the traffic. */
const OPEN = { config: { open: true } };

/** `index`: the JSON of / for requests that do not accept HTML. */
export function addPage(app: FastifyInstance, index: object): void {
  for (const [name, type] of Object.entries(FILES)) {
    const body = readFileSync(new URL(`page/${name}`, import.meta.url));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const serve = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
      // no-cache: browsers keep the file, and ask each time whether it has changed.
      reply.headers({ etag, 'cache-control': 'no-cache', 'content-security-policy': POLICY });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(type).send(body);
    };
    if (name !== 'index.html') app.get(`/page/${name}`, OPEN, serve);
    else {
      app.get('/', OPEN, (request, reply) => {
        reply.header('vary', 'accept');
        const wantsHtml = request.headers.accept?.includes('text/html') === true;
        return wantsHtml ? serve(request, reply) : reply.send(index);
      });
    }
  }
  app.get('/api', async () => index);
}
