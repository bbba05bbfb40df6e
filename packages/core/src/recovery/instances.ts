/** The instances of this engine as they are now: each is looked at once, as watching does it all the time. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { RecoveryReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import { allOf } from '../kernel/pages.js';
import { guard, routine } from '../kernel/routine.js';
import { forEachOf } from '../kernel/width.js';
import { lookAt } from '../watch/instance.js';

/** So many are looked at at once. */
const WIDTH = 8;

type Seen = Pick<RecoveryReport, 'healed' | 'lost'>;

/** @param blind is told of what does not answer */
export function lookAtInstances(host: Host, blind: string[], signal: AbortSignal): ResultAsync<Seen, AnyError> {
  return routine(async function* () {
    const healed = new Set<string>();
    const lost = new Set<string>();
    const offs = [
      host.hub.on('route.healed', ({ route }) => healed.add(route.domain)),
      host.hub.on('instance.condition', ({ instance, condition }) => {
        if (condition?.state === 'lost') lost.add(instance.id);
      }),
    ];
    try {
      const running = yield* allOf(host.store, 'instances', { where: { state: 'running' } }, { signal });
      await forEachOf(running, WIDTH, async ({ value }) => {
        const looked = await guard(() => lookAt(host, value.id, {}, { changedRoutes: 'report' }, signal));
        if (looked.isErr() && !blind.includes(looked.error.message)) blind.push(looked.error.message);
      });
      return ok<Seen, AnyError>({ healed: [...healed], lost: [...lost] });
    } finally {
      for (const off of offs) off();
    }
  });
}
