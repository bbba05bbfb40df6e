/** A tag like another one, with a digest of its own: the same layers under another version, made at the registry in no time. */
import { createHash } from 'node:crypto';

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly mediaType: string; readonly size: number; readonly digest: string };
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/**
 * The app of the copy answers the copy's tag.
 * @returns its digest
 */
export async function copyTag(registry: string, repository: string, from: string, to: string): Promise<string> {
  const at = `http://${registry}/v2/${repository}`;
  const manifest = (await (await get(`${at}/manifests/${from}`, { accept: MANIFEST })).json()) as Manifest;
  const config = (await (await get(`${at}/blobs/${manifest.config.digest}`)).json()) as {
    config: { Env: readonly string[] };
  };
  const env = config.config.Env.map((line) => (line.startsWith('APP_VERSION=') ? `APP_VERSION=${to}` : line));
  const body = JSON.stringify({ ...config, config: { ...config.config, Env: env } });
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const upload = await sent(`${at}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(upload.headers.get('location') ?? '', at);
  place.searchParams.set('digest', digest);
  await sent(place.href, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } });
  const copy = { ...manifest, config: { ...manifest.config, size: Buffer.byteLength(body), digest } };
  const put = await sent(`${at}/manifests/${to}`, {
    method: 'PUT',
    body: JSON.stringify(copy),
    headers: { 'content-type': MANIFEST },
  });
  const made = put.headers.get('docker-content-digest');
  if (!made) throw new Error(`The registry told no digest of ${to}.`);
  return made;
}

const get = (url: string, headers: Record<string, string> = {}) => sent(url, { headers });

async function sent(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
