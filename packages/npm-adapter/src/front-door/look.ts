/** One request through the front door, on a connection of its own, as a visitor's would be. It never throws. */
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { socketError } from '../api/exchange.js';
import type { FrontDoorAddresses } from '../options.js';

export interface Question {
  readonly scheme: 'http' | 'https';
  readonly domain: string;
  readonly method: string;
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

export type Seen =
  | { readonly kind: 'answer'; readonly status: number; readonly location: string | null; readonly body: string }
  /** `code` is the system's word, `timeout` or `aborted`. */
  | { readonly kind: 'nothing'; readonly code: string; readonly text: string };

/** Of a body, what can be ours. */
const BODY_LIMIT_BYTES = 512;

/** Ours to say: a health check's own `Host` would lead elsewhere. */
const OWN_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade']);

export function look(addresses: FrontDoorAddresses, question: Question): Promise<Seen> {
  const { scheme, domain, method, path, signal, limitMs } = question;
  const address = addresses[scheme];
  const headers: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(question.headers)) {
    if (!OWN_HEADERS.has(name.toLowerCase())) headers[name] = value;
  }
  const options: RequestOptions & { servername?: string; rejectUnauthorized?: boolean } = {
    host: address.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: address.port || (scheme === 'http' ? 80 : 443),
    method,
    path,
    headers: { ...headers, Host: domain, Connection: 'close' },
    agent: false,
    signal,
    // Which instance answers is the question. Whether a browser trusts the certificate is the proxy's affair, and often a
    // name's own certificate authority is not ours.
    ...(scheme === 'https' ? { servername: domain, rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (seen: Seen) => {
      clearTimeout(timer);
      resolve(seen);
      request.destroy();
    };
    const fail = (thrown: unknown) => {
      if (signal.aborted) return end({ kind: 'nothing', code: 'aborted', text: 'aborted' });
      end({ kind: 'nothing', ...socketError(thrown) });
    };
    const request = (scheme === 'http' ? httpRequest : httpsRequest)(options);
    timer = setTimeout(
      () => end({ kind: 'nothing', code: 'timeout', text: `no answer within ${limitMs} ms` }),
      limitMs,
    );
    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let left = BODY_LIMIT_BYTES;
      const answer = () =>
        end({
          kind: 'answer',
          status: response.statusCode ?? 0,
          location: response.headers.location ?? null,
          body: Buffer.concat(parts).toString('utf8'),
        });
      response.on('data', (chunk: Buffer) => {
        parts.push(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) answer();
      });
      response.on('end', answer);
      response.on('error', fail);
    });
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      end({ kind: 'answer', status: 101, location: null, body: '' });
    });
    try {
      request.end();
    } catch (thrown) {
      fail(thrown);
    }
  });
}
