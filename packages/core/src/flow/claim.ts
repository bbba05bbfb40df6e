/**
 * Claims: which domain an owner gets. Names alone cannot decide it (two owners may meet in one label), so a domain is a record,
 * inserted if absent, and who comes second tries again with a hash of its owner in the label.
 */
import { err, errAsync, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { type DomainOwner, domainCandidate, ownerKey, routeMark } from '../domain/names.js';
import type { RouteRecord } from '../domain/records.js';
import type { SpecRoute } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { Change, Store, Stored, StoreError } from '../ports/store.js';
import type { Host } from './host.js';

/** A domain that is wanted for an owner; undefined from the attempt on that there is nothing more to try. */
export interface WantedDomain {
  readonly owner: DomainOwner;
  candidate(attempt: number): string | undefined;
}

/** So many labels are tried: the last ones have all of the hash in them, so only a bug needs more. */
const ATTEMPTS_MAX = 8;
/** So often a claim is tried again that somebody else was quicker with. */
const RACES_MAX = 50;

export const generatedDomain = (pattern: string, base: string, owner: DomainOwner): WantedDomain => ({
  owner,
  candidate: (attempt) => (attempt < ATTEMPTS_MAX ? domainCandidate(pattern, owner, base, attempt) : undefined),
});

/** A domain that is this one or none: a custom one, or one that a recorded spec has. */
export const fixedDomain = (domain: string, owner: DomainOwner): WantedDomain => ({
  owner,
  candidate: (attempt) => (attempt === 0 ? domain : undefined),
});

export interface Claim {
  readonly routes: readonly SpecRoute[];
  /** The records behind them as they are now; undefined where the claim makes a new one. In the order of `routes`. */
  readonly records: readonly (RouteRecord | undefined)[];
  /** What the claim's commit has to write. Empty where everything is live already. */
  readonly changes: readonly Change[];
  /** What it claims anew, and undo gives back. */
  readonly fresh: readonly string[];
  /** Of those, what was about to leave: the proxy may still hold it, and who was to remove it there sees that it is claimed. */
  readonly taken: readonly string[];
}

export interface ClaimTerms {
  readonly storeId: string;
  readonly stageKey: string;
  /** The deployment. */
  readonly claimedBy: string;
  readonly options: Json;
  readonly identity: string;
}

/** What the claim would be, as the store is now. It writes nothing. */
export function prepareClaim(
  store: Pick<Store, 'get' | 'list'>,
  wanted: readonly WantedDomain[],
  terms: ClaimTerms,
  options: CallOptions,
): ResultAsync<Claim, StoreError | TaggedError<'domain-taken'> | AnyError> {
  return routine(async function* () {
    const routes: SpecRoute[] = [];
    const records: (RouteRecord | undefined)[] = [];
    const changes: Change[] = [];
    const fresh: string[] = [];
    const taken: string[] = [];
    const chosen = new Set<string>();
    for (const each of wanted) {
      const { domain, stored } = yield* choose(store, each, chosen, options);
      chosen.add(domain);
      routes.push({ domain, owner: each.owner, mark: routeMark(terms.storeId, domain) });
      records.push(stored?.value);
      const change = changeFor(domain, each.owner, stored, terms);
      if (!change) continue;
      changes.push(change);
      fresh.push(domain);
      if (stored?.value.state === 'leaving') taken.push(domain);
    }
    return ok({ routes, records, changes, fresh, taken });
  });
}

/** An owner keeps the domain that it has, as long as the pattern can still lead to it; else the first that is free. */
function choose(
  store: Pick<Store, 'get' | 'list'>,
  { owner, candidate }: WantedDomain,
  chosen: ReadonlySet<string>,
  options: CallOptions,
): ResultAsync<{ domain: string; stored: Stored<RouteRecord> | undefined }, StoreError | AnyError> {
  return routine(async function* () {
    const key = ownerKey(owner);
    const own = yield* store.list('routes', { where: { ownerKey: key } }, options);
    // Only as many as are tried: from the second on a hash is part of each.
    function* candidates(): Generator<string> {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
        const domain = candidate(attempt);
        if (domain === undefined) return;
        if (!chosen.has(domain)) yield domain;
      }
    }
    if (own.length > 0)
      for (const domain of candidates()) {
        const stored = own.find(({ value }) => value.id === domain);
        if (stored) return ok({ domain, stored });
      }
    let other: RouteRecord | undefined;
    for (const domain of candidates()) {
      const stored = yield* store.get('routes', domain, options);
      // Its own after all: claimed by somebody else for the same owner between the two readings.
      if (!stored || stored.value.ownerKey === key) return ok({ domain, stored });
      other = stored.value;
    }
    return err(takenHere(candidate(0) ?? '', other));
  });
}

