/** The page as it was built, held in memory: a few files, and no path from outside ever reaches the file system. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

export interface Page {
  /** The file at that path, or the page itself, which finds out what its address means. */
  answer(request: Request): Response;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing but its own files: a name or a log line that would become markup could load and run nothing. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

interface File {
  readonly body: Buffer<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws where there is no built page in that folder */
export function openPage(folder: string): Page {
  if (!existsSync(join(folder, 'index.html')))
    throw new Error(`There is no built page in ${folder}. Build it first: npm run build -w examples/platform`);
  const files = new Map<string, File>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    files.set(`/${relative(folder, path).split(sep).join('/')}`, fileOf(path));
  }
  const index = files.get('/index.html') as File;
  return {
    answer(request) {
      const { pathname } = new URL(request.url);
      const file = files.get(pathname) ?? index;
      // A file that an older page asks for is gone: the page in its place would be read as a script.
      if (file === index && pathname.startsWith('/assets/'))
        return new Response('Gone with an older version.', { status: 404 });
      if (request.headers.get('if-none-match') === file.headers['etag'])
        return new Response(null, { status: 304, headers: file.headers });
      return new Response(request.method === 'HEAD' ? null : file.body, { headers: file.headers });
    },
  };
}

function fileOf(path: string): File {
  const body = readFileSync(path);
  return {
    body,
    headers: {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      // What is in `assets` has its content's hash in its name.
      'cache-control': path.includes(`${sep}assets${sep}`) ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    },
  };
}
