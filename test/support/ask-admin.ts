// Asks the admin server of a proxy under test. Judges no status: the answers of errors are JSON, too.
import type { AdminSources } from '../../src/surfaces/admin/types.js';

const TIMED_OUT = 408;

type SourceOf<Path extends string> = Path extends `/api/${infer Name}?${string}`
  ? Name
  : Path extends `/api/${infer Name}`
    ? Name
    : never;

/** What GET of a path answers: that of `/api/stats` is what the source `stats` returns. */
export type AdminAnswer<Path extends string> =
  SourceOf<Path> extends keyof AdminSources
    ? AdminSources[SourceOf<Path>] extends (...args: never) => infer Answer
      ? Awaited<Answer>
      : unknown
    : unknown;

/** GET on the admin address, parsed as JSON. */
export type AskAdmin = <Path extends string>(path: Path) => Promise<AdminAnswer<Path>>;

/** POST on the admin address, its answer parsed as JSON. */
export type PostAdmin = (path: string, body: unknown) => Promise<unknown>;

/**
 * Asks the server at a base address. A test that gets no processor for 3 s between its connect and its request is answered
 * 408: the server has not taken the request, so it is sent again (RFC 9110, 15.5.9).
 */
export const adminAt =
  (base: string, token?: string): AskAdmin =>
  async (path) =>
    (await asked(base + path, { headers: authorization(token) })) as AdminAnswer<typeof path>;

/** POST of this body as JSON, with the admin token. */
export const postAt =
  (base: string, token: string | undefined): PostAdmin =>
  (path, body) => {
    const headers = { ...authorization(token), 'content-type': 'application/json' };
    return asked(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
  };

async function asked(url: string, request: RequestInit): Promise<unknown> {
  for (;;) {
    const response = await fetch(url, request);
    const answer: unknown = await response.json();
    if (response.status !== TIMED_OUT) return answer;
  }
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
