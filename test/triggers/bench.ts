/** Receivers and a poller before a real deployer whose engine, registry and proxy are in memory, on a clock that the test owns. */
import { readFileSync } from 'node:fs';
import { loadAll } from '../../packages/core/src/deployer/load-all.js';
import { createDeployer, type Deployer, type Registry, unwrap } from '../../packages/core/src/index.js';
import { type MemoryWorld, memoryWorld } from '../../packages/core/src/testing/index.js';
import {
  type SourceOptions,
  type TagPolicy,
  type TriggerReport,
  type Triggers,
  triggers,
} from '../../packages/trigger-adapter/src/index.js';
import { SECRET, type Sender, SIGNING_SECRET, signed } from './senders.js';

export type Kind = SourceOptions['kind'];

/** What a registry sent, or its documentation shows. */
export interface Fixture {
  readonly source: Kind;
  /** Where it is from. */
  readonly origin: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: unknown;
}

// A clock that stands still does not wait for a file to be read.
await loadAll();

const known = new Map<string, Fixture>();

export function fixture(name: string): Fixture {
  const found =
    known.get(name) ??
    (JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as Fixture);
  known.set(name, found);
  return structuredClone(found);
}

/** The repository that the fixtures of a source tell of. */
export const IMAGES: { readonly [K in Kind]: string } = {
  'docker-hub': 'acme/shop',
  ghcr: 'ghcr.io/octo-org/shop',
  gitlab: 'registry.gitlab.com/acme/shop',
  harbor: 'harbor.example.com/acme/shop',
  quay: 'quay.io/acme/shop',
  gitea: 'git.example.com/acme/shop',
  distribution: 'registry.example.com/acme/shop',
  signed: 'registry.example.com/acme/shop',
};

export const SOURCES = {
  hub: { kind: 'docker-hub', secret: SECRET },
  ghcr: { kind: 'ghcr', secret: SECRET },
  gitlab: { kind: 'gitlab', secret: [SECRET, SIGNING_SECRET] },
  harbor: { kind: 'harbor', secret: SECRET, registry: 'harbor.example.com' },
  quay: { kind: 'quay', secret: SECRET },
  gitea: { kind: 'gitea', secret: SECRET, registry: 'git.example.com' },
  registry: { kind: 'distribution', secret: SECRET, registry: 'registry.example.com' },
  ci: { kind: 'signed', secret: SIGNING_SECRET },
} as const satisfies { readonly [name: string]: SourceOptions };

export interface Bench extends AsyncDisposable {
  readonly world: MemoryWorld;
  readonly deployer: Deployer;
  readonly reports: readonly TriggerReport[];
  /** What the registry was asked, one text per call. */
  readonly asked: string[];
  /** From now on the registry does not answer, and asks to be left alone. */
  away: boolean;
  /** Puts tags into the registry: of each what it points to, by a word. */
  push(tags: { readonly [tag: string]: string }): void;
  send(name: string, sender?: Sender): Promise<Response>;
  poll(): Promise<void>;
  /** Until nothing waits, and every deployment has ended. */
  settle(): Promise<void>;
  /** The triggers die where they are, and others begin over the same store. */
  restart(how?: 'killed' | 'closed'): Promise<void>;
  /** `stage tag`, in their order. */
  deployed(): Promise<readonly string[]>;
  /** Deployments of a digest that was the one before on its stage already. */
  doubles(): Promise<number>;
}

export interface BenchOptions {
  readonly kind: Kind;
  readonly tags: TagPolicy;
  /** How many processes there are over the one store; the first receives. Default 1. */
  readonly polls?: boolean;
}

const STAGES = { port: 3000, maxInstances: 2 } as const;

