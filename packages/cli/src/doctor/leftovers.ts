import type { Check } from './checks.js';
import { type Finding, failure, good, skipped, warning } from './finding.js';

/** So many deployments of the history are looked at. */
const LOOKED_AT = 200;

/** What nobody owns any more, and what nobody has finished. */
export const checkLeftovers: Check = async ({ deployer }, signal) => {
  const found: Finding[] = [];
  const pruned = await deployer.prune({ unowned: true, dryRun: true, signal });
  if (pruned.isErr()) return [failure('leftovers', pruned.error)];
  const { kept, unowned: all } = pruned.value;
  const { containers, routes } = all;
  // Where nobody answers there was nothing to see, and what is needed is no leftover.
  found.push(...[...new Set(kept)].map((text) => skipped('leftovers', text)));
  const unowned = [...containers.map((name) => `container ${name}`), ...routes.map((domain) => `route ${domain}`)];
  if (unowned.length > 0)
    found.push(
      warning('leftovers', `${unowned.join(', ')}: no record owns them`, 'Remove them: `quayside prune --unowned`.'),
    );
  const page = await deployer.deployments.list({ limit: LOOKED_AT, signal });
  if (page.isErr()) return [...found, failure('leftovers', page.error)];
  for (const { id, needsHost, cleanup, left } of page.value.items) {
    if (needsHost !== null)
      found.push(
        warning(
          'leftovers',
          `deployment ${id} needs another host: ${needsHost}`,
          'Run `quayside recover` where that is.',
        ),
      );
    else if (cleanup === 'pending')
      found.push(
        warning(
          'leftovers',
          `deployment ${id} has left ${left.join(', ') || 'something'}`,
          'Run `quayside recover`: it is tried again.',
        ),
      );
  }
  return found.length > 0 ? found : [good('leftovers', 'everything of ours belongs to a record')];
};
