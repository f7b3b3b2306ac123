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

/**
 * Asks the server at a base address. A test that gets no processor for 3 s between its connect and its request is answered
 * 408: the server has not taken the request, so it is sent again (RFC 9110, 15.5.9).
 */
export const adminAt =
  (base: string): AskAdmin =>
  async (path) => {
    for (;;) {
      const response = await fetch(`${base}${path}`);
      const answer = (await response.json()) as AdminAnswer<typeof path>;
      if (response.status !== TIMED_OUT) return answer;
    }
  };
