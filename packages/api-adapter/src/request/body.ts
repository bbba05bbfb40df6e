/** A JSON body, bounded in bytes and in time. What it holds may be secret: no error shows any of it. */
import { type AnyError, type Clock, invalid, onAbort } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ApiError, apiError } from '../problem.js';

export interface BodyLimits {
  readonly clock: Clock;
  readonly bytesMax: number;
  readonly limitMs: number;
}

/** No body is an empty object. */
export async function readJson(request: Request, limits: BodyLimits): Promise<Result<unknown, AnyError | ApiError>> {
  if (!isJson(request.headers.get('content-type'))) return err(unsupported());
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > limits.bytesMax) return err(tooLarge(limits.bytesMax));
  return (await readBytes(request, limits)).andThen(parsed);
}

/** `application/json` with parameters or without; no other type, since a form of another site can send those. */
const isJson = (type: string | null): boolean => /^application\/json[ \t]*(;|$)/i.test(type?.trim() ?? '');

function parsed(bytes: Uint8Array): Result<unknown, AnyError> {
  if (bytes.length === 0) return ok({});
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)));
  } catch {
    // What the parser says quotes the text.
    return err(invalid('invalid-request', [{ path: 'body', expected: 'JSON in UTF-8', received: 'something else' }]));
  }
}

async function readBytes(
  request: Request,
  { clock, bytesMax, limitMs }: BodyLimits,
): Promise<Result<Uint8Array, AnyError | ApiError>> {
  const reader = request.body?.getReader();
  if (!reader) return ok(new Uint8Array());
  let ending: ApiError | AnyError | undefined;
  const end = (why: ApiError | AnyError) => {
    ending ??= why;
    reader.cancel().catch(() => {});
  };
  const stop = clock.after(limitMs, () => end(tooSlow(limitMs)), true);
  const letGo = onAbort(request.signal, () => end(cutOff()));
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (ending) return err(ending);
      if (done) break;
      length += value.byteLength;
      if (length > bytesMax) {
        end(tooLarge(bytesMax));
        continue;
      }
      chunks.push(value);
    }
    return ok(joined(chunks, length));
  } catch {
    return err(ending ?? cutOff());
  } finally {
    stop();
    letGo();
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

const unsupported = (): ApiError =>
  apiError('unsupported-media-type', 'The body is not JSON.', 'Send it with `Content-Type: application/json`.');

const tooLarge = (bytesMax: number): ApiError =>
  apiError('body-too-large', `The body has more than ${bytesMax} bytes.`, 'Send less; `bodyLimit` sets the limit.', {
    headers: { connection: 'close' },
  });

const tooSlow = (limitMs: number): ApiError =>
  apiError('body-too-slow', `The body took longer than ${limitMs} ms.`, 'Send it at once.', {
    retryable: true,
    headers: { connection: 'close' },
  });

const cutOff = (): AnyError => ({
  kind: 'aborted',
  message: 'The body was cut off.',
  hint: 'Send it again.',
  retryable: true,
});
