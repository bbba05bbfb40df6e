/** One request over ky: one answer or none, bounded in time and in bytes. It never throws, and decides nothing. */
import { once, within } from '@quayside/core/ports';
import { type SocketFailure, socketFailure } from './socket-error.js';

export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  readonly redirect: 'follow' | 'manual';
  /** From the first packet to the last byte that is read. */
  readonly limitMs: number;
  /** What is read of the answer's body at most. */
  readonly bodyLimitBytes: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Whether the body ended before its limit. */
  readonly isWhole: boolean;
}

/** No answer, or not all of it. */
export type Lost =
  | { readonly kind: 'aborted' }
  | { readonly kind: 'timeout' }
  | ({ readonly kind: 'failed' } & SocketFailure);

/** Loaded with the first request, not with the package: it costs a host's start more than all the rest of it. */
const client = once(() => import('ky'));

export async function exchange(request: Exchange): Promise<Answer | Lost> {
  const { default: ky } = await client();
  return within(request.signal, request.limitMs, async (limit): Promise<Answer | Lost> => {
    try {
      const response = await ky(request.url, {
        method: request.method,
        headers: { ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: request.redirect,
        signal: limit.signal,
        // The limit covers the body too, which ky's own does not; who retries knows the whole's bound.
        timeout: false,
        retry: 0,
        throwHttpErrors: false,
      });
      const { bytes, isWhole } = await readStart(response, request.bodyLimitBytes);
      return { kind: 'answer', status: response.status, headers: response.headers, body: bytes, isWhole };
    } catch (thrown) {
      if (request.signal.aborted) return { kind: 'aborted' };
      if (limit.timedOut) return { kind: 'timeout' };
      return { kind: 'failed', ...socketFailure(thrown) };
    }
  });
}

async function readStart(response: Response, limitBytes: number): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
  const reader = response.body?.getReader();
  if (!reader) return { bytes: new Uint8Array(), isWhole: true };
  const parts: Uint8Array[] = [];
  let left = limitBytes;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: Buffer.concat(parts), isWhole: true };
      parts.push(value.subarray(0, left));
      left -= value.length;
      if (left < 0) return { bytes: Buffer.concat(parts), isWhole: false };
    }
  } finally {
    // Of a body that was read to its end this is nothing; of another it closes the connection.
    reader.cancel().catch(() => undefined);
  }
}

/**
 * The start of a body as text for people: one line, at most 200 characters.
 * @param hide removes secrets, before anything is cut: half a secret would not be found
 */
export const excerpt = (body: Uint8Array, hide: (text: string) => string): string => {
  const text = hide(new TextDecoder().decode(body)).replace(/\s+/g, ' ').trim();
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
};
