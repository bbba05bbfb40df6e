/**
 * What the page knows: projects, instances and deployments, loaded once and kept by the host's stream of events.
 *
 * The stream is opened before anything is loaded, so that nothing can happen unseen in between; and all is loaded again whenever it
 * was open again after a pause, since a store may have given up what was missed.
 */
import type { Deployment, Instance, StoredEvents } from '@quayside/core';
import { SvelteMap } from 'svelte/reactivity';
import { announce } from './announce.svelte.js';
import { api, explain, type ProjectView, streams } from './api.js';
import { hasEnded, newerOf, STATUS_TEXT } from './deployments.js';
import { follow, type StreamState } from './stream.js';

type EventName = keyof StoredEvents;

/** Every event of the store, and whether instances are to be looked at again after it. */
const EVENTS: Readonly<Record<EventName, boolean>> = {
  'deployment.queued': false,
  'deployment.started': false,
  'deployment.step': false,
  'deployment.rolling-back': false,
  'deployment.succeeded': true,
  'deployment.unchanged': true,
  'deployment.failed': true,
  'deployment.cancelled': true,
  'deployment.superseded': false,
  'deployment.abandoned': false,
  'deployment.cleaned': true,
  'deployment.needs-host': false,
  'instance.retiring': true,
  'instance.retired': true,
  'instance.condition': true,
  'instance.pinned': true,
  'instance.unpinned': true,
  'route.healed': true,
  'route.changed': true,
  'stage.maintenance': true,
  'stage.expired': true,
  'store.pruned': false,
  'notifier.added': false,
  'plugin.event': false,
  'audit.recorded': false,
};

const RECENT = 30;
const PAGE = 500;
/** Several events of one commit are answered by one look. */
const SETTLE_MS = 120;

class World {
  projects = $state<readonly ProjectView[]>([]);
  instances = $state<readonly Instance[]>([]);
  deployments = new SvelteMap<string, Deployment>();
  stream = $state<StreamState>('connecting');
  isLoaded = $state(false);
  trouble = $state<{ readonly message: string; readonly hint: string } | null>(null);
  #end: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  open(): void {
    this.#end ??= follow(streams.events, {
      names: Object.keys(EVENTS),
      onEvent: (name, data) => this.#take(name as EventName, data),
      onGap: () => void this.load(),
      onState: (state) => {
        this.stream = state;
        if (state === 'open') void this.load();
        // A stream does not say why it is refused; a call does, and one that is not let in any more leads to signing in.
        if (state === 'waiting') api.projects().catch(() => {});
      },
    });
    void this.load();
  }

  close(): void {
    this.#end?.();
    this.#end = undefined;
    clearTimeout(this.#timer);
    this.deployments.clear();
    this.instances = [];
    this.projects = [];
    this.isLoaded = false;
  }

  async load(): Promise<void> {
    try {
      const [projects, recent] = await Promise.all([
        api.projects(),
        api.deployments({ limit: RECENT }),
        this.#loadInstances(),
      ]);
      this.projects = projects.items;
      for (const deployment of recent.items) this.put(deployment);
      this.isLoaded = true;
      this.trouble = null;
    } catch (thrown) {
      this.trouble = explain(thrown);
    }
  }

  put(deployment: Deployment): void {
    this.deployments.set(deployment.id, newerOf(this.deployments.get(deployment.id), deployment));
  }

  /** Newest first. */
  historyOf(project: string, stage: string): readonly Deployment[] {
    return this.recent.filter((one) => one.project === project && one.stage === stage);
  }

  instancesOf(project: string, stage: string): readonly Instance[] {
    return this.instances
      .filter((one) => one.project === project && one.stage === stage)
      .sort((a, b) => Number(b.isDefault) - Number(a.isDefault) || b.createdAt - a.createdAt);
  }

  recent = $derived([...this.deployments.values()].sort((a, b) => b.queuedAt - a.queuedAt || (a.id < b.id ? 1 : -1)));

  async #loadInstances(): Promise<void> {
    const all: Instance[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: readonly Instance[]; next: string | null } = await api.instances({ limit: PAGE, cursor });
      all.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    this.instances = all;
  }

  #take(name: EventName, data: unknown): void {
    const deployment = deploymentIn(data);
    if (deployment) {
      const known = this.deployments.get(deployment.id);
      this.put(deployment);
      if (hasEnded(deployment) && known && !hasEnded(known)) {
        const { project, stage, tag, status } = deployment;
        announce(`${project} ${stage} ${tag}: ${STATUS_TEXT[status]}`);
      }
    }
    if (!EVENTS[name]) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // What fails now is made up by the next event, or when the stream opens again.
      this.#loadInstances().catch(() => {});
    }, SETTLE_MS);
  }
}

/** An event's data is the event as the store has it, with its payload. */
function deploymentIn(data: unknown): Deployment | undefined {
  const { payload } = (data ?? {}) as { payload?: { deployment?: Deployment } };
  return payload?.deployment;
}

export const world = new World();
