/** A body with a bound on its size and on the time that it takes, whatever its length claims to be. */
import { err, ok, type Result } from 'neverthrow';

export type BodyProblem = 'too-large' | 'too-slow' | 'cut-off' | 'read-before';

export async function readBounded(
  request: Request,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Result<Uint8Array, BodyProblem>> {
  if (request.bodyUsed) return err('read-before');
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) return err('too-large');
  if (!request.body) return ok(new Uint8Array());
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const cut = () => void reader.cancel(signal.reason).catch(() => undefined);
  if (signal.aborted) cut();
  signal.addEventListener('abort', cut, { once: true });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return err('too-slow');
      if (done) return ok(Buffer.concat(chunks, length));
      length += value.byteLength;
      if (length > limitBytes) {
        void reader.cancel().catch(() => undefined);
        return err('too-large');
      }
      chunks.push(value);
    }
  } catch {
    return err(signal.aborted ? 'too-slow' : 'cut-off');
  } finally {
    signal.removeEventListener('abort', cut);
  }
}
