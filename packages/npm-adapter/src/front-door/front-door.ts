/** What the front door says of a domain: which instance it serves there now. */

import { pause } from '@quayside/core/ports';
import type { FrontDoorAddresses } from '../options.js';
import { PROOF_PATH, provenIn } from '../routes/proof-location.js';
import { look, type Question, type Seen } from './look.js';

export type Serving =
  /** `instance` is undefined where something else answers: the default page, somebody else's host. */
  | {
      readonly kind: 'answer';
      readonly instance: string | undefined;
      /** The word for what visitors are told instead (`holdWord`). */
      readonly hold: string | undefined;
      readonly seen: Seen;
    }
  | { readonly kind: 'nothing'; readonly seen: Seen };

export interface Patience {
  readonly signal: AbortSignal;
  leftMs(): number;
}

export interface FrontDoor {
  readonly addresses: FrontDoorAddresses;
  /** The scheme that the domain's requests end up with: `https` once plain HTTP was seen to be sent there. */
  schemeOf(domain: string): 'http' | 'https';
  ask(question: Omit<Question, 'scheme'>): Promise<Seen>;
  serving(domain: string, patience: Patience): Promise<Serving>;
  /**
   * Looks until the condition has held for `STEADY_MS` without a break, or patience is over. Answers what was seen last, and
   * whether it held.
   */
  steadily(
    domain: string,
    condition: (serving: Serving) => boolean,
    patience: Patience,
  ): Promise<{ readonly held: boolean; readonly last: Serving }>;
}

/**
 * For 100 ms after a reload nginx lets old and new workers accept connections alike, so one good answer proves nothing yet: who
 * comes next may still reach the old configuration. After this long without a contrary answer the old ones have stopped.
 */
export const STEADY_MS = 150;
const BETWEEN_MS = 20;
const LOOK_LIMIT_MS = 5_000;

export function frontDoorOf(addresses: FrontDoorAddresses): FrontDoor {
  const secure = new Set<string>();
  const schemeOf = (domain: string) => (secure.has(domain) ? 'https' : 'http');

  const ask: FrontDoor['ask'] = (question) => look(addresses, { ...question, scheme: schemeOf(question.domain) });

  const serving: FrontDoor['serving'] = async (domain, patience) => {
    for (let turn = 1; ; turn += 1) {
      const limitMs = Math.max(1, Math.ceil(Math.min(LOOK_LIMIT_MS, patience.leftMs())));
      const { signal } = patience;
      const seen = await ask({ domain, method: 'GET', path: PROOF_PATH, headers: {}, limitMs, signal });
      if (seen.kind === 'nothing') {
        // Nobody speaks TLS for it, or not any more: the next look begins at the beginning.
        if (secure.delete(domain) && turn === 1 && !signal.aborted) continue;
        return { kind: 'nothing', seen };
      }
      if (turn === 1 && isToHttps(seen, domain) && !secure.has(domain)) {
        secure.add(domain);
        continue;
      }
      const proven = provenIn(seen.status, seen.body);
      return { kind: 'answer', instance: proven?.instance, hold: proven?.hold, seen };
    }
  };

  return {
    addresses,
    schemeOf,
    ask,
    serving,
    async steadily(domain, condition, patience) {
      let sinceMs: number | undefined;
      for (;;) {
        const last = await serving(domain, patience);
        const nowMs = performance.now();
        if (condition(last)) {
          sinceMs ??= nowMs;
          if (nowMs - sinceMs >= STEADY_MS) return { held: true, last };
        } else sinceMs = undefined;
        if (patience.signal.aborted || patience.leftMs() <= 0) return { held: false, last };
        await pause(Math.max(1, Math.min(BETWEEN_MS, patience.leftMs())), patience.signal);
      }
    },
  };
}

const isToHttps = (seen: Seen, domain: string): boolean =>
  seen.kind === 'answer' &&
  [301, 302, 307, 308].includes(seen.status) &&
  new RegExp(`^https://${domain.replaceAll('.', '\\.')}(:\\d+)?/`, 'i').test(seen.location ?? '');

/** For an error: what was seen, in a few words. */
export function describeSeen(seen: Seen, addresses: FrontDoorAddresses, scheme: 'http' | 'https'): string {
  const at = addresses[scheme].origin;
  if (seen.kind === 'nothing') return `${at} does not answer (${seen.text})`;
  const start = seen.body.replace(/\s+/g, ' ').trim().slice(0, 80);
  const to = seen.location === null ? '' : ` to ${seen.location.slice(0, 80)}`;
  return `${at} answers ${seen.status}${to}${start ? `, "${start}"` : ''}`;
}
