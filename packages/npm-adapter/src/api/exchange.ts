/** One request to the API over ky: one answer or none, bounded in time and in bytes. It never throws, and decides nothing. */
import { within } from '@quayside/core/ports';

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly token: string | null;
  readonly body?: unknown;
  /** From the first packet to the last byte. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  /** Undefined where the body was no JSON. */
  readonly body: unknown;
  /** The server's own time, milliseconds since the epoch, as far as it says. */
  readonly serverNow: number | null;
}

export interface Lost {
  readonly kind: 'lost';
  readonly how: 'aborted' | 'timeout' | 'broken';
  /** The system's word (`ECONNREFUSED`), or `unknown`. */
  readonly code: string;
  readonly text: string;
  /** Whether the request may have arrived. */
  readonly wasSent: boolean;
}

/** A list of thousands of hosts has some megabytes; what is longer is not our API. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

export async function exchange(request: Exchange): Promise<Reply | Lost> {
  if (request.signal.aborted) {
    return { kind: 'lost', how: 'aborted', code: 'aborted', text: 'aborted', wasSent: false };
  }
  // Loaded with the first request, not with the package: it costs a host's start more than all the rest of it.
  const { default: ky } = await import('ky');
  return within(request.signal, request.limitMs, async (limit): Promise<Reply | Lost> => {
    try {
      const response = await ky(request.url, {
        method: request.method,
        headers: {
          Accept: 'application/json',
          // A change reloads the nginx in front of the API: a pooled connection would be broken off under a later request.
          Connection: 'close',
          ...(request.token === null ? {} : { Authorization: `Bearer ${request.token}` }),
        },
        ...(request.body === undefined ? {} : { json: request.body }),
        redirect: 'manual',
        signal: limit.signal,
        timeout: false,
        retry: 0,
        throwHttpErrors: false,
      });
      const text = await readText(response);
      const date = Date.parse(response.headers.get('date') ?? '');
      return {
        kind: 'reply',
        status: response.status,
        body: parseJson(text),
        serverNow: Number.isNaN(date) ? null : date,
      };
    } catch (thrown) {
      if (request.signal.aborted) {
        return { kind: 'lost', how: 'aborted', code: 'aborted', text: 'aborted', wasSent: true };
      }
      if (limit.timedOut) {
        const text = `no answer within ${request.limitMs} ms`;
        return { kind: 'lost', how: 'timeout', code: 'timeout', text, wasSent: true };
      }
      const { code, text } = socketError(thrown);
      return { kind: 'lost', how: 'broken', code, text, wasSent: !NEVER_SENT.test(code) };
    }
  });
}

/** The connection was never made. */
const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|\w*SELF_SIGNED\w*|CERT_\w+|UNABLE_TO_\w+)$/;

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new TextDecoder().decode(Buffer.concat(parts));
      length += value.length;
      if (length > BODY_LIMIT_BYTES) throw new Error(`an answer of more than ${BODY_LIMIT_BYTES} bytes`);
      parts.push(value);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the socket, the resolver or the TLS handshake said, found in whatever the client wrapped around it. */
export function socketError(thrown: unknown): { readonly code: string; readonly text: string } {
  let error: unknown = thrown;
  let text = thrown instanceof Error ? thrown.message : String(thrown);
  for (let depth = 0; depth < 6 && error instanceof Error; depth += 1) {
    if (error.message) text = error.message;
    const first = error instanceof AggregateError ? error.errors[0] : undefined;
    if (first instanceof Error) {
      error = first;
      continue;
    }
    const { code } = error as { code?: unknown };
    if (typeof code === 'string') return { code, text };
    error = error.cause;
  }
  return { code: 'unknown', text };
}