export async function openBench({ kind, tags, polls = false }: BenchOptions): Promise<Bench> {
  const world = memoryWorld();
  const image = IMAGES[kind];
  const asked: string[] = [];
  const reports: TriggerReport[] = [];
  let isAway = false;
  const away = <T>(answer: T, error: T): T => (isAway ? error : answer);
  const registry: Registry = {
    ...world.registry,
    resolve(reference, options) {
      asked.push(`resolve ${reference}`);
      return away(world.registry.resolve(reference, options), unreachable());
    },
    tags(repository, options) {
      asked.push(`tags ${repository}`);
      return away(world.registry.tags(repository, options), unreachable());
    },
  };
  const { errAsync } = await import('neverthrow');
  const unreachable = () =>
    errAsync({
      kind: 'registry-unreachable' as const,
      code: '429',
      message: 'The registry answered 429.',
      hint: 'Wait.',
      retryable: true,
      details: { retryAfterMs: 20_000 },
    });
  const { engine, clock, ids, runtime, proxy, probe, store } = world;
  const deployer = await unwrap(
    createDeployer({
      clock,
      ids,
      runtime,
      proxy,
      probe,
      store,
      registry,
      settings: { domain: 'apps.test' },
      projects: {
        shop: { image, stages: { dev: STAGES } },
        // Its repository begins with the other's name: nothing that is sent here is meant for it.
        admin: { image: `${image}-admin`, stages: { dev: STAGES } },
      },
    }),
  );
  const begin = (): Triggers =>
    unwrap(
      triggers({
        deployer,
        registry,
        store: store.connect(),
        clock,
        random: () => 0.5,
        onReport: (report) => reports.push(report),
        watch: [
          { project: 'shop', stage: 'dev', image, tags, poll: polls },
          { project: 'admin', stage: 'dev', image: `${image}-admin`, tags: { glob: '*' }, poll: false },
        ],
        sources: SOURCES,
      }),
    );
  let current = begin();

  const all = async () => [...(await unwrap(deployer.deployments.list({ limit: 100 }))).items].reverse();
  const pass = async (until: () => Promise<boolean>) => {
    for (let round = 0; round < 200; round += 1) {
      await clock.advance(1_500);
      // A port of ours that takes a turn of the process, such as a hash, takes no time of that clock.
      await new Promise((resolve) => setImmediate(resolve));
      if (await until()) return;
    }
    throw new Error('It does not come to rest.');
  };

  return {
    world,
    deployer,
    reports,
    asked,
    get away() {
      return isAway;
    },
    set away(value) {
      isAway = value;
    },
    push(tagged) {
      for (const [tag, word] of Object.entries(tagged)) {
        for (const repository of [image, `${image}-admin`]) {
          const digest = engine.push(`${repository}:${word}`, { body: word });
          engine.registry.delete(`${repository}:${word}`);
          engine.registry.set(`${repository}:${tag}`, digest);
        }
      }
    },
    send: async (name, sender = {}) => current.fetch(await signed(name, fixture(name), sender, clock.now())),
    async poll() {
      let isThrough = false;
      void current.poll().then(() => {
        isThrough = true;
      });
      await pass(async () => isThrough);
    },
    async settle() {
      let isIdle = false;
      void current.idle().then(() => {
        isIdle = true;
      });
      await pass(async () => isIdle);
      await pass(async () => (await all()).every(({ endedAt }) => endedAt !== null));
    },
    async restart(how = 'killed') {
      // Killed: whatever it holds in memory is gone.
      await current.close({ timeoutMs: how === 'killed' ? 1 : 1_000 });
      current = begin();
      current.start();
      await clock.advance(1);
      // What is read from the store takes a turn or two.
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    deployed: async () => (await all()).map(({ project, tag }) => (project === 'shop' ? tag : `${project} ${tag}`)),
    async doubles() {
      const last = new Map<string, string | null>();
      let count = 0;
      for (const { project, stage, digest } of await all()) {
        if (digest !== null && last.get(`${project}/${stage}`) === digest) count += 1;
        last.set(`${project}/${stage}`, digest);
      }
      return count;
    },
    async [Symbol.asyncDispose]() {
      await current.close({ timeoutMs: 1_000 });
      await deployer.close({ timeoutMs: 1 }).catch(() => undefined);
    },
  };
}
