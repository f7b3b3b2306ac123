// Talks to the server: JSON by path, and the live stream, which it reopens while the page is open. Owns the token, which the
// tab keeps. Uses fetch, because EventSource cannot send a token.

const TOKEN = 'spillway-token';
const LONGEST_WAIT_MS = 10_000;

/** The server asks for a token, or refuses the one that was sent. */
export class Unauthorized extends Error {}

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** @param {string} path @param {AbortSignal} [signal] */
async function request(path, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token === null ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(path, {
    cache: 'no-store',
    ...(headers && { headers }),
    ...(signal && { signal }),
  });
  if (response.status === 401) throw new Unauthorized('the server asks for a token');
  if (!response.ok) {
    const { message } = await response.json().catch(() => ({ message: `status ${response.status}` }));
    throw new Error(String(message));
  }
  return response;
}

/** @param {string} path @returns {Promise<any>} */
export async function getJson(path) {
  return (await request(path)).json();
}

/**
 * Passes each snapshot to `take` and the state of the connection to `tell`. Resolves when the server asks for a token.
 * @param {(snapshot: any) => void} take
 * @param {(state: { live: boolean, text: string }) => void} tell
 */
export async function follow(take, tell) {
  let wait = 500;
  for (;;) {
    try {
      const response = await request('/api/stream');
      for await (const data of messages(response)) {
        wait = 500;
        take(JSON.parse(data));
        tell({ live: true, text: 'live' });
      }
      tell({ live: false, text: 'connection lost; connecting again' });
    } catch (error) {
      if (error instanceof Unauthorized) return;
      const why = error instanceof Error ? error.message : String(error);
      tell({ live: false, text: `no connection (${why}); trying again` });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
  }
}

/** The data of server-sent events: lines `data: …`, an empty line behind each event. @param {Response} response */
async function* messages(response) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data: '));
      if (data.length > 0) yield data.map((line) => line.slice(6)).join('\n');
    }
  }
}
