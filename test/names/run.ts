/**
 * Names under attack: every claim goes through the store's port, and every domain that comes out is looked at by rules of its own,
 * not by those of the code that made it. A part of the claims runs at once, over several connections to one SQLite database.
 *
 *   npm run test:names -- --cases 1000000 [--seed N]
 */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { unwrap } from '../../packages/core/src/domain/errors.js';
import { type DomainOwner, ownerKey } from '../../packages/core/src/domain/names.js';
import { claimDomains, generatedDomain, prepareClaim } from '../../packages/core/src/flow/claim.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { memoryStore } from '../../packages/core/src/testing/memory/store.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { type World, world } from './owners.js';

const { values } = parseArgs({ options: { cases: { type: 'string', default: '20000' }, seed: { type: 'string' } } });
const cases = Number(values.cases);
const seed = values.seed === undefined ? Date.now() % 2_147_483_647 : Number(values.seed);
if (!Number.isInteger(cases) || cases < 1 || !Number.isInteger(seed)) {
  console.error('names: --cases and --seed take whole numbers.');
  process.exit(2);
}

/** Owners of one store in memory, and on SQLite; of all cases this share is claimed concurrently there. */
const OWNERS = 48;
const SQLITE_OWNERS = 400;
const SQLITE_SHARE = 0.02;
const CONNECTIONS = 4;

const signal = new AbortController().signal;
// Hundreds of claims wait at once, and all of them listen to it.
setMaxListeners(0, signal);
let done = 0;
let invalid = 0;
let clashes = 0;
const told: string[] = [];

/** RFC 1035, section 2.3.4 and RFC 1123, section 2.1, written down anew. */
function isValid(domain: string): boolean {
  const labels = domain.split('.');
  const isLabel = (label: string) => {
    if (label.length < 1 || label.length > 63) return false;
    if (label[0] === '-' || label.at(-1) === '-') return false;
    return [...label].every((char) => (char >= 'a' && char <= 'z') || (char >= '0' && char <= '9') || char === '-');
  };
  return domain.length <= 253 && labels.length >= 2 && labels.every(isLabel);
}

async function claim(store: Store, owner: DomainOwner, { defaultRoute, taggedRoute, base }: World): Promise<string> {
  const pattern = owner.kind === 'tagged' ? taggedRoute : defaultRoute;
  const terms = { storeId: 'store', stageKey: ownerKey(owner), claimedBy: 'names', options: null, identity: '' };
  const draft = () => prepareClaim(store, [generatedDomain(pattern, base, owner)], terms, { signal });
  const routes = await unwrap(
    claimDomains(draft, undefined, async (claimed) =>
      claimed.changes.length === 0
        ? (await store.get('routes', claimed.routes[0]?.domain ?? '', { signal })).map(() => claimed.routes)
        : (await store.commit(claimed.changes, { signal })).map(() => claimed.routes),
    ),
  );
  return routes[0]?.domain ?? '';
}

function judge(domain: string, owner: DomainOwner, owners: Map<string, string>): void {
  done += 1;
  if (!isValid(domain)) {
    invalid += 1;
    told.push(`invalid: ${domain} for ${ownerKey(owner)}`);
  }
  const key = ownerKey(owner);
  const other = owners.get(domain);
  if (other !== undefined && other !== key) {
    clashes += 1;
    told.push(`clash: ${domain} for ${key} and ${other}`);
  }
  owners.set(domain, key);
}

/** One owner has one domain, however often it asks: a second one would be a route that nobody removes. */
function judgeSame(first: string, again: string, owner: DomainOwner): void {
  if (first === again) return;
  clashes += 1;
  told.push(`${ownerKey(owner)} got ${first} and then ${again}`);
}

async function inMemory(each: World, limit: number): Promise<void> {
  const store = memoryStore();
  const owners = new Map<string, string>();
  const given = new Map<string, string>();
  for (const owner of each.owners.slice(0, limit)) {
    const domain = await claim(store, owner, each);
    judge(domain, owner, owners);
    judgeSame(given.get(ownerKey(owner)) ?? domain, domain, owner);
    given.set(ownerKey(owner), domain);
  }
}

async function onSqlite(each: World, limit: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-names-'));
  const path = join(folder, 'names.db');
  const stores = Array.from({ length: CONNECTIONS }, () => sqliteStore({ path })._unsafeUnwrap());
  try {
    for (const store of stores) await unwrap(store.storeId({ signal }));
    const wanted = each.owners.slice(0, limit);
    const owners = new Map<string, string>();
    const given = new Map<string, string>();
    // Every owner by two connections at once: the claim alone decides.
    const half = Math.ceil(wanted.length / 2);
    await Promise.all(
      wanted.slice(0, half).flatMap((owner, index) =>
        [0, 1].map(async (shift) => {
          const store = stores[(index + shift) % CONNECTIONS];
          if (!store || (shift === 1 && half + index >= wanted.length)) return;
          const domain = await claim(store, owner, each);
          judge(domain, owner, owners);
          judgeSame(given.get(ownerKey(owner)) ?? domain, domain, owner);
          given.set(ownerKey(owner), domain);
        }),
      ),
    );
  } finally {
    for (const store of stores) await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const concurrent = Math.max(1, Math.round(cases * SQLITE_SHARE));
let round = 0;
while (done < cases) {
  const isConcurrent = done >= cases - concurrent;
  const size = isConcurrent ? SQLITE_OWNERS : OWNERS;
  // A few worlds at a time: what was made needs no room any more.
  const worlds = fc.sample(world(size), { seed: seed + round, numRuns: isConcurrent ? 1 : 50 });
  round += 1;
  for (const each of worlds) {
    const left = (isConcurrent ? cases : cases - concurrent) - done;
    if (left <= 0) break;
    await (isConcurrent ? onSqlite(each, left) : inMemory(each, left));
  }
}

for (const line of told.slice(0, 20)) console.error(line);
console.log(`seed ${seed}, ${concurrent} of them at once over ${CONNECTIONS} connections to SQLite`);
console.log(`names: ${done} cases, ${invalid} invalid, ${clashes} clashes`);
process.exitCode = invalid + clashes > 0 ? 1 : 0;
