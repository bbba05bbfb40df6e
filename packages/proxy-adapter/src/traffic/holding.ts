/** What a visitor of a stage in maintenance is answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HOLDING_TITLE, type Holding, holdingPage, retryAfterSeconds } from '@quayside/core/ports';
import { formFor, pageHeaders } from './page.js';

/** How long the rest of an upload is read and dropped, so that the visitor gets to read the answer. */
const LINGER_MS = 10_000;

export function sendHolding(request: IncomingMessage, response: ServerResponse, holding: Holding): void {
  const form = formFor(request.headers.accept);
  const page = holdingPage(holding)[form];
  const body = Buffer.from(page.endsWith('\n') ? page : `${page}\n`);
  response.writeHead(503, HOLDING_TITLE, {
    ...pageHeaders(form, body),
    'retry-after': `${retryAfterSeconds(holding)}`,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(timer));
}
