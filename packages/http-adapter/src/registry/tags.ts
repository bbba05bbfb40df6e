import type { RegistryError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Answer } from '../http/exchange.js';
import type { Repository } from './address.js';
import type { Client } from './client.js';
import { strange } from './errors.js';

/** Of one page; 100 000 tags of the greatest length have 13 MB. */
const PAGE_LIMIT_BYTES = 16_777_216;
/** No repository has so many: a list that goes on is a registry gone wrong. */
const PAGES_MAX = 10_000;

/** Follows the pages to the last one. Source: OCI Distribution Specification 1.1, "Listing Tags". */
export async function listTags(
  client: Client,
  repository: Repository,
  options: { readonly subject: string; readonly pageSize: number; readonly signal: AbortSignal },
): Promise<Result<readonly string[], RegistryError>> {
  const { subject, pageSize, signal } = options;
  const tags = new Set<string>();
  const visited = new Set<string>();
  let target: string | undefined = `/v2/${repository.path}/tags/list?n=${pageSize}`;
  while (target !== undefined) {
    if (visited.has(target) || visited.size >= PAGES_MAX) {
      return err(
        strange(repository.registry, 'endless-pages', `answers a list of tags of ${subject} that does not end`),
      );
    }
    visited.add(target);
    const page = await client.ask({
      repository,
      method: 'GET',
      target,
      headers: { accept: 'application/json' },
      bodyLimitBytes: PAGE_LIMIT_BYTES,
      subject,
      signal,
    });
    if (page.isErr()) return err(page.error);
    const found = tagsOf(page.value);
    if (!found) return err(strange(repository.registry, 'no-tags', `answers no list of tags of ${subject}`));
    for (const tag of found) tags.add(tag);
    target = nextTarget(page.value.headers.get('link'), `${repository.origin}${target}`);
  }
  return ok([...tags]);
}

function tagsOf({ body, isWhole }: Answer): readonly string[] | undefined {
  if (!isWhole) return undefined;
  try {
    const parsed = JSON.parse(new TextDecoder().decode(body)) as { tags?: unknown } | null;
    // `null` is how an empty repository is told by the distribution registry.
    if (parsed?.tags === null) return [];
    if (!Array.isArray(parsed?.tags)) return undefined;
    return parsed.tags.filter((tag): tag is string => typeof tag === 'string');
  } catch {
    return undefined;
  }
}

/**
 * Of `</v2/shop/tags/list?last=c&n=10>; rel="next"` the path and query. Its host does not count: behind a proxy it is often a
 * wrong one, and a token must not follow it.
 */
export function nextTarget(link: string | null, current: string): string | undefined {
  for (const part of link?.split(/,(?=\s*<)/) ?? []) {
    const [, reference, parameters = ''] = /^\s*<([^>]*)>(.*)$/.exec(part) ?? [];
    if (reference === undefined || !/;\s*rel\s*=\s*"?next"?/i.test(parameters)) continue;
    if (!URL.canParse(reference, current)) return undefined;
    const { pathname, search } = new URL(reference, current);
    return pathname.startsWith('/v2/') ? `${pathname}${search}` : undefined;
  }
  return undefined;
}
