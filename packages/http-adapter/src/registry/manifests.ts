/** What a reference points to: the digest of its manifest or index, by a HEAD where the registry answers one. */
import { createHash } from 'node:crypto';
import type { RegistryError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Answer } from '../http/exchange.js';
import type { ManifestReference } from './address.js';
import type { Client, RegistryRequest } from './client.js';
import { strange } from './errors.js';
import type { Recent } from './recent.js';

/** Lists first: for an image of several platforms the list is what the tag points to. */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Source: OCI Distribution Specification 1.1: a registry takes manifests of at least 4 MiB, and clients count on no more. */
const MANIFEST_LIMIT_BYTES = 4_194_304;

/** Answers to a HEAD that say nothing about the manifest, only that this registry wants to be asked otherwise. */
const NO_HEAD = [400, 405, 501];

/** What a reference pointed to when it was looked at last, and the tag under which the registry knows that answer. */
export interface Seen {
  readonly etag: string;
  readonly digest: string;
}

type Digest = Result<{ readonly digest: string }, RegistryError>;

export async function resolveManifest(
  client: Client,
  manifest: ManifestReference,
  subject: string,
  seen: Recent<Seen>,
  signal: AbortSignal,
): Promise<Digest> {
  const key = `${manifest.registry}/${manifest.path} ${manifest.reference}`;
  const before = seen.get(key);
  const request: RegistryRequest = {
    repository: manifest,
    method: 'HEAD',
    target: `/v2/${manifest.path}/manifests/${manifest.reference}`,
    // An unchanged tag is a 304: no body, and for many registries no pull that is counted.
    headers: { accept: ACCEPT, ...(before ? { 'if-none-match': before.etag } : {}) },
    bodyLimitBytes: MANIFEST_LIMIT_BYTES,
    subject,
    expects: before ? [304, ...NO_HEAD] : NO_HEAD,
    signal,
  };
  const head = await client.ask(request);
  if (head.isErr()) return err(head.error);
  let answer = head.value;
  let digest = digestHeader(answer);
  if (answer.status !== 304 && (digest === undefined || NO_HEAD.includes(answer.status))) {
    const whole = await client.ask({ ...request, method: 'GET', expects: before ? [304] : [] });
    if (whole.isErr()) return err(whole.error);
    answer = whole.value;
    digest = undefined;
  }
  if (answer.status === 304 && before) return ok({ digest: before.digest });
  const found = digest === undefined ? digestOf(manifest.registry, answer) : ok(digest);
  if (found.isErr()) return err(found.error);
  if (manifest.isDigest && found.value !== manifest.reference) return err(mismatch(manifest.registry));
  const etag = answer.headers.get('etag');
  if (etag) seen.set(key, { etag, digest: found.value });
  else seen.delete(key);
  return ok({ digest: found.value });
}

const digestHeader = ({ headers }: Answer): string | undefined => {
  const text = headers.get('docker-content-digest')?.trim() ?? '';
  return /^sha256:[a-f0-9]{64}$/.test(text) ? text : undefined;
};

/** A digest is the hash of the manifest's bytes. The registry's word for it has to agree, except for the signed format of old. */
function digestOf(registry: string, answer: Answer): Result<string, RegistryError> {
  if (!answer.isWhole) return err(strange(registry, 'manifest-too-long', 'answers a manifest of more than 4 MiB'));
  if (!isManifest(answer.body)) return err(strange(registry, 'no-manifest', 'answers something that is no manifest'));
  const said = digestHeader(answer);
  if (said && answer.headers.get('content-type')?.includes('prettyjws')) return ok(said);
  const computed = `sha256:${createHash('sha256').update(answer.body).digest('hex')}`;
  return said === undefined || said === computed ? ok(computed) : err(mismatch(registry));
}

function isManifest(body: Uint8Array): boolean {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(body)) as { schemaVersion?: unknown } | null;
    return typeof parsed?.schemaVersion === 'number';
  } catch {
    return false;
  }
}

const mismatch = (registry: string): RegistryError => ({
  ...strange(registry, 'digest-mismatch', 'answers a manifest that has not the digest it should have'),
  hint: 'Do not deploy it. Look for a broken cache or mirror between the registry and this process.',
});
