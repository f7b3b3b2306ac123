// Asks the admin server of a proxy under test. Judges no status: the answers of errors are JSON, too.

const TIMED_OUT = 408;

/**
 * The parsed answer to a GET. A test that gets no processor for 3 s between its connect and its request is answered 408: the
 * server has not taken the request, so it is sent again (RFC 9110, 15.5.9).
 */
export async function askAdmin(url: string): Promise<unknown> {
  for (;;) {
    const response = await fetch(url);
    const answer: unknown = await response.json();
    if (response.status !== TIMED_OUT) return answer;
  }
}
