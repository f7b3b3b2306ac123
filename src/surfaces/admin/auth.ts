// Decides which requests to the admin API are allowed: the bearer token, and the guards against web pages. Owns the
// decisions, and the hook that turns them into answers. Never logs or shows a token.
// A browser lets any web page send requests to any address. Two guards hold, whatever the settings are:
//   - DNS rebinding: a page can point its own name at this machine and read the answers. So without a token only names
//     that nobody else can own are answered (host-guard.ts). With one, the page would have to know the token.
//   - Origin: a request from another server's page is refused, because only this server's own page may ask.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { hostAllowed } from './host-guard.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered even without a token, because probes have none. The answer must contain nothing about the traffic. */
    open?: boolean;
  }
}

/** The parts of a request that the decision depends on. */
export interface Asking {
  readonly method: string;
  /** The route needs no token. */
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
  message: 'Use the IP address or localhost. Other host names are refused, because a web page could use one.',
};
const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  error: 'origin_not_allowed',
  message: 'Requests from web pages of other servers are refused; only the page of this server may ask.',
};
const READ_ONLY: Refusal = {
  status: 403,
  error: 'token_not_set',
  message: 'Changes need a token, and this proxy has none. Start it with SPILLWAY_ADMIN_TOKEN.',
};
const NO_TOKEN: Refusal = {
  status: 401,
  error: 'token_missing',
  message:
    'Send the admin token as "Authorization: Bearer TOKEN". The spillway commands read it from SPILLWAY_ADMIN_TOKEN.',
};
const WRONG_TOKEN: Refusal = {
  status: 401,
  error: 'token_wrong',
  message: 'This is not the token that the proxy was started with.',
};

/** Makes the guard of one server; `token` undefined: none is set, which is possible on loopback only. */
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
    // Digests have one length, and comparing them takes the same time wherever they differ.
    return timingSafeEqual(digest(given), expected) ? undefined : WRONG_TOKEN;
  };
}

/** Puts the guard before every route, even those that do not exist. */
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

/** Whether the page came from the host of this request. The schemes are not compared: a proxy in front may end TLS. */
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
