// Who may ask what of the admin API: the bearer token, and the guards against web pages. Owns the decisions, and the
// hook that turns them into answers. Never logs or shows a token.
// A browser lets any page send requests to any address. What such a request may not get here, whatever else is set:
//   - by DNS rebinding (the page's own name, pointed at this machine) it reads answers as its own: without a token
//     only names that nobody else can own are served (host-guard.ts). With one, the page would have to know it.
//   - a page of elsewhere names itself in Origin: refused, since only what this server itself serves may ask.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { hostAllowed } from './host-guard.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token, too: probes have none. It must tell nothing of the traffic. */
    open?: boolean;
  }
}

/** What of a request counts. */
export interface Asking {
  readonly method: string;
  /** The route asks for no token. */
  readonly open: boolean;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly error: string;
  readonly message: string;
}

const FOREIGN_HOST: Refusal = {
  status: 403,
  error: 'host_not_allowed',
  message: 'Use the IP address or localhost: other names are refused, as web pages could borrow them.',
};
const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  error: 'origin_not_allowed',
  message: 'A web page of elsewhere asks: only pages that this server itself serves are answered.',
};
const READ_ONLY: Refusal = {
  status: 403,
  error: 'token_not_set',
  message: 'Changing anything needs a token, and this proxy has none: start it with SPILLWAY_ADMIN_TOKEN.',
};
const NO_TOKEN: Refusal = {
  status: 401,
  error: 'token_missing',
  message:
    'Send the admin token as "Authorization: Bearer TOKEN"; the spillway commands take SPILLWAY_ADMIN_TOKEN.',
};
const WRONG_TOKEN: Refusal = {
  status: 401,
  error: 'token_wrong',
  message: 'This is not the token that the proxy was started with.',
};

/** Decides for one server; `token` undefined: none was set, which only loopback may do without. */
export function createGuard(token: string | undefined): (asking: Asking) => Refusal | undefined {
  const expected = token === undefined ? undefined : digest(token);
  return ({ method, open, host, origin, authorization }) => {
    if (expected === undefined && !hostAllowed(host)) return FOREIGN_HOST;
    if (origin !== undefined && !sameOrigin(origin, host)) return FOREIGN_ORIGIN;
    const changing = method !== 'GET' && method !== 'HEAD';
    if (expected === undefined) return changing ? READ_ONLY : undefined;
    if (open && !changing) return undefined;
    const given = bearerToken(authorization);
    if (given === undefined) return NO_TOKEN;
    // Digests are of one length, and compared in a time that tells nothing of where they differ.
    return timingSafeEqual(digest(given), expected) ? undefined : WRONG_TOKEN;
  };
}

/** Puts the guard before every route, those that do not exist included. */
export function addGuard(app: FastifyInstance, token: string | undefined): void {
  const refuses = createGuard(token);
  app.addHook('onRequest', async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    const open = request.routeOptions.config?.open === true;
    const refusal = refuses({ method: request.method, open, host, origin, authorization });
    if (refusal === undefined) return;
    const { status, error, message } = refusal;
    if (status === 401) {
      const why = refusal === WRONG_TOKEN ? ', error="invalid_token"' : '';
      reply.header('www-authenticate', `Bearer realm="spillway"${why}`);
    }
    return reply.code(status).send({ error, message });
  });
}

/** The page was served under the very name that is asked now. Behind a proxy that ends TLS the schemes differ. */
function sameOrigin(origin: string, host: string | undefined): boolean {
  const at = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
  return at !== undefined && at.toLowerCase() === host?.toLowerCase();
}

function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +([^ ]+) *$/i.exec(header ?? '')?.[1];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
