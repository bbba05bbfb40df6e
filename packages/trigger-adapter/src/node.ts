/** A fetch handler for Node's own server, and for what is built on it (Express, Connect): nothing of the body is read beforehand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

/** @returns a listener for `createServer`, or a middleware for `app.use` in front of what parses bodies */
export function nodeListener(
  handler: (request: Request) => Promise<Response>,
): (incoming: IncomingMessage & { readonly originalUrl?: string }, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    void handler(requestOf(incoming, gone.signal))
      .then((response) => send(response, outgoing))
      .catch(() => {
        if (!outgoing.headersSent) outgoing.writeHead(500);
        outgoing.end();
      });
  };
}

function requestOf(incoming: IncomingMessage & { readonly originalUrl?: string }, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD';
  // Where it was sent to does not matter here, only the path does; one that is no path is none of ours.
  const path = incoming.originalUrl ?? incoming.url ?? '/';
  const url = URL.canParse(path, 'http://receiver') ? new URL(path, 'http://receiver') : new URL('http://receiver/');
  return new Request(url, {
    method: incoming.method ?? 'GET',
    headers,
    signal,
    ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' } : {}),
  } as RequestInit);
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  // What is left of a body that was refused is not waited for.
  const headers = Object.fromEntries(response.headers);
  outgoing.writeHead(response.status, response.status >= 400 ? { ...headers, connection: 'close' } : headers);
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}