function changeFor(
  domain: string,
  owner: DomainOwner,
  stored: Stored<RouteRecord> | undefined,
  terms: ClaimTerms,
): Change | undefined {
  if (stored?.value.state === 'live') return undefined;
  const record: RouteRecord = {
    id: domain,
    owner,
    ownerKey: ownerKey(owner),
    stageKey: terms.stageKey,
    mark: routeMark(terms.storeId, domain),
    state: 'pending',
    // Where a route that was about to leave still leads: who retires that instance removes it there, until it is put anew.
    instance: stored?.value.state === 'leaving' ? stored.value.instance : null,
    target: null,
    claimedBy: terms.claimedBy,
    options: terms.options,
    identity: terms.identity,
  };
  return stored
    ? { op: 'put', collection: 'routes', record, version: stored.version }
    : { op: 'insert', collection: 'routes', record };
}

/** A claim as things are now, of domains that the proxy holds for nobody else. */
export const draftClaim = (
  host: Pick<Host, 'store' | 'proxy' | 'call'>,
  wanted: readonly WantedDomain[],
  terms: ClaimTerms,
  options: CallOptions,
): ResultAsync<Claim, AnyError> =>
  prepareClaim(host.store, wanted, terms, options).andThen((claim) =>
    refuseForeign(host, claim.routes, options).map(() => claim),
  );

/**
 * Drafts and commits, again and again while others are quicker: which of two gets a domain is decided by the commit alone.
 * @param first the first draft, where there is one already
 */
export function claimDomains<T>(
  draft: () => ResultAsync<Claim, AnyError>,
  first: ResultAsync<Claim, AnyError> | undefined,
  commit: (claim: Claim) => PromiseLike<Result<T, AnyError>>,
): ResultAsync<T, AnyError> {
  return routine(async function* () {
    for (let race = 0; ; race += 1) {
      const claim = yield* (race === 0 && first) || draft();
      const committed = await commit(claim);
      if (committed.isOk()) return ok(committed.value);
      const { error } = committed;
      const isRace = error.kind === 'store-conflict' && 'collection' in error && error.collection === 'routes';
      if (!isRace || race >= RACES_MAX) return err(error);
    }
  });
}

/** Refuses a domain that the proxy holds for somebody else, before anything is made. */
function refuseForeign(
  host: Pick<Host, 'proxy' | 'call'>,
  routes: readonly SpecRoute[],
  { signal }: CallOptions,
): ResultAsync<void, AnyError> {
  const { proxy } = host;
  return routine(async function* () {
    if (!proxy) return ok(undefined);
    const looks = await Promise.all(
      routes.map(async ({ domain, mark }) => {
        const held = await host.call(`Reading the route ${domain}`, signal, (options) => proxy.get(domain, options));
        if (held.isErr()) return err<void, AnyError>(held.error);
        const isForeign = held.value !== undefined && held.value.mark !== mark;
        return isForeign ? err<void, AnyError>(takenThere(domain, proxy.name)) : ok<void, AnyError>(undefined);
      }),
    );
    for (const look of looks) if (look.isErr()) return errAsync(look.error);
    return ok(undefined);
  });
}

const takenHere = (domain: string, other: RouteRecord | undefined): TaggedError<'domain-taken'> =>
  failure(
    'domain-taken',
    other
      ? `${domain} belongs to stage "${other.owner.stage}" of project "${other.owner.project}"${other.owner.tag === undefined ? '' : `, tag ${other.owner.tag}`}.`
      : `${domain} is wanted twice by one stage.`,
    'Give each stage domains of its own, or remove the stage that has it.',
  );

const takenThere = (domain: string, proxy: string): TaggedError<'domain-taken'> =>
  failure(
    'domain-taken',
    `${domain} is held at the proxy ${proxy} by somebody else: it does not carry this store's mark.`,
    'Remove it there, or choose another domain. Nothing was touched.',
  );
