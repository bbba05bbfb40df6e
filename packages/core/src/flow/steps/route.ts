import { err, ok, okAsync } from 'neverthrow';
import type { AnyError } from '../../domain/errors.js';
import { routine } from '../../kernel/routine.js';
import type { HeldRoute } from '../../ports/proxy-manager.js';
import { type Flow, waitOut } from '../flow.js';
import { lookEarly } from '../health-check.js';
import { calls, writes } from '../limits.js';
import type { Step } from '../step.js';
import { startedTarget, targetOf } from '../target.js';
import { forEachRoute, heldRoute, putRoute, removeRoute, writeLeases } from '../writes.js';

interface RouteIntent {
  readonly routes: readonly { readonly domain: string; readonly mark: string }[];
}

/** New tagged routes, before anybody can know of them: so the first request that comes after the check finds its way. */
export const routeStep: Step = {
  name: 'route',
  version: 1,
  limit: (flow) => calls(flow, 1 + writes(flow, flow.spec.routes.length)),
  isForeseen: true,
  intent: (flow) =>
    routine(async function* () {
      const routes: { domain: string; mark: string }[] = [];
      for (const route of flow.spec.routes) {
        if (route.owner.kind !== 'tagged' || !flow.host.proxy?.capabilities.acceptsUnready) continue;
        const record = yield* flow.host.store.get('routes', route.domain, { signal: flow.ledger.lease.lost });
        // Of one that is only being claimed there may be no record yet.
        if (record?.value.state !== 'live') routes.push({ domain: route.domain, mark: route.mark });
      }
      return ok<{ routes: { domain: string; mark: string }[] }, AnyError>({ routes });
    }),
  does: (_flow, intent) => ((intent as unknown as RouteIntent).routes.length === 0 ? 'nothing' : 'effects'),
  leases: (flow, intent) =>
    writeLeases(
      flow.host,
      flow.ledger.record.identities?.proxy ?? null,
      (intent as unknown as RouteIntent).routes.map(({ domain }) => domain),
    ),
  run(flow, intent, signal) {
    const { routes } = intent as unknown as RouteIntent;
    if (routes.length === 0) return okAsync(undefined);
    const instance = flow.target.owner.deployment;
    return routine(async function* () {
      const container = yield* startedTarget(flow, signal);
      const target = targetOf(flow.spec, instance, container);
      // One that has ended already is the health check's to speak about; its route is put with the cutover.
      if (!target || !container) return ok(undefined);
      lookEarly(flow, container, signal);
      return forEachRoute(flow.host, routes, (route) =>
        putRoute(flow, { ...route, targets: [target], options: flow.spec.options.proxy }, signal),
      ).map(() => {
        const domains = routes.map(({ domain }) => domain);
        flow.seen.routed = { domains, host: target.host, port: target.port };
        flow.log('info', `Routed ${domains.join(', ')} to it.`);
      });
    });
  },
  undo(flow, intent, signal, wasOpen) {
    const { routes } = intent as unknown as RouteIntent;
    return forEachRoute(flow.host, routes, (route) =>
      routine(async function* () {
        let held = yield* heldRoute(flow, route.domain, signal);
        if (!held && wasOpen) {
          yield* waitOut(flow, signal);
          held = yield* heldRoute(flow, route.domain, signal);
        }
        if (!held || !isOurs(flow, route.mark, held)) return ok(undefined);
        const removed = await removeRoute(flow, route, signal);
        if (removed.isErr()) return err(removed.error);
        flow.log('info', `Removed the route ${route.domain}.`);
        return ok(undefined);
      }),
    ).map(() => undefined);
  },
};

/** Whether the route is what this deployment put: its mark, and its instance as far as the proxy can tell. */
export const isOurs = (flow: Flow, mark: string, held: HeldRoute): boolean =>
  held.mark === mark &&
  held.targets.every(({ instance }) => instance === null || instance === flow.target.owner.deployment);
