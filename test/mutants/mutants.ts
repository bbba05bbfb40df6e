// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of sources

/**
 * Deliberate defects of the core, each the rule of the protocol that it breaks, one text, and what it is exchanged for. The
 * simulation has to catch every one. A text that is not there exactly once is an error: a mutant that does not fit proves nothing.
 */
export interface Mutant {
  /** What it breaks, in words. */
  readonly name: string;
  /** Below `packages/core/src`. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a cutover lets visitors in that are to be held',
    file: 'flow/steps/cutover.ts',
    text: 'targets: [target], ...(holding && { holding }), options',
    by: 'targets: [target], ...(holding && {}), options',
  },
  {
    name: 'who takes a cutover back lets visitors in that are to be held',
    file: 'flow/put-back.ts',
    text: 'const back = led && { ...led, ...(holding && { holding }) };',
    by: 'const back = led;',
  },
  {
    name: 'a deployment forgets that its stage is in maintenance',
    file: 'flow/succeed.ts',
    text: '...(state.stage?.value.maintenance && { maintenance: state.stage.value.maintenance }),',
    by: '',
  },
  {
    name: 'a change of maintenance that was broken off is left as it is',
    file: 'tasks/hold.ts',
    text: 'yield* holdRoutes(host, covered, stage?.value.maintenance ?? null, { leases, signal })',
    by: '(void holdRoutes, void stage, void covered, [])',
  },
  {
    name: 'a lease is taken although it is held',
    file: 'kernel/lease.ts',
    text: "if (standing === 'alive' || standing === 'unknown') blockedBy ??= stored?.value;",
    by: '',
  },
  {
    name: 'domains are written without their leases',
    file: 'flow/writes.ts',
    text: 'return domains.map((domain) => `domain:${domain}`).sort();',
    by: 'return [];',
  },
  {
    name: 'a serial proxy is written like a parallel one',
    file: 'flow/writes.ts',
    text: "if (host.proxy.writes === 'serial') return [`proxy:${identity ?? host.proxy.name}`];",
    by: '',
  },
  {
    name: 'nothing is undone',
    file: 'flow/run-steps.ts',
    text: "guard(() => step.undo(flow, entry.intent, options.signal, entry.state === 'open')),",
    by: '(void options, guard(async () => ok(undefined))),',
  },
  {
    name: 'a failed undo does not stop the undo of earlier steps',
    file: 'flow/run-steps.ts',
    text: '    yield* undone;\n    const journal = journalOf(flow);',
    by: '    const journal = journalOf(flow);',
  },
  {
    name: 'the undo of create forgets the container',
    file: 'flow/steps/create.ts',
    text: 'return removeContainer(flow, signal, wasOpen).andThen(() => removeNetworks(flow, networks, signal));',
    by: 'void wasOpen;\n    return removeNetworks(flow, networks, signal);',
  },
  {
    name: 'the undo of route forgets the routes',
    file: 'flow/steps/route.ts',
    text: 'if (!held || !isOurs(flow, route.mark, held)) return ok(undefined);',
    by: 'if (held || !held) return ok(undefined);',
  },
  {
    name: 'the undo of claim forgets the domains',
    file: 'flow/steps/claim.ts',
    text: "changes.push({ op: 'remove', collection: 'routes', id: domain, version: record.version });",
    by: '',
  },
  {
    name: 'the undo of the cutover leaves the routes where they are',
    file: 'flow/steps/cutover.ts',
    text: 'yield* putBack(flow, backOf(moves, next, at), signal);',
    by: 'void moves;',
  },
  {
    name: 'the undo of the cutover leaves the shares',
    file: 'flow/put-back.ts',
    text: 'serves.every((instance) => instance === committed)',
    by: 'serves[0] === committed',
  },
  {
    name: 'recovery does not know the steps of plugins',
    file: 'flow/steps/index.ts',
    text: 'extensions ? [...KNOWN_STEPS, ...extensions.steps] : KNOWN_STEPS;',
    by: '(void extensions, KNOWN_STEPS);',
  },
  {
    name: 'the undo of a plugin’s step is not asked for',
    file: 'plugins/step.ts',
    text: 'if (!given.undo) return ok<void, AnyError>(undefined);',
    by: 'if (given) return ok<void, AnyError>(undefined);',
  },
  {
    name: 'a hook that fails before the commit is passed over',
    file: 'plugins/hooks.ts',
    text: 'yield* called.mapErr((error) => ({ ...error, step: each.step }));',
    by: 'void called;',
  },
  {
    name: 'the journal goes although it is not undone',
    file: 'flow/fail.ts',
    text: '...(open.length > 0 ? {} : { journal: null }),',
    by: 'journal: null,',
  },
  {
    name: 'the cutover comes before the health check',
    file: 'flow/steps/index.ts',
    text: '    healthStep,\n    ...(spec.routes.length > 0 ? [cutoverStep] : []),\n  ];',
    by: '    ...(spec.routes.length > 0 ? [cutoverStep] : []),\n    healthStep,\n  ];',
  },
  {
    name: 'routes of the spec do not become live',
    file: 'flow/succeed.ts',
    text: "{ ...value, ...put, state: 'live', instance: target };",
    by: '{ ...value, ...put, instance: target };',
  },
  {
    name: 'a terminal event is told twice',
    file: 'flow/fail.ts',
    text: '{ type: `deployment.${status}`, payload: { deployment, error: stored } },\n      ...needsHostEvents',
    by: '{ type: `deployment.${status}`, payload: { deployment, error: stored } },\n      { type: `deployment.${status}`, payload: { deployment, error: stored } },\n      ...needsHostEvents',
  },
  {
    name: 'the terminal event of a failure is forgotten',
    file: 'flow/fail.ts',
    text: '{ type: `deployment.${status}`, payload: { deployment, error: stored } },\n      ...needsHostEvents',
    by: '...needsHostEvents',
  },
  {
    name: 'a container goes before its routes',
    file: 'tasks/retire.ts',
    text: '    yield* unroute(\n      host,\n      [...new Set([...task.domains, ...others])],',
    by: "    yield* call('Removing first', signal, (o) => host.runtime.remove(instanceRef(host, instance.value), o));\n    yield* unroute(\n      host,\n      [...new Set([...task.domains, ...others])],",
  },
  {
    name: 'retiring does not remove the container',
    file: 'tasks/retire.ts',
    text: 'yield* call(`Removing ${ref.name}`, signal, (o) => host.runtime.remove(ref, o));',
    by: '',
  },
  {
    name: 'retiring forgets the routes',
    file: 'tasks/work.ts',
    text: 'if (domains.length === 0) return ok<void, AnyError>(undefined);',
    by: 'if (domains.length >= 0) return ok<void, AnyError>(undefined);',
  },
  {
    name: 'what a dead host has left is not undone',
    file: 'flow/settle.ts',
    text: 'const mayUndo = identities !== null && needs === null && found.unfinished.length === 0;',
    by: 'const mayUndo = false;',
  },
  {
    name: 'a deployment whose host died is not ended',
    file: 'flow/settle.ts',
    text: 'yield* endInterrupted(host, ledger, null);',
    by: '',
  },
  {
    name: 'a secret is stored in the clear',
    file: 'flow/environment.ts',
    text: "kept.push({ name, kept: 'sealed', sealed: yield* host.sealer.seal(value, envContext(name)) });",
    by: "kept.push({ name, kept: 'plain', value });",
  },
  {
    name: 'any answer is healthy',
    file: 'flow/health-check.ts',
    text: 'if (judged.good) return ok<Seen, AnyError>(judged);',
    by: 'if (judged.good || status > 0) return ok<Seen, AnyError>({ good: true });',
  },
  {
    name: 'a queued deployment is not told',
    file: 'workers/accept.ts',
    text: 'eventEntries(host, [queued(record), ...asked.events]);',
    by: 'eventEntries(host, asked.events);',
  },
  {
    name: 'the redactor knows no secrets',
    file: 'flow/prepare.ts',
    text: '    ledger.redactor = host.secrets.redactor(resolution.secrets, openly(record));\n    for',
    by: '    ledger.redactor = host.secrets.redactor([], openly(record));\n    for',
  },
  {
    name: 'a success is told twice',
    file: 'flow/succeed.ts',
    text: "          type: 'deployment.succeeded',\n          payload: { deployment, instance: instanceView(current, domains, marks) },\n        },\n",
    by: "          type: 'deployment.succeeded',\n          payload: { deployment, instance: instanceView(current, domains, marks) },\n        },\n        {\n          type: 'deployment.succeeded',\n          payload: { deployment, instance: instanceView(current, domains, marks) },\n        },\n",
  },
  {
    name: 'a success is not told',
    file: 'flow/succeed.ts',
    text: "          type: 'deployment.succeeded',\n          payload: { deployment, instance: instanceView(current, domains, marks) },\n        },\n",
    by: "          type: 'notifier.added',\n          payload: { notifier: String(deployment.id) },\n        },\n",
  },
  {
    name: 'routes of a succeeded deployment lead to nobody',
    file: 'flow/succeed.ts',
    text: "state: 'live', instance: target };",
    by: "state: 'live', instance: before };",
  },
  {
    name: 'a finished task stays',
    file: 'tasks/work.ts',
    text: "{ op: 'remove', collection: 'tasks', id: task.id },",
    by: '',
  },
  {
    name: 'the cleanup of a deployment is never done',
    file: 'tasks/work.ts',
    text: "cleanup: isLast ? 'done' : 'pending',",
    by: "cleanup: 'pending',",
  },
  {
    name: 'the default route is not part of the cutover',
    file: 'flow/steps/cutover.ts',
    text: 'const moved = routes.filter((route) => !there.includes(route));',
    by: 'const moved = routes.filter((route) => !there.includes(route)).slice(1);',
  },
  {
    name: 'tokens of a lease do not grow',
    file: 'kernel/lease.ts',
    text: 'token: (stored?.value.token ?? self.#clock.now()) + 1,',
    by: 'token: 1,',
  },
  {
    name: 'commits are not fenced',
    file: 'flow/ledger.ts',
    text: 'const terms = { signal: this.#lease.lost, fence: [this.#lease.fence] };',
    by: 'const terms = { signal: this.#lease.lost };',
  },
  {
    name: 'who takes over does not wait for what the holder before has begun',
    file: 'kernel/lease.ts',
    text: '? self.#beats.expiredMs(held) + held.effectTimeoutMs + MARGIN_MS',
    by: '? nowMs',
  },
  {
    name: 'a lease is not renewed',
    file: 'kernel/held-lease.ts',
    text: 'void this.#renew(renew);',
    by: 'void renew;',
  },
  {
    name: 'the proof is skipped',
    file: 'flow/steps/cutover.ts',
    text: '(there.length > 0 && flow.seen.proving) || prove(flow, there, signal),\n        put.andThen(() => prove(flow, moved, signal)),',
    by: 'okAsync(undefined),\n        put,',
  },
  {
    name: 'the new default is evicted in place of the one before',
    file: 'flow/succeed.ts',
    text: 'const later: Retirement[] = [];',
    by: "const later: Retirement[] = [];\n    if (going.some(({ reason }) => reason === 'evicted')) {\n      going = [{ instance: current, reason: 'evicted' }];\n      changes.shift();\n    }",
  },
  {
    name: 'the journal comes after the effect',
    file: 'flow/run-steps.ts',
    text: "else if (does === 'effects') yield* begin({ step, intent }, next, flow, signal);",
    by: "else if (does === 'effects') {\n      if (!step.leases) yield* guard(() => step.run(flow, intent, signal));\n      yield* begin({ step, intent }, next, flow, signal);\n    }",
  },
  {
    name: 'the undo of pull forgets the image',
    file: 'flow/steps/pull.ts',
    text: 'if (present) return okAsync(undefined);\n    const { runtime }',
    by: 'if (present || !present) return okAsync(undefined);\n    const { runtime }',
  },
  {
    name: 'the undo of stop-previous does not start it again',
    file: 'flow/steps/stop-previous.ts',
    text: 'return stopped ? startAgain(flow, stopped, signal, wasOpen) : okAsync(undefined);',
    by: 'void stopped;\n    void wasOpen;\n    return okAsync(undefined);',
  },
];
