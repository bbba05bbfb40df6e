/**
 * The service as one fetch handler: the API, the webhooks, signing in, and the page. It holds nothing of its own; what it is made of
 * is opened and closed by the host (host.ts).
 */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Page } from './page.js';
import { nameOf, type Sessions } from './sessions.js';

export interface Handler {
  fetch(request: Request): Promise<Response>;
}

export interface AppParts {
  readonly api: Handler;
  /** Without one there are no webhooks. */
  readonly hooks?: Handler | undefined;
  readonly sessions: Sessions;
  readonly page: Page;
  /** Where a domain is visited: `https://{domain}`. */
  readonly visit: string;
  /** Told of what was thrown here. */
  readonly onError: (thrown: unknown) => void;
}

const BODY_LIMIT = 4_096;

export function platformApp({ api, hooks, sessions, page, visit, onError }: AppParts): Hono {
  const app = new Hono();
  app.all('/v1/*', ({ req }) => api.fetch(req.raw));
  if (hooks) app.all('/hooks/*', ({ req }) => hooks.fetch(req.raw));

  app.get('/session', ({ req }) => {
    const visitor = sessions.visitorOf(req.raw);
    return visitor
      ? answer(200, { ...visitor, visit })
      : refusal(401, 'Nobody is signed in.', 'Sign in with the host token.');
  });
  app.post('/session', bodyLimit({ maxSize: BODY_LIMIT, onError: tooLarge }), async ({ req }) => {
    const given: unknown = await req.json().catch(() => null);
    const { token, name } = (given ?? {}) as { token?: unknown; name?: unknown };
    if (typeof token !== 'string' || !sessions.accepts(token))
      return refusal(
        401,
        'That is not the token of this host.',
        'Look it up where the host was started: QUAYSIDE_TOKEN.',
      );
    const visitor = { by: nameOf(name) };
    return answer(200, { ...visitor, visit }, { 'set-cookie': sessions.open(visitor, req.raw) });
  });
  app.delete(
    '/session',
    ({ req }) => new Response(null, { status: 204, headers: { 'set-cookie': sessions.close(req.raw) } }),
  );

  app.get('/healthz', () => answer(200, { status: 'ok' }));
  app.get('*', ({ req }) => page.answer(req.raw));
  app.notFound(() => refusal(404, 'There is nothing at this address.', 'GET /v1/openapi.json describes the API.'));
  app.onError((thrown) => {
    onError(thrown);
    return refusal(500, 'Something went wrong inside this host.', 'Ask who runs this host to look at its errors.');
  });
  return app;
}

const tooLarge = () => refusal(413, 'That is more than a token and a name.', 'Send JSON with `token` and `name`.');

const answer = (status: number, body: object, headers: Record<string, string> = {}, type = 'application/json') =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': type, 'cache-control': 'no-store', ...headers },
  });

const refusal = (status: number, detail: string, hint: string) =>
  answer(status, { title: detail, status, detail, hint }, {}, 'application/problem+json');
