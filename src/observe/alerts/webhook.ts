// One attempt to deliver an alert: a POST of JSON. Keeps nothing. When one is sent: situation.ts; what it says: message.ts.
// Invariants: it never rejects; it follows no redirect, because the alert and its Authorization header are for one address
// only; it verifies certificates; it reads only the status of the answer; no text contains the address.

export interface Webhook {
  readonly url: string;
  /** The value of the Authorization header. */
  readonly authorization: string | undefined;
}

/** Resolves with undefined once the alert is delivered, otherwise with the reason, in words without a secret. */
export async function post(
  webhook: Webhook,
  body: unknown,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'redis-spillway',
        ...(webhook.authorization !== undefined && { authorization: webhook.authorization }),
      },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
    response.body?.cancel().catch(() => {});
    if (response.ok) return undefined;
    const { status } = response;
    return status >= 300 && status < 400
      ? `it answered ${status}, a redirect, which is not followed`
      : `it answered ${status}`;
  } catch (error) {
    return whyFailed(error);
  }
}

/** Uses only error codes, because messages may contain the address. */
function whyFailed(error: unknown): string {
  const { name, code } = innermost(error);
  if (name === 'TimeoutError') return 'it did not answer in time';
  if (name === 'AbortError') return 'the proxy has ended first';
  return typeof code === 'string' ? `it could not be reached (${code})` : `it could not be reached (${name})`;
}

function innermost(error: unknown): { readonly name: string; readonly code?: unknown } {
  if (!(error instanceof Error)) return { name: 'unknown error' };
  return error.cause instanceof Error ? innermost(error.cause) : error;
}
