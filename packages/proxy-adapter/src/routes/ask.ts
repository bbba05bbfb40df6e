/** One request to a front door, on a connection of its own, bounded in time and in bytes. */
import { request as httpRequest } from 'node:http';

export interface Question {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
}

export interface Reply {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: string;
}

/** More of a body is not read. */
const BODY_LIMIT_BYTES = 65_536;

/** Rejects with the socket's error, with the signal's reason, or once the limit is over. */
export function ask(frontDoor: string, question: Question, limitMs: number, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { hostname, port } = new URL(frontDoor);
    const outgoing = httpRequest({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port || 80,
      method: question.method,
      path: question.path,
      headers: question.headers,
      agent: false,
    });
    const give = (error: unknown) => outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
    const onAbort = () => give(signal.reason);
    const timer = setTimeout(() => give(new Error(`no answer within ${limitMs} ms`)), limitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    });
    outgoing.on('error', reject);
    outgoing.once('response', (answer) => {
      const parts: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const body = Buffer.concat(parts).subarray(0, BODY_LIMIT_BYTES).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
        outgoing.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        parts.push(chunk);
        size += chunk.length;
        if (size >= BODY_LIMIT_BYTES) finish();
      });
      answer.once('end', finish);
      answer.once('error', reject);
    });
    outgoing.end();
  });
}
