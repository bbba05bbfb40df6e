/** The example's service without a browser: who is let in, what is served, and what its environment has to say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platformApp } from '../../examples/platform/server/app.js';
import { readConfig } from '../../examples/platform/server/config.js';
import { openPage } from '../../examples/platform/server/page.js';
import { nameOf, sessions } from '../../examples/platform/server/sessions.js';
import { readSettings } from '../../examples/platform/server/settings.js';
import { buildPage } from './support/built.js';
import { openYard, PAGE_FOLDER, type Yard } from './support/yard.js';

const TOKEN = 'correct horse battery';
const request = (path: string, init: RequestInit = {}) => new Request(`http://host${path}`, init);
const withCookie = (setCookie: string) =>
  request('/v1/projects', { headers: { cookie: setCookie.split(';')[0] ?? '' } });

beforeAll(buildPage);

describe('a session', () => {
  let nowMs = 1_000;
  const known = sessions(TOKEN, () => nowMs);

  it('says who it is until its time is over, and to another process with the same token', () => {
    const cookie = known.open({ by: 'Ada' }, request('/'));
    expect(known.visitorOf(withCookie(cookie))).toEqual({ by: 'Ada' });
    expect(sessions(TOKEN, () => nowMs).visitorOf(withCookie(cookie))).toEqual({ by: 'Ada' });
    nowMs += 7 * 24 * 3_600_000;
    expect(known.visitorOf(withCookie(cookie))).toBeUndefined();
  });

  it('of another token, of a changed name or without a signature is none', () => {
    const cookie = known.open({ by: 'Ada' }, request('/'));
    expect(sessions('another token, as long', () => nowMs).visitorOf(withCookie(cookie))).toBeUndefined();
    const [payload = '', signature = ''] = (/=([^;]+)/.exec(cookie)?.[1] ?? '').split('.');
    const forged = Buffer.from(JSON.stringify({ by: 'root', until: nowMs + 1_000 })).toString('base64url');
    for (const value of [
      `${forged}.${signature}`,
      `${forged}.`,
      forged,
      `.${signature}`,
      `${payload}.${signature}x`,
      '',
    ])
      expect(known.visitorOf(withCookie(`quayside-session=${value}`)), value).toBeUndefined();
  });

  it('is kept from scripts and from other sites, and from plain HTTP where TLS ends in front', () => {
    expect(known.open({ by: 'Ada' }, request('/'))).toMatch(/; HttpOnly; SameSite=Strict$/);
    expect(known.open({ by: 'Ada' }, request('/', { headers: { 'x-forwarded-proto': 'https' } }))).toMatch(/; Secure$/);
    expect(known.open({ by: 'Ada' }, request('/'))).not.toContain(TOKEN);
  });

  it('is not asked of a script that has the token', () => {
    const authorized = (authorization: string) => known.visitorOf(request('/', { headers: { authorization } }));
    expect(authorized('Bearer correct')).toBeUndefined();
    expect(authorized(`Basic ${TOKEN}`)).toBeUndefined();
    expect(authorized(`Bearer ${TOKEN}`)).toEqual({ by: 'token' });
  });

  it('takes a name as it is given, without what would break a line', () => {
    expect([nameOf('Ada'), nameOf(' a\nb '), nameOf(''), nameOf(7), nameOf('x'.repeat(99)).length]).toEqual([
      'Ada',
      'a b',
      'operator',
      'operator',
      60,
    ]);
  });
});

describe('the service', () => {
  const page = openPageLater();
  const app = () =>
    platformApp({
      api: { fetch: async () => new Response('api') },
      sessions: sessions(TOKEN),
      page: page(),
      visit: 'http://{domain}',
      onError: () => {},
    });

  it('answers every address of the page with the page, and nothing of the file system', async () => {
    for (const path of [
      '/',
      '/p/shop/dev',
      '/d/../../../../etc/passwd',
      '/..%2f..%2fetc%2fpasswd',
      '/%2e%2e/package.json',
    ]) {
      const answer = await app().fetch(request(path));
      expect(answer.headers.get('content-type'), path).toBe('text/html; charset=utf-8');
      expect(await answer.text()).toContain('<div id="app">');
    }
    expect((await app().fetch(request('/assets/gone.js'))).status).toBe(404);
  });

  it('lets the page load its own files alone, and keeps those whose names hold their hash', async () => {
    const index = await app().fetch(request('/'));
    expect(index.headers.get('content-security-policy')).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'",
    );
    expect(index.headers.get('cache-control')).toBe('no-cache');
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await index.text())?.[1] ?? '';
    const asset = await app().fetch(request(script));
    expect(asset.headers.get('cache-control')).toContain('immutable');
    const again = await app().fetch(request('/', { headers: { 'if-none-match': index.headers.get('etag') ?? '' } }));
    expect(again.status).toBe(304);
  });

  it('takes no sign-in that is larger than a token, is no JSON, or is wrong', async () => {
    const signIn = (body: string) => app().fetch(request('/session', { method: 'POST', body }));
    expect((await signIn('x'.repeat(10_000))).status).toBe(413);
    for (const body of ['', '[]', '{"token":7}', '{"token":""}', `{"token":"${TOKEN} "}`]) {
      const answer = await signIn(body);
      expect([answer.status, answer.headers.get('set-cookie')], body).toEqual([401, null]);
    }
    expect((await signIn(JSON.stringify({ token: TOKEN }))).headers.get('set-cookie')).toContain('quayside-session=');
  });
});

describe('the API behind it', () => {
  let yard: Yard;
  beforeAll(async () => {
    yard = await openYard();
  });
  afterAll(() => yard[Symbol.asyncDispose]());

  it('is closed to everybody else', async () => {
    for (const path of [
      'projects',
      'deployments',
      'instances',
      'events',
      'projects/shop/tags',
      'routes',
      'openapi.json',
    ])
      expect((await fetch(`${yard.url}/v1/${path}`)).status, path).toBe(401);
    const answer = await fetch(`${yard.url}/v1/projects`, { headers: { authorization: `Bearer ${yard.token}` } });
    expect(answer.status).toBe(200);
  });

  it("does nothing for another site's page, even with a visitor's cookie", async () => {
    const { headers } = await fetch(`${yard.url}/session`, {
      method: 'POST',
      body: JSON.stringify({ token: yard.token }),
    });
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    const post = (origin: string) =>
      fetch(`${yard.url}/v1/plan`, {
        method: 'POST',
        headers: { cookie, origin, 'content-type': 'application/json' },
        body: JSON.stringify({ project: 'shop', stage: 'dev', tag: 'none' }),
      });
    expect((await post('https://evil.example')).status).toBe(403);
    // Let in, it learns that there is no such tag.
    expect((await post(yard.url)).status).toBe(404);
  });
});

describe('the environment', () => {
  it('is refused with every variable that is wrong, and without a value', () => {
    const read = () =>
      readSettings({ QUAYSIDE_TOKEN: 'short-secret', PORT: 'http', NPM_URL: 'http://npm:81', NPM_SECRET: 'hush' });
    expect(read).toThrow(
      /QUAYSIDE_TOKEN: expected 20 characters[\s\S]*QUAYSIDE_CONFIG: expected the path[\s\S]*PORT: expected a port/,
    );
    expect(read).not.toThrow(/short-secret|hush/);
    expect(() =>
      readSettings({ QUAYSIDE_TOKEN: 'x'.repeat(20), QUAYSIDE_CONFIG: 'a.json', NPM_URL: 'http://npm:81' }),
    ).toThrow(/NPM_IDENTITY: expected too/);
  });

  it('names a file, which may be JSON or a module, and is told what is wrong with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-config-'));
    try {
      const file = (name: string, content: string) => {
        writeFileSync(join(folder, name), content);
        return readConfig(join(folder, name));
      };
      expect(await file('a.json', '{"projects":{}}')).toEqual({ projects: {} });
      expect(await file('a.mjs', 'export default { projects: {}, settings: {} }')).toEqual({
        projects: {},
        settings: {},
      });
      await expect(file('b.json', '{"project":{}}')).rejects.toThrow(
        /b\.json is no configuration:[\s\S]*projects: expected projects by name/,
      );
      await expect(file('c.json', '{')).rejects.toThrow(/c\.json cannot be read/);
      await expect(readConfig(join(folder, 'none.json'))).rejects.toThrow(/none\.json cannot be read/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** It is built before the tests, and after this file was read. */
function openPageLater() {
  let page: ReturnType<typeof openPage> | undefined;
  return () => {
    page ??= openPage(PAGE_FOLDER);
    return page;
  };
}
