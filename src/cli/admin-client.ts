// A client of the admin API of a running proxy. Owns its address, the token, and the errors for the user.
// Bounds: an answer takes at most TIMEOUT_MS, or what its caller allows, and MOST_BYTES. Redirects are not followed, because they would send the token
// to another server.

import type { ListenAddress } from '../config/address.js';
import { formatListenAddress } from '../config/address.js';
import type { EffectiveConfig } from '../config/effective.js';
import { printable } from '../core/words.js';

const TIMEOUT_MS = 5000;
const MOST_BYTES = 64 * 1024 * 1024;
const TIMED_OUT = 408;

/** The proxy could not be asked. The message says what to do. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
}

export class AdminClient {
  private constructor(
    readonly url: string,
    private readonly token: string | undefined,
  ) {}

  /** @throws AdminError if the URL is invalid, or the config has no admin server */
  static at(given: string | undefined, { admin }: EffectiveConfig): AdminClient {
    if (given !== undefined) return new AdminClient(baseOf(given), admin.token);
    if (admin.listen === false)
      throw new AdminError('the config turns the admin server off; name another proxy with --admin URL');
    if (admin.listen.port === 0)
      throw new AdminError('the config lets the system choose the admin port; name it with --admin URL');
    return new AdminClient(`http://${formatListenAddress(reachable(admin.listen))}`, admin.token);
  }

  /** The parsed answer to GET `path`; the caller knows its type. @throws AdminError */
  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.ask<T>(path, signal === undefined ? {} : { signal });
  }

  /** Like get(), by POST. @throws AdminError */
  post<T>(path: string, body: unknown, timeoutMs = TIMEOUT_MS): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return this.ask<T>(path, { method: 'POST', body: JSON.stringify(body), headers }, timeoutMs);
  }

  /** Sends a DELETE. @throws AdminError */
  async delete(path: string): Promise<void> {
    await this.ask(path, { method: 'DELETE' });
  }

  private async ask<T>(
    path: string,
    { signal, headers, ...request }: RequestInit,
    timeoutMs = TIMEOUT_MS,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const send = () =>
      fetch(this.url + path, {
        ...request,
        headers: {
          accept: 'application/json',
          ...headers,
          ...(this.token && { authorization: `Bearer ${this.token}` }),
        },
        redirect: 'error',
        signal: signal == null ? timeout : AbortSignal.any([timeout, signal]),
      });
    let response: Response;
    let body: string;
    try {
      response = await send();
      if (response.status === TIMED_OUT) {
        // The request came too late on its connection, so it was not taken: this process got no processor for some seconds.
        await response.body?.cancel();
        response = await send();
      }
      body = await this.read(response);
    } catch (error) {
      if (error instanceof AdminError) throw error;
      throw new AdminError(`cannot ask ${this.url}: ${reasonOf(error, timeoutMs)}`);
    }
    if (response.status === 204) return undefined as T;
    const answer = parse(body);
    if (response.ok && answer !== undefined) return answer as T;
    throw new AdminError(this.refusal(path, response.status, answer));
  }

  private async read(response: Response): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MOST_BYTES)
        throw new AdminError(`${this.url} sends too long an answer; check that it is Spillway`);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  private refusal(path: string, status: number, answer: unknown): string {
    const { error, message } = (typeof answer === 'object' && answer !== null ? answer : {}) as Partial<
      Record<'error' | 'message', unknown>
    >;
    if (typeof error !== 'string')
      return `${this.url} is not an admin address of Spillway (it answers ${status}); name it with --admin URL`;
    if (error === 'token_missing')
      return `${this.url} needs a token: set SPILLWAY_ADMIN_TOKEN, or SPILLWAY_ADMIN_TOKEN_FILE to a file with it`;
    if (error === 'token_wrong')
      return `${this.url} has another token than SPILLWAY_ADMIN_TOKEN (or its file) here`;
    if (error === 'not_found')
      return `${this.url} knows no ${path.split('?', 1)[0]}: it is another version of Spillway; update it, or use its own version of this command`;
    return `${this.url} refuses (${status}): ${printable(String(message))}`;
  }
}

function baseOf(given: string): string {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.search + url.hash !== ''
  )
    throw new AdminError(
      '--admin must be a URL such as http://127.0.0.1:9380, without user, query or fragment',
    );
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** Maps a server that listens on all interfaces to loopback. */
function reachable({ host, port }: ListenAddress): ListenAddress {
  if (host === '' || host === '0.0.0.0') return { host: '127.0.0.1', port };
  return { host: host === '::' ? '::1' : host, port };
}

const NO_HTTP =
  'what listens there ends the connection, as Redis and the data port do; name the admin address with --admin URL';
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'nothing listens there; check that the proxy runs with its admin server, or name another address with --admin URL',
  ENOTFOUND: 'this host name has no address; check its spelling',
  ECONNRESET: NO_HTTP,
  UND_ERR_SOCKET: NO_HTTP,
};

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in cause ? String(cause.code) : '';
  if (cause.message === 'bad port')
    return 'programs and browsers do not use this port; choose another one for admin.listen';
  return REASONS[code] ?? printable(cause.message);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
