/**
 * The certificate of a route that asks for one: what is there for the domain is used, and only where there is none, one is requested.
 *
 * The product asks Let's Encrypt while it holds up the answer, records the certificate before it is issued, and leaves the record behind
 * where it is not. Meanwhile it takes a host that has the domain off nginx, and puts it on again afterwards, whatever came of it. So a
 * certificate is requested before anything of the route is changed.
 */
import { type ProxyError, pause } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Certificate, Certificates } from '../api/certificates.js';
import type { ApiFault, Limits } from '../api/client.js';
import type { About, Host } from '../api/hosts.js';
import { backendFailed, certificateRefused } from '../errors.js';

/** One that ends before that is as good as none: the product renews its own a month before. */
const LEAST_LEFT_MS = 24 * 3_600_000;

/** Between two looks at whether one has come whose answer was lost. */
const LOOK_MS = 500;

/** Answers its number. */
export async function certificateFor(
  domain: string,
  held: Host | undefined,
  work: { readonly certificates: Certificates; readonly certificateTimeoutMs: number; readonly limits: Limits },
  about: About,
): Promise<Result<number, ProxyError>> {
  const { certificates, certificateTimeoutMs, limits } = work;
  const endMs = performance.now() + certificateTimeoutMs;
  const listed = await certificates.list(about, limits);
  if (listed.isErr()) return err(refusal(domain, listed.error));
  const there = best(domain, listed.value, held);
  if (there) return ok(there.id);
  const requested = await certificates.request(domain, certificateTimeoutMs, about, limits);
  if (requested.isOk()) return ok(requested.value.id);

  // The answer was lost perhaps, and not the certificate: what the product still works at is its own to end, now or for the next put.
  const { error: fault } = requested;
  const mayStillCome = fault.kind === 'unclear' && fault.error.kind !== 'proxy-refused';
  for (;;) {
    const now = await certificates.list(about, limits);
    const late = now.isOk() ? best(domain, now.value, held) : undefined;
    if (late) return ok(late.id);
    if (!mayStillCome && now.isOk()) {
      const left = now.value.filter((each) => isLeftover(domain, each));
      for (const { id } of left) await certificates.remove(id, about, limits);
    }
    if (!mayStillCome || performance.now() >= endMs || limits.signal.aborted) return err(refusal(domain, fault));
    await pause(LOOK_MS, limits.signal);
  }
}

function refusal(domain: string, fault: ApiFault): ProxyError {
  if (fault.kind === 'refused') return certificateRefused(domain, fault.error.message.replace(/\.$/, ''), fault.error);
  if (fault.kind === 'unclear') return certificateRefused(domain, fault.detail, fault.error);
  return certificateRefused(domain, 'it knows no certificates', backendFailed(domain, fault.kind));
}

/** The host's own first, so that a person's choice stays; else the one that lasts longest. */
function best(domain: string, all: readonly Certificate[], held: Host | undefined): Certificate | undefined {
  const endsAfter = Date.now() + LEAST_LEFT_MS;
  const good = all.filter((each) => covers(each.domain_names, domain) && each.expires_on > endsAfter);
  const own = good.find(({ id }) => id === held?.certificate_id);
  return own ?? good.sort((a, b) => b.expires_on - a.expires_on)[0];
}

const covers = (names: readonly string[], domain: string): boolean => {
  const wildcard = `*${domain.slice(domain.indexOf('.'))}`;
  return names.some((name) => [domain, wildcard].includes(name.toLowerCase()));
};

/** A record of a request that failed: for this domain alone, and never good. */
const isLeftover = (domain: string, { provider, domain_names: names, expires_on: endsAt }: Certificate): boolean =>
  provider === 'letsencrypt' && names.length === 1 && names[0]?.toLowerCase() === domain && endsAt <= Date.now();
